"""The fused layers of a Llama are compared with the layers of transformers."""

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.frozen import fingerprint
from rpt.backbones.fused import REPLACEMENTS, GroupedAttention, fuse
from tests.support.models import MAKERS, VOCAB

# Largest relative distance of gradients, by dtype. The softmax is computed in float32 in every dtype.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03}
LENGTHS = (9, 14, 6)


def plain(name="llama", dtype=torch.float32, **changes):
    torch.manual_seed(0)
    config = MAKERS[name][1]()
    config.update({"head_dim": 16, **changes})  # the scaling 1 / sqrt(16) is a power of two
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return model.to(dtype).eval().requires_grad_(False)


def fused(model):
    model = copy.deepcopy(model)
    fuse(model)
    return model


def loss_and_gradient(model, dtype):
    """Return the cross-entropy of random labels without padding, the logits, and the gradient of a prompt."""
    rng = torch.Generator().manual_seed(1)
    prompt = torch.randn(5, 32, dtype=torch.float64, generator=rng).to(dtype).requires_grad_(True)
    text = torch.randn(3, max(LENGTHS) - 5, 32, dtype=torch.float64, generator=rng).to(dtype)
    mask = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).long()
    logits = model(inputs_embeds=torch.cat([prompt.expand(3, -1, -1), text], dim=1), attention_mask=mask).logits
    logits = logits[mask.bool()]
    labels = torch.randint(3, VOCAB, (len(logits),), generator=rng)
    loss = torch.nn.functional.cross_entropy(logits.double(), labels)
    loss.backward()
    return loss.item(), logits.detach(), prompt.grad


def distance(value, reference):
    """Return the Euclidean distance, relative to the norm of the reference."""
    return float((value.double() - reference.double()).norm() / reference.double().norm())


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_fused_llama_has_the_same_bits_of_loss_and_logits_and_nearly_the_same_gradient(dtype, kv_heads):
    model = plain(dtype=dtype, num_key_value_heads=kv_heads)
    loss, logits, gradient = loss_and_gradient(fused(model), dtype)
    expected, expected_logits, expected_gradient = loss_and_gradient(model, dtype)
    assert loss == expected
    assert torch.equal(logits, expected_logits)
    assert distance(gradient, expected_gradient) < TOLERANCES[dtype]


def test_rounding_errors_in_bfloat16_are_not_larger_than_those_of_transformers():
    exact = loss_and_gradient(plain(dtype=torch.bfloat16).double(), torch.float64)[2]
    model = plain(dtype=torch.bfloat16)
    changed, original = (loss_and_gradient(each, torch.bfloat16)[2] for each in (fused(model), model))
    assert 0 < distance(changed, exact) < 1.1 * distance(original, exact)


def test_all_layers_of_a_fused_llama_are_replaced():
    model = plain()
    types = {type(module) for module in fused(model).modules()}
    assert {*REPLACEMENTS} <= {type(module) for module in model.modules()}
    assert {*REPLACEMENTS.values()} <= types
    assert not {*REPLACEMENTS} & types


def test_fusing_keeps_parameters_names_and_fingerprint():
    model = plain()
    other = fused(model)
    assert list(model.state_dict()) == list(other.state_dict())
    assert fingerprint(model.named_parameters()) == fingerprint(other.named_parameters())


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "olmo2", "phi3"])
def test_a_model_of_another_type_keeps_its_layers(name):
    model = plain(name)
    assert [type(module) for module in fused(model).modules()] == [type(module) for module in model.modules()]


@pytest.mark.parametrize("kv_heads", [1, 3, 6])
def test_a_row_of_attention_does_not_depend_on_the_other_rows(kv_heads):
    query, key, value = (torch.randn(4, heads, 11, 16).bfloat16() for heads in (6, kv_heads, kv_heads))
    mask = torch.zeros(4, 1, 11, 11).masked_fill(torch.rand(4, 1, 11, 11) < 0.3, -1e30).bfloat16()
    whole = GroupedAttention.apply(query, key, value, mask, 0.25)
    query[1:], key[1:], value[1:] = 3, -2, 5
    assert torch.equal(GroupedAttention.apply(query, key, value, mask, 0.25)[0], whole[0])


def test_trainable_weights_get_the_gradients_of_transformers():
    model = plain().requires_grad_(True)
    other = fused(model)
    for each in (model, other):
        loss_and_gradient(each, torch.float32)
    for (name, weight), changed in zip(model.named_parameters(), other.parameters(), strict=True):
        if "embed_tokens" in name:
            continue  # the input are embeddings and not token ids
        torch.testing.assert_close(changed.grad, weight.grad, rtol=0, atol=1e-5 * float(weight.grad.abs().max()))
    assert model.model.norm.weight.grad.abs().max() > 0


def test_a_head_whose_scaling_is_no_power_of_two_has_the_attention_of_transformers():
    model = plain(dtype=torch.bfloat16, head_dim=8)
    logits, expected = (loss_and_gradient(each, torch.bfloat16)[1] for each in (fused(model), model))
    assert torch.equal(logits, expected)


def test_dropout_of_attention_equals_that_of_transformers():
    model = plain(attention_dropout=0.5).train()
    results = []
    for each in (model, fused(model)):
        torch.manual_seed(2)
        results.append(loss_and_gradient(each, torch.float32)[1])
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-4)
    torch.manual_seed(3)
    assert not torch.allclose(loss_and_gradient(model, torch.float32)[1], results[0])


def test_a_fused_llama_generates_the_tokens_of_transformers():
    model = plain()
    ids = torch.randint(3, VOCAB, (2, 6), generator=torch.Generator().manual_seed(4))
    options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 8, "do_sample": False}
    assert torch.equal(fused(model).generate(ids, **options), model.generate(ids, **options))


def test_the_backbone_of_a_decoder_is_fused():
    backbone = CausalBackbone(plain(), None, "")
    assert {*REPLACEMENTS.values()} <= {type(module) for module in backbone.model.modules()}
