"""A prompt before a later layer (`backbone.prompt_layer`): training, packing, resume, evaluation, loading, records."""

import gc
import json
import weakref
from pathlib import Path

import lightning
import pytest
import torch

import rpt
from rpt.backbones.split import split_before
from rpt.errors import ConfigError
from rpt.prompt import init
from rpt.prompt.init import InitSource
from rpt.prompt.layer_source import LayerSource, sample_vocabulary
from rpt.prompt.unit import T5_RMS
from rpt.runs import train
from rpt.sweep.pack_key import pack_key
from rpt.system.writing import read_json_lines
from rpt.training.placement import place_prompts
from tests.support.composed import checked
from tests.support.models import make_model, save_as_published
from tests.support.packs import FAMILIES, RUNS_AT_LOW_RATES, curve, files
from tests.support.trained_runs import mixed_and_alone

LABELS = ("entailment", "contradiction")
LAYER = "backbone.prompt_layer=1"
MOSTLY_SLOW = [FAMILIES[0], *(pytest.param(family, marks=pytest.mark.slow) for family in FAMILIES[1:])]
COLUMNS = ("train/loss", "held_out/loss", "held_out/score")


@pytest.fixture
def trained(request, tiny_cb, tmp_path):
    """Train a run for two epochs on the tiny backbone of a family."""

    def make(family, *overrides, folder="runs"):
        small = [*request.getfixturevalue(family), *tiny_cb, "trainer.epochs=2", f"output_dir={tmp_path / folder}"]
        return train([checked([*small, *overrides])])[0]

    return make


@pytest.mark.parametrize("family", MOSTLY_SLOW)
def test_layer_0_is_a_prompt_among_the_embeddings_bit_for_bit(family, trained):
    front = trained(family, "encoder=plain")
    zero = trained(family, "encoder=plain", "backbone.prompt_layer=0", folder="again")
    assert zero.folder.name == front.folder.name
    assert zero.record.identity_hash == front.record.identity_hash
    assert curve(zero) == curve(front)
    assert rpt.load(zero.folder).prompt.equal(rpt.load(front.folder).prompt)


@pytest.mark.parametrize("family", MOSTLY_SLOW)
def test_a_prompt_before_a_layer_is_trained_evaluated_twice_and_loaded(family, trained, tiny_cb):
    outcome = trained(family, LAYER, "encoder=residual", "lr=0.3", "seed=5", "trainer.epochs=5")
    front = trained(family, "encoder=residual", "lr=0.3", "seed=5", "trainer.epochs=5")
    assert outcome.record.status == "finished"
    assert "-n10-layer1-lr0.3-s5-" in outcome.folder.name
    assert outcome.record.identity_hash != front.record.identity_hash
    assert outcome.record.config["backbone"]["prompt_layer"] == 1
    assert "enters before layer 1; train with backbone.prompt_layer=0 for" in outcome.record.adapter
    losses = curve(outcome)["train/loss"]
    assert sum(losses[-4:]) < sum(losses[:4])  # an epoch has 4 steps
    assert losses != curve(front)["train/loss"]
    run = rpt.load(outcome.folder)
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    first, second = (trainer.test(run.module, run.data, verbose=False)[0] for _ in range(2))
    assert first == second
    assert first["reported/loss"] == pytest.approx(outcome.record.loss, rel=1e-6)  # Lightning stores it in float32
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    rows = [
        json.loads(line)
        for line in Path(tiny_cb[1].removeprefix("data.root="), "CB", "val.jsonl").read_text().splitlines()
    ]
    assert [line["scores"] for line in run.predict(rows)] == [json.loads(line)["scores"] for line in lines]


@pytest.mark.slow  # about 8 s each
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_runs_equal_runs_alone(family, pack):
    shared = [LAYER, "backbone.dtype=float64"]
    packed = train(pack("packed", family, *shared, runs=RUNS_AT_LOW_RATES))
    alone = [train([config])[0] for config in pack("alone", family, *shared, runs=RUNS_AT_LOW_RATES)]
    for first, second in zip(packed, alone, strict=True):
        for column in COLUMNS:
            assert curve(first)[column] == pytest.approx(curve(second)[column], rel=1e-6), (first.folder.name, column)
        assert first.record.scores == second.record.scores


def test_a_baseline_without_a_prompt_has_the_same_identity_at_every_layer(trained):
    deeper, plain = (trained("tiny_bert", "encoder=none", *more) for more in ([LAYER], []))
    assert deeper.folder == plain.folder


def test_a_baseline_beside_a_prompt_at_a_layer_is_a_pack_of_its_own_with_the_same_bits_as_alone(pack):
    runs = {"plain": ["encoder=plain"], "none": ["encoder=none"]}
    with_prompt, baseline = pack("swept", "tiny_bert", LAYER, runs=runs)
    assert pack_key(with_prompt) != pack_key(baseline)
    [alone] = pack("alone", "tiny_bert", runs={"none": ["encoder=none"]})
    assert pack_key(baseline) == pack_key(alone)
    swept, first = train([baseline])[0], train([alone])[0]
    assert files(swept) == files(first)


