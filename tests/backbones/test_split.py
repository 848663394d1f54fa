"""A backbone that is split before a layer computes what transformers computes with the prompt among that layer's input.

The reference runs the whole model of transformers without padding. A hook on layer k replaces the layer's input by
prompt and text, so that masks, positions and T5's relative bias are those of transformers for the longer sequence.
"""

from functools import partial

import pytest
import torch

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.encoder import EncoderBackbone
from rpt.backbones.files import FAMILIES
from rpt.backbones.layers import STACKS, num_layers
from rpt.backbones.lines import TextLine
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.backbones.split import Split, split_before
from rpt.prompt.insert import insert
from tests.support.models import MAKERS, VOCAB, tokenizer

NAMES = [name for name in MAKERS if not name.endswith(", tied")]
UNFUSED = ("deberta-v2", "sdpa")
"""Pairs of model type and attention that transformers does not have."""
WAYS = [(name, attention) for name in NAMES for attention in ("eager", "sdpa") if (name, attention) != UNFUSED]
CLASSES = {"encoder": EncoderBackbone, "seq2seq": Seq2SeqBackbone, "causal": CausalBackbone}
CLOSE = 1e-6
"""Largest difference of values, relative to the largest value. Parts of some models compute in float32: norms, rotary
positions and the softmax of eager attention, whose last bit depends on the width of the CPU's vectors."""

TEXTS = ([5, 6, 7, 8, 9], [10, 11], [12, 13, 14])
SEGMENTS = ([0, 0, 1, 1, 1], [0, 1], [0, 0, 0])
ANSWERS = ([[20, 1], [21, 22, 1]], [[23]], [[24, 1], [25]])
PAIRS = [(row, answer) for row, answers in enumerate(ANSWERS) for answer in answers]


def assert_close(found, expected, close=CLOSE):
    """Check that no value differs by more than `close` times the largest expected value, or 1 if that is smaller."""
    torch.testing.assert_close(found, expected, rtol=0, atol=close * max(1.0, float(expected.detach().abs().max())))


def family_of(model):
    return next(family for family, kinds in FAMILIES.items() if model.config.model_type in kinds)


def make(name, attention="eager", dtype=torch.float64):
    """Make a random backbone with three layers, so that there are layers below and above the middle layer."""
    auto, config = MAKERS[name]
    config = config()
    config.num_hidden_layers = 3
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:1] * 3
    torch.manual_seed(0)
    make_model = getattr(auto, "from_config", None) or auto._from_config
    model = make_model(config, attn_implementation=attention).to(dtype).eval()
    family = family_of(model)
    backbone = CLASSES[family](model.base_model if family == "encoder" else model, tokenizer(), "")
    return family, backbone


def padded(rows):
    tensors = [torch.tensor(row) for row in rows]
    ids = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    return ids, torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in tensors], batch_first=True)


def inserted(split, prompts, run, at, with_answers):
    mask = padded(TEXTS)[1]
    answers = [tuple(map(tuple, row)) if with_answers else () for row in ANSWERS]
    lines = [TextLine(*line) for line in zip(map(tuple, TEXTS), map(tuple, SEGMENTS), answers, strict=True)]
    states, written = split.read(lines, mask.shape[1])
    return insert(prompts, run, states, mask, at, padded(SEGMENTS)[0]), written


def layers_of(backbone):
    module = backbone.model
    for name in STACKS[module.config.model_type].layers.split("."):
        module = getattr(module, name)
    return module


def states_before(backbone, layer, run):
    """Run a forward pass of the whole model and return the input of a layer."""
    found = []
    hook = layers_of(backbone)[layer].register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    run()
    hook.remove()
    return found[0][0]


def with_states(backbone, layer, states, run):
    """Run a forward pass of the whole model in which the input of a layer is replaced."""
    hook = layers_of(backbone)[layer].register_forward_pre_hook(lambda _, inputs: (states[None], *inputs[1:]))
    result = run()
    hook.remove()
    return result


def dummy(backbone, length):
    return backbone.embed(torch.full((1, length), 3))


def expected_states(backbone, layer, row, prompt, at):
    """Compute an encoder's last states of a text with a prompt before a layer."""
    model = backbone.model
    ids, more = torch.tensor([TEXTS[row]]), {}
    if backbone.has_segments:
        more = {"token_type_ids": torch.tensor([SEGMENTS[row]])}
    text = states_before(backbone, layer, lambda: model(input_ids=ids, **more))
    joined = torch.cat([text[:at], prompt, text[at:]])
    whole = lambda: model(inputs_embeds=dummy(backbone, len(joined)))  # noqa: E731
    return with_states(backbone, layer, joined, whole).last_hidden_state[0]


