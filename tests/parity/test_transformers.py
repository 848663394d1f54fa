"""Log-likelihoods, training loss and ranking are compared with losses of transformers on concatenated embeddings."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
)

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.files import FAMILIES as SUPPORTED
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.config.check import check
from rpt.data.loaders import step_rows
from rpt.runs import train
from tests.support.composed import compose
from tests.support.models import MAKERS, VOCAB

TYPES = ("llama", "mistral", "qwen2", "qwen3", "olmo2", "phi3", "gpt_neox", "gpt2", "t5", "t5 1.1", "mt5")
CONFIGS = {name: MAKERS[name][1]() for name in TYPES}
CONFIGS["t5 1.1"].tie_word_embeddings = False
FAMILIES = {"tiny_t5": AutoModelForSeq2SeqLM, "tiny_llama": AutoModelForCausalLM}
IGNORED = -100
"""Label that transformers leaves out of the loss."""

LENGTHS = (5, 7, 3)
"""Number of tokens of prompt and source in each row."""

TEXTS = ((2, 0), (4, 0), (1, 1), (3, 2), (4, 2), (1, 2))
"""For each target text its number of tokens and its row."""


# Tests of log-likelihoods


def tiny(name, attention):
    torch.manual_seed(0)
    auto, backbone = (
        (AutoModelForSeq2SeqLM, Seq2SeqBackbone) if "t5" in name else (AutoModelForCausalLM, CausalBackbone)
    )
    model = auto.from_config(CONFIGS[name], attn_implementation=attention).double()
    return backbone(model, None, "")


def padded_batch():
    """Return three padded sources and six padded target texts, the row of each text, and a weight of each token."""
    rng = torch.Generator().manual_seed(0)
    widest, longest = max(LENGTHS), max(length for length, _ in TEXTS)
    embeds = torch.randn(len(LENGTHS), widest, 32, dtype=torch.float64, generator=rng)
    mask = (torch.arange(widest) < torch.tensor(LENGTHS)[:, None]).long()
    ids = torch.randint(3, VOCAB, (len(TEXTS), longest), generator=rng)
    id_mask = (torch.arange(longest) < torch.tensor([length for length, _ in TEXTS])[:, None]).long()
    weights = torch.randn(ids.shape, dtype=torch.float64, generator=rng)
    return embeds, mask, ids, id_mask, torch.tensor([row for _, row in TEXTS]), weights


def likelihoods_one_by_one(backbone, embeds, ids):
    """Compute the log-likelihoods of every text after its source in a forward pass of its own, without padding."""
    found = []
    for text, (length, row) in zip(ids, TEXTS, strict=True):
        source, labels = embeds[row, : LENGTHS[row]], text[:length]
        if isinstance(backbone, CausalBackbone):
            joined = torch.cat([source[None], backbone.embed(labels[None])], dim=1)
            logits = backbone.model(inputs_embeds=joined).logits[0, LENGTHS[row] - 1 : -1]
        else:
            logits = backbone.model(inputs_embeds=source[None], labels=labels[None]).logits[0]
        chosen = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
        found.append(torch.cat([chosen, chosen.new_zeros(ids.shape[1] - length)]))
    return torch.stack(found)


def test_every_supported_language_model_type_is_tested():
    assert {config.model_type for config in CONFIGS.values()} == {*SUPPORTED["seq2seq"], *SUPPORTED["causal"]}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_texts_in_a_padded_batch_have_the_likelihoods_of_each_text_alone(name, attention):
    backbone = tiny(name, attention)
    embeds, mask, ids, id_mask, row_of, weights = padded_batch()
    results = []
    for likelihoods in (
        lambda leaf: backbone.log_likelihoods(leaf, mask, ids, id_mask, row_of),
        lambda leaf: likelihoods_one_by_one(backbone, leaf, ids),
    ):
        leaf = embeds.clone().requires_grad_(True)
        values = likelihoods(leaf)
        (values * weights).sum().backward()
        results.append((values.detach(), leaf.grad))
    (batched, batched_gradient), (expected, expected_gradient) = results
    # Eager attention computes the softmax in float32. Its last bit depends on the width of the CPU's vectors.
    likelihood_scale = float(expected.detach().abs().max())
    near = 1e-10 if attention == "sdpa" else 1e-6 * likelihood_scale
    torch.testing.assert_close(batched, expected, rtol=0, atol=near)
    assert batched.std() > 0.1  # the likelihoods must differ between texts
    # transformers computes the norms or the softmax of most of these models in float32.
    scale = float(expected_gradient.abs().max())
    torch.testing.assert_close(batched_gradient, expected_gradient, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_the_values_of_padding_change_no_likelihood(name):
    backbone = tiny(name, "sdpa")
    embeds, mask, ids, id_mask, row_of, _ = padded_batch()
    expected = backbone.log_likelihoods(embeds, mask, ids, id_mask, row_of)
    embeds = embeds.masked_fill(mask[..., None] == 0, 7.0)
    found = backbone.log_likelihoods(embeds, mask, ids.masked_fill(id_mask == 0, 9), id_mask, row_of)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert bool((found[id_mask == 0] == 0).all())


# Tests of losses


@pytest.fixture
def configure(request, tmp_path):
    def build(backbone, *overrides):
        few = ["data.max_rows=10", "trainer=debug", "lr=0.1", "prompt.length=5", f"output_dir={tmp_path}"]
        return check(compose([*request.getfixturevalue(backbone), *few, *overrides]))

    return build


def transformers_loss(model, prompt, sources, targets):
    """Return the loss of transformers with the prompt before every source: a mean over all target tokens."""
    embed = model.get_input_embeddings()
    read, labels = [], []
    for source, target in zip(sources, targets, strict=True):
        parts = [prompt, embed(torch.tensor(source))]
        before = []
        if not model.config.is_encoder_decoder:
            parts.append(embed(torch.tensor(target)))
            before = [IGNORED] * (len(prompt) + len(source))
        read.append(torch.cat(parts))
        labels.append(torch.tensor([*before, *target]))
    padded = torch.nn.utils.rnn.pad_sequence
    mask = padded([torch.ones(len(row), dtype=torch.long) for row in read], batch_first=True)
    labels = padded(labels, batch_first=True, padding_value=IGNORED)
    return model(inputs_embeds=padded(read, batch_first=True), attention_mask=mask, labels=labels).loss


@pytest.mark.parametrize("encoder", ["plain", "residual"])
@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_training_loss_and_its_gradient_equal_those_of_transformers(backbone, encoder, configure, assemble, loop):
    config = configure(backbone, "task=record", "data.max_rows=3", "backbone.text_limit=500", f"encoder={encoder}")
    tuner, data = assemble(config)
    loop(tuner)
    [run] = tuner.runs
    model = FAMILIES[backbone].from_pretrained(config.backbone.path).eval()
    split, gradients = data.train, []
    run.step = lambda: gradients.append(run.trainable.prompt.table.grad.clone()) or run.optimizer.zero_grad() or {}
    batches = [list(range(len(split))), *([row] for row in range(3))]
    for rows in batches:
        tuner.training_step(step_rows(split, [rows], data.pad_id), 0)
        prompt = run.trainable()
        expected = transformers_loss(
            model, prompt, [split.inputs[row][0] for row in rows], [split.outputs[row] for row in rows]
        )
        (gradient,) = torch.autograd.grad(expected, run.trainable.prompt.table)
        assert tuner.last_step[0]["loss"] == pytest.approx(expected.item(), rel=1e-6)
        torch.testing.assert_close(gradients[-1], gradient, rtol=0, atol=1e-4 * float(gradient.abs().max()))
    assert len({len(split.outputs[row]) for row in batches[0]}) > 1  # means over rows and over tokens must differ


def test_the_training_loss_with_dropout_equals_that_of_transformers_in_train_mode(configure, assemble, loop):
    small = ["task=record", "data.max_rows=3", "backbone.text_limit=500", "encoder=plain"]
    config = configure("tiny_t5", *small, "backbone.dropout=true")
    tuner, data = assemble(config)
    loop(tuner)
    [run] = tuner.runs
    attention = tuner.backbone.model.config._attn_implementation
    model = FAMILIES["tiny_t5"].from_pretrained(config.backbone.path, attn_implementation=attention).train()
    stream, split = copy.deepcopy(run.random), data.train
    run.step = lambda: {}
    for row in range(3):
        tuner.training_step(step_rows(split, [[row]], data.pad_id), 0)
        with stream.active(), torch.no_grad():
            expected = transformers_loss(model, run.trainable(), [split.inputs[row][0]], [split.outputs[row]])
        assert tuner.last_step[0]["loss"] == pytest.approx(float(expected), rel=1e-6)


def ranked(config, folder):
    """Yield the choices of each reported row and their scores: the negative loss of transformers for each choice."""
    from rpt import build
    from rpt.data.inputs import build_source
    from rpt.data.prepare import build_encoded, build_task

    model = FAMILIES[config.backbone.name].from_pretrained(config.backbone.path).eval()
    backbone = build.build_backbone(config, torch.device("cpu"))
    task = build_task(config)
    examples = list(task.examples(build_source(config).splits["val"]))
    encoded = build_encoded(config, backbone.tokenizer, task, examples)
    prompt = torch.zeros(0, backbone.hidden_size)
    if config.has_prompt:
        prompt = load_file(folder / "prompt.safetensors")["prompt"]
    with torch.no_grad():
        for example, [source], candidates in zip(examples, encoded.inputs, encoded.choices, strict=True):
            means = [float(transformers_loss(model, prompt, [source], [ids])) for ids in candidates]
            terms = [1 if config.scorer.length_normalised else len(ids) for ids in candidates]
            yield example.choices, [-mean * count for mean, count in zip(means, terms, strict=True)]


@pytest.mark.parametrize(
    "chosen",
    [
        ["task=record", "data.max_rows=3", "encoder=residual"],
        ["task=copa", "encoder=plain", "scorer.length_normalised=true"],
        ["task=cb", "encoder=none"],
    ],
)
@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_scorer_rank_answers_with_the_choice_of_lowest_loss_in_transformers(backbone, chosen, configure):
    config = configure(backbone, *chosen)
    outcome = train([config])[0]
    lines = list(map(json.loads, (outcome.folder / "predictions.jsonl").read_text().splitlines()))
    for line, (choices, expected) in zip(lines, ranked(config, outcome.folder), strict=True):
        assert line["scores"] == pytest.approx(expected, rel=1e-6)
        assert line["predicted"] == choices[expected.index(max(expected))]
