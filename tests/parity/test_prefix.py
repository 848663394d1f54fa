"""The prefix is compared with PEFT's prefix tuning and with the equations of P-tuning v2."""

import json
import math

import pytest
import torch
from peft import PeftModel, PrefixEncoder, PrefixTuningConfig, get_peft_model
from torch.nn.functional import gelu

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.encoder import EncoderBackbone
from rpt.backbones.files import FAMILIES
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.errors import ConfigError
from rpt.prompt.insert import attend
from rpt.prompt.peft_layout import with_cross_attention
from rpt.prompt.prefix import Prefix
from rpt.prompt.stored import PREFIX_METHODS, read_prompt
from rpt.tracking.adapter import write_adapter
from tests.support.models import make_model, tokenizer

LENGTH = 4
CLASSES = {"encoder": EncoderBackbone, "seq2seq": Seq2SeqBackbone, "causal": CausalBackbone}
TASK_TYPES = {"encoder": "FEATURE_EXTRACTION", "seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM"}
DECODERS = ("llama", "gpt2", "gpt_neox", "qwen2", "qwen3", "mistral", "phi3", "olmo2")
ENCODERS = ("bert", "roberta", "xlm-roberta", "electra", "electra small")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

IDS = torch.randint(5, 50, (2, 6), generator=torch.Generator().manual_seed(1))
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
WRITTEN = torch.randint(5, 50, (2, 3), generator=torch.Generator().manual_seed(2))


def family_of(kind):
    return next(family for family, kinds in FAMILIES.items() if kind.split()[0] in kinds)


def load(kind):
    """Return a float64 backbone of a model type, a random prefix for it, and the prefix as keys and values."""
    family, model = family_of(kind), make_model(kind).double()
    backbone = CLASSES[family](model.base_model if family == "encoder" else model, tokenizer(), "")
    shape = backbone.key_value_shape
    generator = torch.Generator().manual_seed(3)
    prefix = torch.randn(LENGTH, math.prod(shape), dtype=torch.float64, generator=generator)
    return backbone, prefix, attend([prefix], torch.zeros(2, dtype=torch.long), shape, torch.float64)


def in_peft(backbone, weights, **sizes):
    family = family_of(backbone.model.config.model_type)
    config = PrefixTuningConfig(task_type=TASK_TYPES[family], num_virtual_tokens=LENGTH, **sizes)
    peft_model = get_peft_model(backbone.model, config).eval()
    peft_model.prompt_encoder["default"].embedding.weight.data = weights.clone()  # PEFT's own weights are float32
    return peft_model


def likelihoods(logits, written):
    return logits.log_softmax(dim=-1).gather(-1, written[..., None])[..., 0]


