"""Runs whose encoder reads or changes the text: their files, their later use, and their refusals."""

import json

import lightning
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

import rpt
from rpt.config.members import TEXT_UPDATES, members
from rpt.config.paths import config_dir, search_path
from rpt.errors import ConfigError
from rpt.export.__main__ import main as export
from rpt.inspect.__main__ import main as inspect
from rpt.predict.__main__ import main as predict
from rpt.predict.answers import answer_lines
from rpt.predict.lines import placed
from rpt.predict.predictor import Predictor
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.replay import replay
from rpt.system.writing import read_json_lines
from tests.support.composed import checked
from tests.support.options import ENCODERS
from tests.support.samples import sample_rows

SHORT = ["task=cb", "data.max_rows=24", "trainer.epochs=2", "prompt.length=3", "lr=0.3", "head_lr=0.3"]
QUIET = ["trainer.progress=false", "trainer=debug"]


def target_of(name):
    return OmegaConf.load(config_dir() / "encoder" / f"{name}.yaml")["_target_"]


UNFOLDABLE = [
    name for name in ENCODERS if name != "none" and members(target_of(name)).intersection(("reads_text", *TEXT_UPDATES))
]


@pytest.fixture
def compose(request, tmp_path):
    """Make a configuration of a short run on a tiny backbone."""

    def make(backbone, *overrides):
        folder = f"output_dir={tmp_path / 'runs'}"
        return checked([*request.getfixturevalue(backbone), *QUIET, *SHORT, folder, *overrides])

    return make


@pytest.fixture
def trained(compose):
    """Train a run, and return its folder."""
    return lambda *overrides: rpt.train([compose(*overrides)])[0].check().folder


def answers_of(folder, path):
    """Answer the run's own rows with `python -m rpt.predict`, without the keys that only its output has."""
    rows = sample_rows("CB")["val"][:24]
    (path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert predict([str(folder), "--input", str(path / "in.jsonl"), "--output", str(path / "out.jsonl")]) == 0
    own = ("run", "label", "log_probabilities")
    return [
        {key: value for key, value in line.items() if key not in own} for line in read_json_lines(path / "out.jsonl")
    ]


def test_the_encoders_that_need_the_text_are_found():
    assert {"smop", "adept", "dept"} <= set(UNFOLDABLE)
    assert "residual" not in UNFOLDABLE


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tiny_bert", "tiny_t5", "tiny_llama"])
@pytest.mark.parametrize("encoder", UNFOLDABLE)
def test_a_run_keeps_its_encoder_and_is_used_again_exactly(encoder, backbone, trained, tmp_path):
    folder = trained(backbone, f"encoder={encoder}", "prompt.unit=vocab")
    assert not any((folder / name).exists() for name in ("prompt.safetensors", "diagnostics.json", "adapter"))
    record = rpt.Record.read(folder)
    state = load_file(folder / "encoder.safetensors")
    assert record.parameters.kept == sum(value.numel() for value in state.values())
    assert record.prompt.not_folded is not None
    assert record.prompt.not_folded in record.adapter
    assert (record.prompt.start_norm_ratio, record.prompt.first_step, record.prompt.end_norm_ratio) == (
        None,
        None,
        None,
    )

    assert answers_of(folder, tmp_path) == read_json_lines(folder / "predictions.jsonl")
    run = rpt.load(folder)
    trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.test(run.module, run.data, verbose=False)
    metrics = run.module.predictions[0].metrics(run.module.metric_names)
    assert {name: metrics[name] for name in record.scores} == record.scores
    assert run.module.predictions[0].loss == record.loss


@pytest.mark.slow
@pytest.mark.parametrize("encoder", UNFOLDABLE)
def test_a_run_without_a_matrix_is_not_exported_and_the_message_names_the_encoder(encoder, trained, tmp_path, capsys):
    folder = trained("tiny_bert", f"encoder={encoder}")
    reason = f"has no exported prompt, because its encoder {encoder} {rpt.Record.read(folder).prompt.not_folded}."
    for form in ("peft", "safetensors", "npy"):
        assert export([str(folder), "--format", form, "--output", str(tmp_path / "out")]) == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert inspect([str(folder)]) == 2
    assert reason in capsys.readouterr().err
    with pytest.raises(ConfigError, match=reason):
        rpt.load(folder).prompt  # noqa: B018


@pytest.mark.slow
def test_a_replay_compares_the_kept_encoders(trained):
    folder = trained("tiny_bert", "encoder=smop")
    comparison = replay(folder)
    assert comparison.is_identical
    assert comparison.prompt == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "encoder.safetensors"])
def test_an_init_from_a_run_without_a_prompt_file_is_refused_before_anything_is_loaded(name, trained, compose):
    folder = trained("tiny_bert", "encoder=smop")
    path = str(folder / name)
    with pytest.raises(ConfigError, match="is a run whose encoder cannot be replaced by an exported prompt"):
        compose("tiny_bert", "init=file", f"init.path={path}")