def expected_likelihoods(family, backbone, layer, row, answer, prompt):
    """Compute the log-probability of each token of an answer behind a text with a prompt in front, before a layer."""
    model, answer = backbone.model, torch.tensor(answer)
    if family == "seq2seq":
        text = states_before(backbone, layer, lambda: model.encoder(input_ids=torch.tensor([TEXTS[row]])))
        joined = torch.cat([prompt, text])
        run = lambda: model(inputs_embeds=dummy(backbone, len(joined)), labels=answer[None])  # noqa: E731
        logits = with_states(backbone, layer, joined, run).logits[0]
    else:
        ids = torch.cat([torch.tensor(TEXTS[row]), answer])
        joined = torch.cat([prompt, states_before(backbone, layer, lambda: model(input_ids=ids[None]))])
        run = lambda: model(inputs_embeds=dummy(backbone, len(joined)))  # noqa: E731
        logits = with_states(backbone, layer, joined, run).logits[0, -len(answer) - 1 : -1]
    return logits.log_softmax(dim=1).gather(1, answer[:, None])[:, 0]


def test_every_supported_model_type_can_be_split():
    assert {*STACKS} == {kind for kinds in FAMILIES.values() for kind in kinds}
    assert {MAKERS[name][1]().model_type for name in NAMES} == {*STACKS}


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize(("name", "attention"), WAYS)
def test_values_and_gradients_equal_those_of_transformers(name, attention, layer):
    family, backbone = make(name, attention)
    assert backbone.num_layers == num_layers(backbone.model) == 3
    split = Split(backbone, layer)
    prompts = [torch.randn(size, split.width, dtype=torch.float64, requires_grad=True) for size in (4, 2)]
    run = torch.tensor([0, 1, 0])
    at = 1 if family == "encoder" else 0
    batch, written = inserted(split, prompts, run, at, family == "causal")
    own = [prompts[index] for index in run.tolist()]
    if family == "encoder":
        states = split.above(batch.embeds, batch.mask, batch.segments)
        found = torch.cat([part[keep.bool()] for part, keep in zip(states, batch.mask, strict=True)])
        expected = torch.cat([expected_states(backbone, layer, row, own[row], at) for row in range(3)])
    else:
        ids, id_mask = padded([answer for _, answer in PAIRS])
        row_of = torch.tensor([row for row, _ in PAIRS])
        values = split.above.log_likelihoods(batch.embeds, batch.mask, ids, id_mask, row_of, written)
        found = values[id_mask.bool()]
        expected = torch.cat(
            [expected_likelihoods(family, backbone, layer, row, answer, own[row]) for row, answer in PAIRS]
        )
    assert_close(found, expected)
    weights = torch.randn_like(found)
    gradients = [torch.autograd.grad((values * weights).sum(), prompts) for values in (found, expected)]
    for first, second in zip(*gradients, strict=True):
        assert first.abs().max() > 1e-4
        assert_close(first, second)