@torch.no_grad()
def of_peft(peft_model, family):
    """Return the log-likelihoods of the answers behind the sources, or the last states of an encoder."""
    if family == "encoder":
        return peft_model(input_ids=IDS, attention_mask=MASK).last_hidden_state[MASK.bool()]
    if family == "seq2seq":
        return likelihoods(peft_model(input_ids=IDS, attention_mask=MASK, labels=WRITTEN).logits, WRITTEN)
    rows = []
    for ids, mask, written in zip(IDS, MASK, WRITTEN, strict=True):
        whole = torch.cat([ids[mask.bool()], written])[None]
        logits = peft_model(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[0, int(mask.sum()) - 1 : -1]
        rows.append(likelihoods(logits, written))
    return torch.stack(rows)


@torch.no_grad()
def of_rpt(backbone, context, family):
    if family == "encoder":
        return backbone(backbone.embed(IDS), MASK, None, context)[MASK.bool()]
    ones = torch.ones_like(WRITTEN)
    return backbone.log_likelihoods(backbone.embed(IDS), MASK, WRITTEN, ones, torch.arange(2), context)


@pytest.mark.parametrize("kind", [*DECODERS, *ENCODERS])
def test_a_model_gives_the_same_output_as_in_peft(kind):
    backbone, prefix, context = load(kind)
    family = family_of(kind)
    found, without = of_rpt(backbone, context, family), of_rpt(backbone, None, family)
    torch.testing.assert_close(of_peft(in_peft(backbone, prefix), family), found, rtol=0, atol=1e-11)
    assert float((found - without).abs().max()) > 0.01


@pytest.mark.parametrize("kind", ["t5", "t5 1.1", "mt5"])
def test_a_t5_gives_the_same_output_as_in_peft_if_each_layer_has_its_own_place(kind):
    """PEFT's own layout gives layer i the keys and values of place 2i, so that half of its numbers have no effect."""
    backbone, prefix, context = load(kind)
    wide = with_cross_attention(prefix, 2)
    assert wide.shape == (LENGTH, 2 * prefix.shape[1])
    peft_model = in_peft(backbone, wide, num_layers=4, token_dim=32, num_attention_heads=2)
    found, without = of_rpt(backbone, context, "seq2seq"), of_rpt(backbone, None, "seq2seq")
    torch.testing.assert_close(of_peft(peft_model, "seq2seq"), found, rtol=0, atol=1e-11)
    assert float((found - without).abs().max()) > 0.01


@pytest.mark.parametrize("kind", ["bert", "llama", "t5"])
def test_peft_loads_the_written_adapter(kind, tmp_path):
    backbone, prefix, context = load(kind)
    family = family_of(kind)
    config = backbone.model.config
    write_adapter(tmp_path / "adapter", prefix, ("m", None), TASK_TYPES[family], config, backbone.key_value_shape)
    found = of_rpt(backbone, context, family)
    peft_model = PeftModel.from_pretrained(backbone.model, tmp_path / "adapter").eval()
    assert peft_model.peft_config["default"].peft_type == "PREFIX_TUNING"
    # PEFT keeps the prefix in float32 and casts it to the dtype of the model.
    torch.testing.assert_close(of_peft(peft_model, family), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("kind", ["bert", "llama", "t5", "t5 1.1"])
def test_a_prefix_that_peft_has_trained_is_read_from_its_folder(kind, projected, tmp_path):
    """The check covers PEFT's own order for a T5, in which layer i reads the keys and values of layer 2i."""
    torch.manual_seed(4)
    backbone, _, _ = load(kind)
    family, shape = family_of(kind), backbone.key_value_shape
    more = {"prefix_projection": True, "encoder_hidden_size": 6} if projected else {}
    settings = PrefixTuningConfig(task_type=TASK_TYPES[family], num_virtual_tokens=LENGTH, **more)
    peft_model = get_peft_model(backbone.model, settings).eval()
    peft_model.save_pretrained(tmp_path)
    prefix = read_prompt(str(tmp_path), PREFIX_METHODS, shape[0]).double()
    found = of_rpt(backbone, attend([prefix], torch.zeros(2, dtype=torch.long), shape, torch.float64), family)
    torch.testing.assert_close(of_peft(peft_model, family), found, rtol=0, atol=1e-6)


def test_a_prefix_of_peft_whose_settings_do_not_fit_is_refused(tmp_path):
    backbone, prefix, _ = load("t5")
    shape = backbone.key_value_shape
    write_adapter(tmp_path, prefix, ("m", None), "SEQ_2_SEQ_LM", backbone.model.config, shape)
    assert torch.equal(read_prompt(str(tmp_path), PREFIX_METHODS, shape[0]), prefix)
    # Blocks of another width are not cut to the wanted width: the shape shows that the adapter is of another backbone.
    assert read_prompt(str(tmp_path), PREFIX_METHODS, 1).shape == (LENGTH, prefix.shape[1] // shape[0])
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    for layers in (0, 7, "4", None):
        (tmp_path / "adapter_config.json").write_text(json.dumps({**settings, "num_layers": layers}))
        with pytest.raises(ConfigError, match=r"does not fit its adapter_config\.json: .*layers"):
            read_prompt(str(tmp_path), PREFIX_METHODS)


@pytest.mark.parametrize("mlp_width", [None, 5])
def test_a_prefix_equals_the_prefix_encoder_of_peft(mlp_width):
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "token_dim": 8, "num_attention_heads": 2, "num_virtual_tokens": LENGTH}
    more = {} if mlp_width is None else {"prefix_projection": True, "encoder_hidden_size": mlp_width}
    peft_encoder = PrefixEncoder(PrefixTuningConfig(task_type="CAUSAL_LM", **sizes, **more))
    ours = Prefix(length=LENGTH, hidden=48, backbone_layers=3, mlp_width=mlp_width, dropout=0.0, start="source")
    state = peft_encoder.state_dict()
    renamed = {
        key.replace("embedding.weight", "rows").replace("transform.", "mlp."): value for key, value in state.items()
    }
    ours.load_state_dict(renamed, strict=True)
    assert torch.equal(ours(), peft_encoder(torch.arange(LENGTH)))


def test_a_bert_computes_the_equations_of_p_tuning_v2():
    """Each layer computes softmax(q [P_k; k]^T / sqrt(d)) [P_v; v]. The positions of the text follow those of P."""
    backbone, prefix, context = load("bert")
    model, heads, size = backbone.model, 4, 8
    places = prefix.view(LENGTH, 2, 2, heads, size)  # tokens, layers, key and value, heads, size of a head
    ids = IDS[:1]

    def split(states):
        return states.view(-1, heads, size).transpose(0, 1)  # [heads, tokens, size]

    embeddings = model.embeddings
    positions = embeddings.position_embeddings.weight[LENGTH : LENGTH + ids.shape[1]]
    segments = embeddings.token_type_embeddings.weight[0]
    states = embeddings.LayerNorm(embeddings.word_embeddings(ids)[0] + positions + segments)
    for number, layer in enumerate(model.encoder.layer):
        attention = layer.attention.self
        keys, values = (places[:, number, kind].transpose(0, 1) for kind in (0, 1))
        query, key, value = (split(part(states)) for part in (attention.query, attention.key, attention.value))
        key, value = torch.cat([keys, key], dim=1), torch.cat([values, value], dim=1)
        weights = (query @ key.transpose(1, 2) / size**0.5).softmax(dim=-1)
        mixed = (weights @ value).transpose(0, 1).flatten(1)
        out = layer.attention.output
        states = out.LayerNorm(out.dense(mixed) + states)
        states = layer.output.LayerNorm(layer.output.dense(gelu(layer.intermediate.dense(states))) + states)
    found = backbone(backbone.embed(IDS), MASK, None, context)[0]
    torch.testing.assert_close(found, states, rtol=0, atol=1e-12)
