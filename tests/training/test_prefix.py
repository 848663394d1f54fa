"""A prefix (`encoder=prefix`): training, packing, evaluation, generation, loading, export, records and refusals."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import rpt
from rpt.data.loaders import make_rows
from rpt.errors import ConfigError
from rpt.prompt.prefix import Prefix
from rpt.prompt.prefix_source import key_values_of_tokens, sample_key_values
from rpt.prompt.soft_prompt import SoftPrompt, count_params
from rpt.prompt.unit import T5_RMS
from rpt.runs import train
from rpt.system.writing import read_json_lines
from rpt.training.placement import place_prompts
from tests.support.composed import checked
from tests.support.models import make_model, save_as_published
from tests.support.packs import FAMILIES, curve, packed_and_alone, train_pack
from tests.support.trained_runs import mixed_and_alone

WIDTHS = {"tiny_bert": (2, 32), "tiny_t5": (2, 32), "tiny_llama": (2, 16)}
"""Number of layers and width of the keys of a layer, by backbone."""

RUNS = {
    "prefix": ["encoder=prefix", "prompt.length=3", "seed=1"],
    "mlp": ["encoder=prefix", "encoder.mlp_width=6", "encoder.dropout=0.1", "prompt.length=5", "seed=2"],
    "plain": ["encoder=plain", "prompt.length=4", "seed=3"],
}
PREFIX = {"prefix": RUNS["prefix"]}


@pytest.fixture
def trained(request, tiny_cb, tmp_path):
    """Train a run for two epochs on the tiny backbone of a family."""

    def make(family, *overrides, folder="runs"):
        small = [*request.getfixturevalue(family), *tiny_cb, "trainer.epochs=2", "prompt.length=4"]
        return train([checked([*small, f"output_dir={tmp_path / folder}", *overrides])])[0]

    return make


def rows_of(tiny_cb):
    return read_json_lines(Path(tiny_cb[1].removeprefix("data.root="), "CB", "val.jsonl"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_is_trained_recorded_exported_and_loaded(family, trained, tiny_cb):
    outcome = trained(family, "encoder=prefix", "encoder.mlp_width=6", "lr=0.03", "trainer.epochs=5")
    record, (layers, width) = outcome.record, WIDTHS[family]
    losses = curve(outcome)["train/loss"]
    assert sum(losses[-4:]) < sum(losses[:4])  # an epoch has 4 steps
    assert record.status == "finished"
    assert record.prompt.every_layer is True
    assert (record.prompt.not_folded, record.adapter) == (None, None)
    assert record.parameters.kept == 4 * 2 * layers * width
    assert record.parameters.paper == 4 * width + 6 * width + 6 * 2 * layers * width
    assert record.parameters.held == record.parameters.paper + 6 + 2 * layers * width
    prompt = load_file(outcome.folder / "prompt.safetensors")["prompt"]
    assert prompt.shape == (4, 2 * layers * width)
    nearest = json.loads((outcome.folder / "diagnostics.json").read_text())["nearest"]
    assert len(nearest) == 4
    run = rpt.load(outcome.folder)
    assert torch.equal(run.prompt, prompt)
    scores = [json.loads(line)["scores"] for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]
    assert [line["scores"] for line in run.predict(rows_of(tiny_cb))] == scores
    for name, path in {"folder": outcome.folder, "adapter": outcome.folder / "adapter"}.items():
        start = ["init=file", f"init.path={path}", "encoder=prefix", "prompt.unit=raw", "trainer.epochs=1"]
        again = trained(family, *start, folder=name).record
        assert again.prompt.start_norm_ratio == pytest.approx(record.prompt.end_norm_ratio, rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packed_step_equals_a_step_alone(family, pack, assemble, loop):
    configs = pack("runs", family, "backbone.dtype=float64", "lr=0.01", runs=RUNS)
    compared = packed_and_alone(
        train_pack(configs, assemble, loop, checkpoints=(0, 3)), 3, [[0, 5, 9], [5, 1, 7, 2], [3, 4]], 100_000
    )
    for loss_difference, loss, distance, gradient in compared:
        assert loss_difference <= 1e-12 * loss
        assert distance <= 1e-10 * gradient
        assert gradient > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_to_a_text_does_not_depend_on_the_other_texts(family, pack, assemble):
    tuner, data = assemble(*pack("runs", family, "backbone.dtype=float64", runs=RUNS))
    prompts = [run.trainable.fold() for run in tuner.runs]
    pairs, choices = [(run, row) for row in range(4) for run in range(3)], tuner.scorer.with_choices
    together = tuner.score(
        make_rows(data.reported, pairs, data.pad_id, [1] * len(pairs), with_choices=choices), prompts
    )
    for index, (run, row) in enumerate(pairs):
        alone = tuner.score(make_rows(data.reported, [(run, row)], data.pad_id, [1], with_choices=choices), prompts)
        torch.testing.assert_close(together.scores[index], alone.scores[0], rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tiny_t5", "tiny_llama"])
def test_generation_equals_the_most_likely_next_tokens(family, pack, assemble):
    """Rows with prefixes of two lengths and without a prefix generate in one pass."""
    tuner, data = assemble(*pack("runs", family, "backbone.dtype=float64", "init=normal", runs=RUNS))
    backbone, count = tuner.backbone, 5
    prompts = [2 * run.trainable.fold() for run in tuner.runs]
    pairs = [(run, row) for row in range(3) for run in range(3)]
    rows = make_rows(data.reported, pairs, data.pad_id, [1] * len(pairs))
    inserted = place_prompts(backbone, rows, prompts, 0, prefixed={0, 1})
    texts = backbone.generate(inserted.embeds, inserted.mask, count, inserted.context)
    vocabulary = torch.arange(len(backbone.tokenizer))[:, None]
    for index, text in enumerate(texts):
        own = slice(index, index + 1)
        embeds, mask, context = (
            inserted.embeds[own],
            inserted.mask[own],
            inserted.context.of_rows(torch.tensor([index])),
        )
        written = torch.zeros(1, 0, dtype=torch.long)
        while written.shape[1] < count and backbone.tokenizer.eos_token_id not in written:
            choices = torch.cat([written.expand(len(vocabulary), -1), vocabulary], dim=1)
            row_of = torch.zeros(len(choices), dtype=torch.long)
            found = backbone.log_likelihoods(embeds, mask, choices, torch.ones_like(choices), row_of, context)
            written = choices[found.sum(dim=1).argmax()][None]
        assert text == backbone.tokenizer.decode(written[0], skip_special_tokens=True).removeprefix(" ")
    assert len(set(texts)) > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_starts_from_keys_and_values_of_tokens_in_the_unit_of_their_rms(family, pack, assemble):
    start = ["init=text", "init.text=yes or no", "prompt.unit=vocab"]
    tuner, _ = assemble(*pack("runs", family, *start, runs=PREFIX))
    backbone, prompt = tuner.backbone, tuner.runs[0].trainable.prompt
    sample = sample_key_values(backbone)
    assert prompt.scale == pytest.approx(sample.rms / T5_RMS)
    assert sample.rms == pytest.approx(float(sample.states.double().square().mean().sqrt()))
    ids = torch.tensor(backbone.tokenizer("yes or no", add_special_tokens=False)["input_ids"])
    expected = key_values_of_tokens(backbone, ids)[torch.arange(3) % len(ids)]
    torch.testing.assert_close(prompt(), expected.float())
    layer = {"tiny_bert": "encoder.layer.0.attention.self", "tiny_t5": "decoder.block.0.layer.0.SelfAttention"}
    if family == "tiny_llama":  # its keys have a rotary position
        return
    # The values of the first layer are linear in the embeddings: layer 0 is cut out of the row by hand.
    module = backbone.model.get_submodule(layer[family])
    if family == "tiny_t5":
        states = backbone.model.decoder.block[0].layer[0].layer_norm(backbone.embed(ids[None])[0])
        torch.testing.assert_close(key_values_of_tokens(backbone, ids)[:, :32], module.k(states))
        torch.testing.assert_close(key_values_of_tokens(backbone, ids)[:, 32:64], module.v(states))
    else:
        front, behind = backbone.text_edges
        whole = torch.tensor([*front, *ids.tolist(), *behind])
        states = backbone.model.embeddings(inputs_embeds=backbone.embed(whole[None]))[0, len(front) :][: len(ids)]
        torch.testing.assert_close(key_values_of_tokens(backbone, ids)[:, :32], module.key(states))
        torch.testing.assert_close(key_values_of_tokens(backbone, ids)[:, 32:64], module.value(states))


@pytest.mark.parametrize(("width", "exact"), [(None, True), (4, True), (3, False)])
def test_a_prefix_starts_from_the_table(width, exact):
    torch.manual_seed(0)
    table = torch.randn(4, 24)
    encoder = Prefix(length=4, hidden=24, backbone_layers=3, mlp_width=width, dropout=0.0, start="init")
    prompt = SoftPrompt(table, encoder)
    distance = float((prompt.fold() - table).norm() / table.norm())
    assert (distance < 1e-4) == exact
    assert distance < 0.9


@pytest.mark.parametrize(
    ("width", "paper", "held"), [(None, 20 * 49_152, 20 * 49_152), (512, 25_710_592, 25_710_592 + 512 + 49_152)]
)
def test_bert_large_trains_as_many_numbers_as_in_p_tuning_v2(width, paper, held):
    """20 tokens, 24 layers of width 1024: 983,040 numbers without an MLP. With an MLP: 20 d + 512 d + 512 * 48 d."""
    encoder = Prefix(length=20, hidden=49_152, backbone_layers=24, mlp_width=width, dropout=0.0, start="source")
    count = count_params(SoftPrompt(torch.zeros(20, 49_152), encoder))
    assert (count.paper, count.held) == (paper, held)


def test_layers_of_unequal_width_have_no_mlp():
    with pytest.raises(ConfigError, match=r"encoder\.mlp_width = 4: needs layers of equal size"):
        Prefix(length=2, hidden=25, backbone_layers=3, mlp_width=4, dropout=0.0, start="init")


@pytest.mark.slow
def test_runs_with_and_without_a_prefix_share_a_backbone_in_predictions(trained, tiny_cb):
    folders = [trained("tiny_bert", f"encoder={encoder}").folder for encoder in ("plain", "prefix")]
    rows = rows_of(tiny_cb)
    scores, alone = mixed_and_alone(folders, rows)
    assert scores == [pytest.approx(expected, abs=1e-5) for expected in alone]
    assert scores[: len(rows)] != scores[len(rows) :]


OWN = """
from torch import nn