@pytest.mark.parametrize("name", ["bert", "electra small", "t5", "llama", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_prompt_gives_the_values_of_the_whole_backbone(name, dtype):
    family, backbone = make(name, dtype=dtype)
    ids, mask = padded(TEXTS)
    split = Split(backbone, 2)
    none = [torch.zeros(0, split.width)]
    batch, written = inserted(split, none, torch.zeros(3, dtype=torch.int64), 0, family == "causal")
    if family == "encoder":
        found = split.above(batch.embeds, batch.mask, batch.segments) * mask[..., None]
        expected = backbone(backbone.embed(ids), mask, padded(SEGMENTS)[0]) * mask[..., None]
    else:
        answers = padded([answer for _, answer in PAIRS])
        row_of = torch.tensor([row for row, _ in PAIRS])
        found = split.above.log_likelihoods(batch.embeds, batch.mask, *answers, row_of, written)
        expected = backbone.log_likelihoods(backbone.embed(ids), mask, *answers, row_of)
    assert_close(found, expected, 1e-4 if dtype == torch.float32 else CLOSE)


def test_t5_generates_from_the_states_above_the_layer():
    _, backbone = make("t5")
    split = Split(backbone, 1)
    prompt = torch.randn(3, split.width, dtype=torch.float64)
    batch, _ = inserted(split, [prompt], torch.zeros(3, dtype=torch.int64), 0, with_answers=False)
    texts = split.above.generate(batch.embeds, batch.mask, 5)
    model, options = backbone.model, {"max_new_tokens": 5, "do_sample": False, "eos_token_id": 1, "pad_token_id": 0}
    options["decoder_start_token_id"] = 0
    for row, text in enumerate(texts):
        source = partial(model.encoder, input_ids=torch.tensor([TEXTS[row]]))
        joined = torch.cat([prompt, states_before(backbone, 1, source)])
        run = partial(model.generate, inputs_embeds=dummy(backbone, len(joined)), **options)
        [expected] = backbone.tokenizer.batch_decode(with_states(backbone, 1, joined, run), skip_special_tokens=True)
        assert text == expected
    assert len(set(texts)) > 1 or texts[0] != backbone.generate(backbone.embed(padded(TEXTS)[0]), batch.mask[:, 3:], 5)


@pytest.mark.parametrize("name", ["bert", "t5", "llama"])
def test_a_text_is_computed_once_without_gradients_and_its_states_do_not_depend_on_the_batch(name):
    family, backbone = make(name, dtype=torch.float32)
    split = split_before(backbone, 1)
    assert split_before(backbone, 1) is split
    answers = ((20, 1), (21,)) if family == "causal" else ()
    lines = [TextLine((5, 6, 7), (0, 0, 0), answers), TextLine((8,), (0,), answers)]
    both, _ = split.read(lines, 3)
    alone, _ = split.read(lines[1:], 1)
    assert split.cache.num_computed == 2
    assert split.cache.num_bytes == (4 + 3 * len(answers[:1]) * 2) * split.width * 4
    assert torch.equal(both[1, :1], alone[0])
    assert bool((both[1, 1:] == 0).all())
    assert not both.requires_grad
    split.cache.clear()
    again, _ = split.read(lines[1:], 1)
    assert torch.equal(again, alone)


def test_segments_and_answers_tell_texts_apart():
    _, backbone = make("bert")
    split = Split(backbone, 1)
    states, _ = split.read([TextLine((5, 6), (0, 0)), TextLine((5, 6), (0, 1))], 2)
    assert not torch.equal(states[0], states[1])
    _, decoder = make("llama")
    split = Split(decoder, 1)
    answers = [((20, 21),), ((20,), (21,))]
    _, written = split.read([TextLine((5, 6), (0, 0), answer) for answer in answers], 2)
    assert torch.equal(written.states[0, 0], written.states[1, 0])
    assert not torch.equal(written.states[0, 1], written.states[1, 1])


def test_a_split_backbone_keeps_no_weights_of_its_own():
    _, backbone = make("t5")
    before = backbone.fingerprint()
    names = {*dict(backbone.named_parameters())}
    split = split_before(backbone, 2)
    owned = {id(parameter) for parameter in backbone.parameters()}
    assert {id(parameter) for parameter in split.above.parameters()} <= owned
    assert {*dict(backbone.named_parameters())} == names
    assert backbone.fingerprint() == before
    assert backbone.num_layers == 3


@pytest.mark.parametrize(("name", "edges"), [("bert", ([3], [4])), ("llama", ([3], [])), ("t5", ([3], [4]))])
def test_tokens_are_read_as_one_text_with_special_tokens(name, edges):
    _, backbone = make(name)
    assert backbone.text_edges == edges
    split = Split(backbone, 2)
    ids = torch.tensor([5, 6, 7, 8, 9])
    whole = [*edges[0], *ids.tolist(), *edges[1]]
    [states], _ = split.read([TextLine(tuple(whole), (0,) * len(whole))], len(whole))
    assert torch.equal(split.read_tokens(ids), states[1:6])
    parts = split.read_tokens(ids, 2)
    assert torch.equal(parts[:2], split.read_tokens(ids[:2]))
    assert torch.equal(parts[4:], split.read_tokens(ids[4:]))
    assert split.read_tokens(ids[:0]).shape == (0, split.width)
    backbone.num_positions = 2 + len(edges[0]) + len(edges[1])
    assert torch.equal(Split(backbone, 2).read_tokens(ids), parts)
    assert VOCAB > 9