@pytest.mark.slow
def test_a_missing_damaged_or_foreign_encoder_file_is_refused(trained):
    folder = trained("tiny_bert", "encoder=smop")
    file = folder / "encoder.safetensors"
    state = load_file(file)
    save_file({name: value for name, value in state.items() if name != "table"}, file)
    with pytest.raises(ConfigError, match=r"encoder\.safetensors: does not fit the run \(Error\(s\) in loading"):
        rpt.load(folder).module  # noqa: B018
    file.write_bytes(b"no tensors")
    with pytest.raises(ConfigError, match=r"encoder\.safetensors: is damaged"):
        rpt.load(folder)
    file.unlink()
    with pytest.raises(ConfigError, match=r"encoder\.safetensors: cannot be read"):
        rpt.load(folder)


@pytest.mark.slow
def test_a_prompt_for_each_text_stands_behind_a_cached_text(trained, tmp_path):
    folder = trained("tiny_llama", "encoder=smop", "backbone.prompt_at=end")
    assert answers_of(folder, tmp_path) == read_json_lines(folder / "predictions.jsonl")


@pytest.mark.slow
def test_runs_with_and_without_a_matrix_are_answered_and_reported_together(trained, compose, tmp_path):
    both = [compose("tiny_bert", f"encoder={name}") for name in ("smop", "plain")]
    folders = [outcome.check().folder for outcome in rpt.train(both)]
    rows = sample_rows("CB")["val"][:6]
    alone = [rpt.load(folder).predict(rows) for folder in folders]
    both = Predictor([rpt.load(folder) for folder in folders])
    together = [line.values for line in answer_lines(both, placed(rows))]
    for line in together:
        [same] = [one for of_run in alone for one in of_run if (one["run"], one["idx"]) == (line["run"], line["idx"])]
        assert line["scores"] == pytest.approx(same["scores"], abs=1e-4)
    assert len(together) == 12
    from rpt.report.__main__ import main as report

    assert report([str(tmp_path / "runs")]) == 0


OWN = """
import torch
from torch import nn


class Base(nn.Module):
    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()
        self.added = nn.Parameter(0.1 * torch.randn(hidden))

    def forward(self, prompt):
        return prompt

    def token_update(self, embeddings):
        return self.added.expand(len(embeddings), -1)


class Shift(Base):
    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__(length=length, hidden=hidden)


class Wrong(Base):
    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__(length=length, hidden=hidden)

    def token_update(self, embeddings):
        return self.added


class Routed(nn.Module):
    reads_text = True

    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()

    def forward(self, prompt, text):
        return prompt
"""


@pytest.fixture
def own(compose, tmp_path, monkeypatch):
    """Make a configuration with an encoder of a user."""
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "text_encoders_of_my_own.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(backbone, name, *overrides):
        yaml = f"_target_: text_encoders_of_my_own.{name}\n_partial_: true\n"
        (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(yaml)
        return compose(backbone, "encoder=mine", *overrides, *search_path([str(tmp_path / "conf")]))

    return make


def test_an_encoder_that_changes_the_text_and_cached_texts_exclude_each_other(own, monkeypatch):
    with pytest.raises(
        ConfigError, match=r"backbone\.prompt_at = end: caches the keys and values .* Set backbone\.prompt_at=front"
    ):
        own("tiny_llama", "Shift", "backbone.prompt_at=end")
    # The check before loading does not read a base class in another module.
    monkeypatch.setattr("rpt.config.rules.backbone.members", lambda target: set())
    config = own("tiny_llama", "Shift", "backbone.prompt_at=end")
    with pytest.raises(ConfigError, match=r"backbone\.prompt_at = end: caches the keys and values"):
        rpt.train([config])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Wrong", "token_update of the encoder returns the shape [32]; it must be [256, 32]"),
        ("Routed", "forward of the encoder returns the shape [3, 32]; it must be [32, any, 32]"),
    ],
)
def test_a_result_of_the_wrong_shape_fails_its_run_with_both_shapes(name, message, own):
    [outcome] = rpt.train([own("tiny_bert", name)])
    assert outcome.record.status == "failed"
    assert message in outcome.record.error


def test_a_token_update_is_added_to_the_text_alone(own, assemble):
    tuner, data = assemble(own("tiny_bert", "Shift", "prompt.unit=vocab", "backbone.dtype=float64"))
    prompt = tuner.runs[0].trainable.prompt
    rows = next(iter(data.val_dataloader()))
    from rpt.training.placement import place_prompts

    changed = place_prompts(tuner.backbone, rows, [prompt.fold()], 1)
    plain = place_prompts(tuner.backbone, rows, [SoftPrompt.forward(prompt)], 1)
    difference = changed.embeds - plain.embeds
    expected = prompt.scale * prompt.encoder.added.expand_as(difference) * plain.text[..., None]
    torch.testing.assert_close(difference, expected.detach(), rtol=0, atol=1e-12)
