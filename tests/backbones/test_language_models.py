"""Runs of language models: zero-shot, full fine-tuning, and resumed after an interruption."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from rpt.backbones.files import weight_files
from rpt.config.check import check
from rpt.data.datamodule import TaskData
from rpt.errors import ConfigError, WeightsError
from rpt.runs import train
from rpt.training.module import PromptTuner
from tests.support.composed import compose

FAMILIES = ["tiny_t5", "tiny_llama"]
SCORERS = ["rank", "generate"]
RESULT_FILES = ("prompt.safetensors", "predictions.jsonl", "metrics.csv", "adapter/adapter_model.safetensors")
TUNE = ["encoder=none", "trainer.tune=all", "trainer.tune_lr=0.003"]
each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def configure(request, tmp_path):
    def build(family, *overrides):
        few = ["data.max_rows=15", "trainer.progress=false", "trainer.epochs=2", f"output_dir={tmp_path / 'runs'}"]
        return check(compose([*request.getfixturevalue(family), *few, "trainer.batch_size=4", *overrides]))

    return build


def lines(outcome):
    return list(map(json.loads, (outcome.folder / "predictions.jsonl").read_text().splitlines()))


def train_losses(outcome):
    with (outcome.folder / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


# Tests of zero-shot runs


@pytest.mark.parametrize("scorer", SCORERS)
@each_family
def test_a_run_without_a_prompt_trains_no_parameters_and_reports_a_score(family, scorer, configure):
    outcome = train([configure(family, "encoder=none", f"scorer={scorer}")])[0]
    record = outcome.record
    assert (record.status, record.steps, record.tokens, record.best) == ("finished", 0, 0, None)
    assert record.parameters.model_dump() == {"paper": 0, "held": 0, "kept": 0, "head": 0, "body": 0}
    assert set(record.scores) == {"score", "accuracy", "f1_macro"}
    assert record.adapter == "there is no prompt"
    assert record.backbone.fingerprint_after == record.backbone.fingerprint_checkpoint
    assert len(lines(outcome)) == record.data.rows.reported == 15
    assert not list(outcome.folder.glob("*.safetensors"))


@each_family
def test_zero_shot_answers_do_not_depend_on_seed_epochs_or_batch_size(family, configure):
    first = train([configure(family, "encoder=none")])[0]
    other = train([configure(family, "encoder=none", "seed=1", "trainer.epochs=1", "trainer.batch_size=2")])[0]
    assert lines(first) == lines(other)


# Tests of full fine-tuning


@each_family
def test_full_fine_tuning_changes_the_weights_and_lowers_the_loss(family, configure):
    outcome = train([configure(family, *TUNE, "trainer.epochs=5")])[0]
    record, losses = outcome.record, train_losses(outcome)
    steps = len(losses) // 5  # number of steps in an epoch
    assert sum(losses[-steps:]) < 0.8 * sum(losses[:steps])
    assert record.status == "finished"
    assert record.config["trainer"]["tune"] == "all"
    assert record.parameters.model_dump() == {
        "paper": 0,
        "held": 0,
        "kept": 0,
        "head": 0,
        "body": record.backbone.parameters,
    }
    times = ("checkpoint", "before", "after")
    fingerprints = {time: getattr(record.backbone, f"fingerprint_{time}") for time in times}
    assert fingerprints["checkpoint"] == fingerprints["before"] != fingerprints["after"]
    assert record.adapter == "there is no prompt"


@each_family
def test_fine_tuning_changes_every_weight_and_not_the_weight_file(family, configure, assemble, loop):
    config = configure(family, *TUNE)
    [file] = weight_files(Path(config.backbone.path))
    stored = file.read_bytes()
    tuner, data = assemble(config)
    loop(tuner).train()
    before = {name: value.detach().clone() for name, value in tuner.backbone.named_parameters()}
    for index, step in enumerate(data.train_dataloader()):
        tuner.training_step(step, index)
    unchanged = [name for name, value in tuner.backbone.named_parameters() if torch.equal(value, before[name])]
    assert unchanged == []
    assert not any(module.training for module in tuner.backbone.modules())  # fine-tuning uses no dropout
    assert file.read_bytes() == stored


def test_a_pack_of_fully_tuned_runs_is_refused(configure):
    pair = [configure("tiny_t5", *TUNE, f"seed={seed}") for seed in (0, 1)]
    with pytest.raises(ConfigError) as caught:
        train(pair)
    assert str(caught.value) == "trainer.tune = all: runs that train their backbone cannot share it. Train each alone."


# Tests of resumed runs


@pytest.fixture
def stop_at(monkeypatch):
    """Raise an error once, at the start of the training step with a given number."""
    step = PromptTuner.training_step

    def at(number):
        remaining = [number]

        def training_step(self, batch, batch_idx):
            if remaining and self.steps_done == remaining[0]:
                remaining.pop()
                raise RuntimeError("something broke")
            step(self, batch, batch_idx)

        monkeypatch.setattr(PromptTuner, "training_step", training_step)

    return at


def contents(outcome, names=RESULT_FILES):
    return {name: (outcome.folder / name).read_bytes() for name in names}


def whole_and_resumed(config, stop_at, tmp_path):
    whole = train([config(f"output_dir={tmp_path / 'whole'}")])[0]
    stop_at(whole.record.steps // 2)
    with pytest.raises(RuntimeError, match="something broke"):
        train([config()])
    resumed = train([config()])[0]
    assert len(resumed.record.resumed) == 1
    return whole, resumed


@each_family
def test_an_interrupted_run_with_scorer_rank_resumes_to_the_same_bytes(family, configure, stop_at, tmp_path):
    options = ["scorer=rank", "encoder.dropout=0.3", "lr=0.1", "trainer.checkpoint_steps=2"]
    whole, resumed = whole_and_resumed(lambda *more: configure(family, *options, *more), stop_at, tmp_path)
    assert contents(resumed) == contents(whole)
    for key in ("scores", "best", "steps", "tokens", "loss"):
        assert getattr(resumed.record, key) == getattr(whole.record, key), key


@each_family
def test_an_interrupted_fine_tuning_resumes_to_the_same_bytes(family, configure, stop_at, tmp_path):
    whole, resumed = whole_and_resumed(lambda *more: configure(family, *TUNE, *more), stop_at, tmp_path)
    files = ("predictions.jsonl", "metrics.csv")
    assert contents(resumed, files) == contents(whole, files)
    assert resumed.record.backbone == whole.record.backbone  # the fingerprints before and after training agree


def test_prompt_text_and_target_must_fit_the_positions(tiny_llama, tmp_path):
    folder = tmp_path / "short"
    shutil.copytree(tiny_llama[2].removeprefix("backbone.path="), folder)
    config = json.loads((folder / "config.json").read_text())
    few = ["task=cb", "data.max_rows=16", "trainer=debug", f"output_dir={tmp_path / 'runs'}", f"backbone.path={folder}"]
    longest = max(map(len, texts_of([*tiny_llama, *few])))
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": longest + 11}))
    fits = [*tiny_llama, *few, "prompt.length=10", f"backbone.text_limit={longest + 1}"]
    message = r"an answer must fit the \d+ positions of this backbone\. Set backbone\.text_limit=\d+ or less\.$"
    with pytest.raises(ConfigError, match=message):
        train([check(compose(fits))])
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": longest + 20}))
    assert train([check(compose(fits))])[0].record.status == "finished"


def texts_of(overrides):
    """Return the token ids of every source."""
    data = TaskData(check(compose(overrides)))
    data.setup()
    return [text for split in (data.train, data.held_out, data.reported) for [text] in split.inputs]


def test_a_tokenizer_without_an_end_token_is_refused(tiny_llama, tmp_path):
    folder = tmp_path / "endless"
    shutil.copytree(tiny_llama[2].removeprefix("backbone.path="), folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": None}))
    few = ["task=cb", "data.max_rows=16", "trainer=debug", f"output_dir={tmp_path}", f"backbone.path={folder}"]
    with pytest.raises(WeightsError, match=r"its tokenizer has no end marker\. Name an eos_token in"):
        train([check(compose([*tiny_llama, *few]))])