from rpt.prompt.prefix import Prefix


class Halved(Prefix):
    def forward(self):
        return super().forward() / 2


class Reading(nn.Module):
    enters_every_layer = True
    reads_text = True

    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()

    def forward(self, prompt, text):
        return prompt.expand(len(text), -1, -1)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module with two encoders of a user, and return the override that names one."""
    (tmp_path / "own_prefixes.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda name: f"encoder._target_=own_prefixes.{name}"


def test_an_encoder_that_inherits_from_the_prefix_is_a_prefix(own, pack, assemble):
    tuner, _ = assemble(*pack("runs", "tiny_bert", runs={"own": [*RUNS["prefix"], own("Halved")]}))
    assert tuner.runs[0].trainable().shape == (3, 128)
    assert tuner.runs[0].trainable.enters_every_layer


def test_a_prefix_that_needs_the_text_is_refused(own, pack, assemble):
    configs = pack("runs", "tiny_bert", runs={"own": ["encoder=plain", own("Reading")]})
    with pytest.raises(ConfigError, match="gives keys and values of every layer, and reads or changes the embeddings"):
        assemble(*configs)


REFUSED = {
    ("tiny_llama", "backbone.prompt_at=end"): "backbone.prompt_at = end: does not go with this encoder",
    ("tiny_bert", "backbone.prompt_layer=1"): "backbone.prompt_layer = 1: does not go with this encoder",
    ("tiny_bert", "encoder.mlp_width=0"): "encoder.mlp_width = 0: must be",
    ("tiny_bert", "encoder.dropout=2.0"): "encoder.dropout = 2.0: must be",
}


@pytest.mark.parametrize(("family", "override"), REFUSED)
def test_settings_that_exclude_a_prefix_are_refused_before_training(family, override, request):
    with pytest.raises(ConfigError) as error:
        checked([*request.getfixturevalue(family), "task=cb", "encoder=prefix", override])
    assert REFUSED[family, override] in str(error.value)


@pytest.mark.parametrize("kind", ["distilbert", "deberta-v2"])
def test_a_model_without_a_cache_is_refused(kind, tmp_path, monkeypatch, tiny_cb):
    save_as_published(kind, make_model(kind), tmp_path / "model")
    named = ["backbone=local", "backbone.name=mine", f"backbone.path={tmp_path / 'model'}", "trainer.device=cpu"]
    few = [*tiny_cb, *named, "encoder=prefix", f"output_dir={tmp_path / 'runs'}"]
    message = rf"backbone\.name = mine: is a model of type {kind}, whose attention"
    with pytest.raises(ConfigError, match=message):
        checked(few)
    # The type of a model from the hub is known only after it is loaded.
    monkeypatch.setattr("rpt.config.rules.backbone.model_type", lambda folder: "bert")
    with pytest.raises(ConfigError, match=message):
        train([checked(few)])


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"prompt_at": "end"}, "whose keys and values are in front"),
        ({"prompt_layer": 1}, "gives keys and values to every"),
    ],
)
def test_an_unchecked_place_is_refused_at_the_build(update, message, pack, assemble):
    [config] = pack("runs", "tiny_llama", runs=PREFIX)
    changed = config.model_copy(update={"backbone": config.backbone.model_copy(update=update)})
    with pytest.raises(ConfigError, match=message):
        assemble(changed)


def test_a_scorer_of_your_own_is_refused(tiny_bert):
    own = ["+scorer._target_=rpt.scoring.head.HeadScorer"]
    with pytest.raises(ConfigError, match="a scorer of your own may read the backbone without the keys and values"):
        checked([*tiny_bert, "task=cb", "encoder=prefix", *own])