def test_a_layer_has_no_effect_on_a_run_without_a_prompt(tiny_bert):
    config = checked([*tiny_bert, "task=cb", "encoder=none", "backbone.prompt_layer=99"])
    assert config.backbone.prompt_layer == 0


def test_the_layers_below_are_computed_once_for_all_epochs_and_runs(pack, assemble, loop):
    runs = {"first": ["encoder=plain", "seed=0"], "second": ["encoder=plain", "seed=1"]}
    tuner, data = assemble(*pack("packed", "tiny_bert", LAYER, runs=runs))
    loop(tuner)
    texts = {tuple(ids) for row in data.train.inputs for ids in row}
    for _ in range(2):
        for step in data.train_dataloader():
            tuner.training_step(step, 0)
    assert tuner.split.cache.num_computed == len(texts)


def test_equal_texts_with_other_answers_are_computed_once_for_t5(tiny_t5, tmp_path, assemble):
    premises = [f"It is day {number}." for number in range(8)]
    rows = [
        {"idx": idx, "premise": premises[idx // 2], "hypothesis": "It rains.", "label": LABELS[idx % 2]}
        for idx in range(16)
    ]
    (tmp_path / "CB").mkdir()
    for split in ("train", "val"):
        (tmp_path / "CB" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    few = [f"data.root={tmp_path}", f"output_dir={tmp_path / 'runs'}", "prompt.length=2", "encoder=plain", LAYER]
    tuner, data = assemble(checked([*tiny_t5, "task=cb", "data=jsonl", *few]))
    prompts = [run.encode() for run in tuner.runs]
    for step in data.train_dataloader():
        place_prompts(tuner.backbone, step, prompts, 0, tuner.split)
    texts = [tuple(ids) for row in data.train.inputs for ids in row]
    assert len(set(texts)) < len(texts)
    assert tuner.split.cache.num_computed == len(set(texts))


def test_a_split_backbone_is_freed_with_its_sample_of_the_vocabulary(pack, assemble):
    tuner, _ = assemble(*pack("alone", "tiny_bert", LAYER, runs={"plain": ["encoder=plain"]}))
    sample_vocabulary(tuner.split)
    split = weakref.ref(tuner.split)
    del tuner
    gc.collect()
    assert split() is None


def test_a_decoder_that_generates_is_refused_at_the_build(tiny_llama, tiny_cb, assemble, tmp_path):
    few = [*tiny_llama, *tiny_cb, "task=cb", f"output_dir={tmp_path}"]
    for key, override in (("prompt_layer = 1", LAYER), ("prompt_at = end", "backbone.prompt_at=end")):
        config = checked([*few, override])
        generating = config.model_copy(update={"scorer": config.scorer.model_copy(update={"name": "generate"})})
        with pytest.raises(ConfigError, match=rf"backbone\.{key}: does not go with scorer=generate"):
            assemble(generating)


def test_the_gradient_stops_at_the_layer(pack, assemble):
    [config] = pack("alone", "tiny_bert", LAYER, runs={"plain": ["encoder=plain"]})
    tuner, data = assemble(config)
    prompt = tuner.runs[0].trainable()
    rows = next(iter(data.val_dataloader()))
    inserted = place_prompts(tuner.backbone, rows, [prompt], 1, tuner.split)
    [gradient] = torch.autograd.grad(inserted.embeds.sum(), prompt)
    assert bool((gradient == len(rows)).all())  # the rows of the prompt are copied, and no layer below has a graph


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_starts_from_states_before_the_layer_in_the_unit_of_their_rms(family, pack, assemble):
    [config] = pack("alone", family, LAYER, "prompt.unit=vocab", runs={"plain": ["encoder=plain", "prompt.length=4"]})
    tuner, _ = assemble(config)
    backbone, prompt = tuner.backbone, tuner.runs[0].trainable.prompt
    split = split_before(backbone, 1)
    sample = sample_vocabulary(split)
    assert sample.rms == pytest.approx(float(sample.states.double().square().mean().sqrt()))
    assert prompt.scale == pytest.approx(sample.rms / T5_RMS)
    rng = torch.Generator().manual_seed(config.seed)
    drawn = []

    class Recording(InitSource):
        def rows(self, ids):
            drawn.append(ids)
            return super().rows(ids)

    source = Recording(backbone.embedding, backbone.tokenizer, ())
    init.vocab(source, 4, rng, num_tokens=config.init.options["num_tokens"])
    torch.testing.assert_close(prompt(), split.read_tokens(drawn[0]).float())


def test_every_init_gives_a_table_of_the_width_of_the_states(tiny_bert, assemble, pack):
    [config] = pack("alone", "tiny_bert", LAYER, runs={"plain": ["encoder=plain"]})
    tuner, _ = assemble(config)
    source = LayerSource(
        tuner.backbone.embedding,
        tuner.backbone.tokenizer,
        ("yes", "no"),
        0.5,
        split=split_before(tuner.backbone, 1),
    )
    rng = torch.Generator().manual_seed(0)
    labels = init.labels(source, 3, rng, num_tokens=100)
    expected = source.split.read_tokens(source.token_ids("no")).float().mean(dim=0) / 0.5
    torch.testing.assert_close(labels[1], expected)
    assert init.uniform(source, 3, rng, low=-0.5, high=0.5).shape == init.normal(source, 3, rng, std=1.0).shape
    text = init.from_text(source, 3, rng, text="yes or no")
    torch.testing.assert_close(text, source.split.read_tokens(source.token_ids("yes or no")).float() / 0.5)


@pytest.mark.slow
def test_an_exported_prompt_starts_another_run_at_the_layer(trained):
    first = trained("tiny_bert", LAYER, "encoder=plain")
    start = ["init=file", f"init.path={first.folder / 'prompt.safetensors'}"]
    second = trained("tiny_bert", LAYER, "encoder=plain", *start, folder="second")
    assert second.record.prompt.start_norm_ratio == pytest.approx(first.record.prompt.end_norm_ratio, rel=1e-4)


def test_a_narrow_embedding_has_a_prompt_of_the_width_of_the_states(tiny_cb, tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path / "model")
    named = ["backbone=local", "backbone.name=electra", f"backbone.path={tmp_path / 'model'}", LAYER]
    few = ["trainer.epochs=1", "prompt.length=2", "trainer.device=cpu", f"output_dir={tmp_path / 'runs'}"]
    configs = [checked([*tiny_cb, *named, *few, f"encoder={encoder}"]) for encoder in ("residual", "none")]
    outcomes = [train([config])[0] for config in configs]
    assert [outcome.record.status for outcome in outcomes] == ["finished", "finished"]
    assert rpt.load(outcomes[0].folder).prompt.shape == (2, 32)
    nearest = json.loads((outcomes[0].folder / "diagnostics.json").read_text())["nearest"]
    assert all(isinstance(name, str) for token in nearest for name, _ in token)


REFUSED = {
    ("tiny_bert", "backbone.prompt_layer=2"): "this backbone has 2 layers, numbered from 0. "
    "Set backbone.prompt_layer=1 or less",
    ("tiny_t5", "backbone.prompt_layer=7"): "this backbone has 2 layers",
    ("tiny_llama", "backbone.prompt_layer=2"): "this backbone has 2 layers",
    ("tiny_bert", "backbone.prompt_layer=-1"): "backbone.prompt_layer = -1: must be",
    ("tiny_bert", "backbone.prompt_layer=1.5"): "backbone.prompt_layer = 1.5: must be a whole number",
    ("tiny_llama", f"{LAYER} backbone.prompt_at=end"): "does not go with backbone.prompt_at=end",
    ("tiny_llama", f"{LAYER} scorer=generate"): "does not go with scorer=generate in a decoder",
    ("tiny_bert", f"{LAYER} backbone.dropout=true"): "does not go with backbone.dropout=true",
    ("tiny_bert", f"{LAYER} encoder=dept"): "this encoder reads or changes the embeddings of the text",
    ("tiny_bert", f"{LAYER} encoder=adept"): "Set backbone.prompt_layer=0, or choose another encoder",
    ("tiny_bert", f"{LAYER} encoder=smop"): "this encoder reads or changes the embeddings of the text",
}


@pytest.mark.parametrize(("family", "overrides"), REFUSED)
def test_settings_that_exclude_a_layer_are_refused_before_training(family, overrides, request):
    with pytest.raises(ConfigError) as error:
        checked([*request.getfixturevalue(family), "task=cb", *overrides.split()])
    assert REFUSED[family, overrides] in str(error.value)


def test_a_layer_that_is_unknown_before_the_model_is_loaded_is_refused(tiny_bert, tiny_cb, tmp_path, monkeypatch):
    monkeypatch.setattr("rpt.config.rules.backbone.num_layers", lambda folder: None)
    config = checked([*tiny_bert, *tiny_cb, "backbone.prompt_layer=2", f"output_dir={tmp_path}"])
    with pytest.raises(ConfigError, match=r"backbone\.prompt_layer = 2: this backbone has 2 layers"):
        train([config])


def test_generation_by_t5_is_evaluated_at_a_layer(trained):
    outcome = trained("tiny_t5", LAYER, "scorer=generate", "encoder=plain")
    assert outcome.record.status == "finished"


@pytest.mark.slow
def test_runs_of_different_layers_share_a_backbone_in_predictions(trained, tiny_cb):
    folders = [trained("tiny_bert", "encoder=plain", *more).folder for more in ([], [LAYER])]
    rows = read_json_lines(Path(tiny_cb[1].removeprefix("data.root="), "CB", "val.jsonl"))
    scores, alone = mixed_and_alone(folders, rows)
    assert scores == [pytest.approx(expected, abs=1e-6) for expected in alone]
    assert scores[: len(rows)] != scores[len(rows) :]
