"""The Python API: the names that `import rpt` offers, and equal scores from every way to train or load a run."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import lightning
import pytest
import torch

import rpt
from rpt.errors import ConfigError, StorageError
from rpt.runs import Outcome, RunFailed, RunStopped

ROOT = Path(__file__).parents[1]
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHORT = ["data.max_rows=40", "trainer.epochs=2", "encoder=plain", "prompt.length=3", "lr=0.1", "head_lr=0.1"]

pytestmark = pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning")


@pytest.fixture
def compose(tiny_bert, tmp_path):
    def compose(*overrides):
        return rpt.compose([*tiny_bert, *SHORT, "trainer.progress=false", f"output_dir={tmp_path}", *overrides])

    return compose


def scores_of(module):
    """Return the scores of a module's only run on the rows that it answered last."""
    [predictions] = module.predictions
    values = predictions.metrics(module.metric_names)
    return {name: values[name] for name in ("score", *module.metric_names)}


def test_importing_rpt_imports_no_heavy_library():
    heavy = ("torch", "transformers", "lightning", "hydra", "pydantic")
    code = f"import sys, rpt; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_exists_and_an_unknown_one_is_an_attribute_error():
    for name in rpt.__all__:
        assert callable(getattr(rpt, name))
    assert set(rpt.__all__) <= set(dir(rpt))
    with pytest.raises(AttributeError, match="module 'rpt' has no attribute 'trian'"):
        rpt.trian  # noqa: B018


def test_compose_raises_every_problem_at_once():
    with pytest.raises(ConfigError) as caught:
        rpt.compose(["lr=-1", "prompt.length=0"])
    assert [problem.key for problem in caught.value.problems] == ["lr", "prompt.length"]


def test_a_lightning_trainer_gives_the_score_of_a_recorded_run(compose, tmp_path):
    config = compose("encoder=residual")
    [outcome] = rpt.train([config])
    data = rpt.TaskData(config)
    module = rpt.PromptTuner.from_config(config, data)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path / "lightning")
    trainer.fit(module, data)
    assert (module.steps_done, module.epochs_done) == (outcome.record.steps, 2)
    trainer.test(module, data, verbose=False)
    assert scores_of(module) == outcome.record.scores
    assert module.predictions[0].loss == outcome.record.loss
    assert module.runs[0].best.metrics == outcome.record.best.held_out


def test_the_readmes_example_prints_the_score_of_a_recorded_run(compose, tmp_path, monkeypatch, capsys):
    [example] = PYTHON_BLOCK.findall((ROOT / "README.md").read_text())
    assert len([line for line in example.splitlines() if line]) <= 12
    config = compose()
    [outcome] = rpt.train([config])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rpt, "compose", lambda overrides: config)
    exec(example, {})
    printed = float(capsys.readouterr().out.splitlines()[-1])
    assert printed == pytest.approx(outcome.score, rel=1e-6)  # Lightning stores logged values in float32


def test_data_of_another_configuration_is_refused(compose):
    data = rpt.TaskData(compose())
    with pytest.raises(ConfigError, match=r"^prompt\.length = 4: the data was built with 3\. Build rpt\.TaskData from"):
        rpt.PromptTuner.from_config(compose("prompt.length=4"), data)


@pytest.mark.parametrize("backbone", ["tiny_bert", "tiny_llama"])
@pytest.mark.parametrize("encoder", ["residual", "none"])
def test_a_loaded_run_has_the_score_of_its_record_to_the_last_digit(backbone, encoder, request, tmp_path):
    tiny = request.getfixturevalue(backbone)
    config = rpt.compose([*tiny, *SHORT, f"encoder={encoder}", "trainer.progress=false", f"output_dir={tmp_path}"])
    [outcome] = rpt.train([config])
    trained = rpt.load(outcome.folder)
    assert trained.record == rpt.Record.read(outcome.folder)
    assert trained.prompt.shape == ((0 if encoder == "none" else 3), 32)
    trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.test(trained.module, trained.data, verbose=False)
    assert scores_of(trained.module) == outcome.record.scores
    assert trained.module.predictions[0].loss == outcome.record.loss
    assert torch.equal(trained.module.folded[0], trained.prompt)


def test_a_folder_that_holds_no_trained_run_is_refused(compose, tmp_path):
    with pytest.raises(ConfigError, match="holds no record of a run"):
        rpt.load(tmp_path / "nowhere")
    [outcome] = rpt.train([compose()])
    (outcome.folder / "head.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ConfigError, match=r"head\.safetensors: is damaged .* train the run again with rerun=true"):
        rpt.load(outcome.folder).module  # noqa: B018


def test_a_fine_tuned_backbone_is_not_in_the_exported_files(compose):
    [outcome] = rpt.train([compose("encoder=none", "trainer.tune=all", "trainer.epochs=1")])
    with pytest.raises(ConfigError, match=r"^trainer\.tune = all: the weights of a fine-tuned backbone are only"):
        rpt.load(outcome.folder)


def test_one_configuration_is_trained_without_a_list(compose):
    [outcome] = rpt.train(compose("trainer.epochs=1"))
    assert outcome.score == outcome.record.scores["score"]


def test_no_configuration_and_the_same_configuration_twice_are_refused(compose, tmp_path):
    with pytest.raises(ConfigError, match=r"^configs = \[\]: holds no configuration"):
        rpt.train([])
    config = compose()
    with pytest.raises(ConfigError, match="is the run of two configurations"):
        rpt.train([config, compose("trainer.progress=false")])
    assert not list(tmp_path.glob("*/run.json"))


def test_the_score_of_a_run_that_was_not_trained_to_its_end_is_an_error_with_the_reason(tmp_path):
    stopped = rpt.Record(status="stopped")
    failed = rpt.Record(status="failed", error="the loss became nan")
    for record, error, reason in (
        (stopped, RunStopped, "stopped by successive halving"),
        (failed, RunFailed, "the loss became nan"),
    ):
        with pytest.raises(error, match=reason):
            Outcome(tmp_path, record).score  # noqa: B018
    damaged = StorageError("its run.json is damaged")
    with pytest.raises(StorageError, match="is damaged"):
        Outcome(tmp_path, rpt.Record(status="interrupted"), damaged).score  # noqa: B018
    with pytest.raises(RunFailed, match="has no score"):
        Outcome(tmp_path, rpt.Record(status="finished")).score  # noqa: B018


def test_the_arguments_of_the_launcher_are_no_arguments_of_the_api():
    assert list(inspect.signature(rpt.train).parameters) == ["configs"]
