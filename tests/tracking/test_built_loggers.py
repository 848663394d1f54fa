"""Lightning's loggers and other components that cannot be built are refused before anything is trained."""

import importlib.util
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger

from rpt import build
from rpt.errors import ConfigError
from rpt.runs import train
from rpt.sweep.point import Point
from rpt.sweep.work import train_pack
from tests.support.preloaded import run_preloaded

ROOT = Path(__file__).parents[2]


class Offline(CSVLogger):
    """Logger whose constructor raises an error."""

    def __init__(self, save_dir: str) -> None:
        raise ConnectionError("no route to host")


class Eager(CSVLogger):
    """Logger that creates a file in its constructor."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir)
        Path(save_dir, "eager.txt").write_text("begun")


MISBUILT = {
    "a constructor that raises": (
        "{_target_: tests.tracking.test_built_loggers.Offline}",
        "tests.tracking.test_built_loggers.Offline: raises an error when it is built (ConnectionError: no route ",
    ),
    "no logger": (
        "{_target_: torch.nn.Identity}",
        "torch.nn.Identity: builds a Identity, which is no lightning.pytorch.loggers.Logger.",
    ),
    "a module that cannot be imported": (
        "{_target_: module_of_hers.Hers}",
        "module_of_hers.Hers: raises an error when it is built (ModuleNotFoundError: No module named 'no_such_package'",
    ),
}


@pytest.mark.parametrize("reason", MISBUILT)
def test_a_logger_that_cannot_be_built_is_refused_before_the_backbone_is_loaded(
    reason, configure, tiny_cb, tmp_path, monkeypatch
):
    source = "import no_such_package\n\nclass Hers:\n    def __init__(self, *, save_dir): ...\n"
    (tmp_path / "module_of_hers.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(build, "assemble", lambda *arguments: pytest.fail("the backbone was loaded"))
    value, message = MISBUILT[reason]
    good = "+logger.good._target_=lightning.pytorch.loggers.CSVLogger"
    configs = [configure(*tiny_cb, good), configure(*tiny_cb, f"+logger.mine={value}", "seed=1")]
    with pytest.raises(ConfigError) as refused:
        train(configs)
    assert str(refused.value).startswith(f"logger.mine._target_ = {message}")
    assert list(Path(configs[0].output_dir).iterdir()) == []


def test_a_point_whose_logger_cannot_be_built_is_refused_and_the_others_are_trained(configure, tiny_cb):
    own = [[], ["+logger.mine={_target_: torch.nn.Identity}"], []]
    overrides = [[*tiny_cb, "trainer.epochs=1", f"seed={seed}", *given] for seed, given in enumerate(own)]
    configs = [configure(*given) for given in overrides]
    points = [
        Point(number, config.model_dump(by_alias=True), f"seed={number}") for number, config in enumerate(configs)
    ]
    results = train_pack(points)
    assert [result.status for result in results] == ["finished", "refused", "finished"]
    assert results[1].error.startswith("logger.mine._target_ = torch.nn.Identity: builds a Identity")


def test_a_training_that_begins_anew_keeps_the_files_of_its_new_loggers(configure, tiny_cb):
    eager = "+logger.mine={_target_: tests.tracking.test_built_loggers.Eager}"
    short = [*tiny_cb, "trainer.epochs=1", "seed=3", eager]
    [outcome] = train([configure(*short)])
    (outcome.folder / "eager.txt").write_text("of the earlier training")
    train([configure(*short, "rerun=true")])
    assert (outcome.folder / "eager.txt").read_text() == "begun"
    assert (outcome.folder / "superseded" / "1" / "run.json").exists()
    assert (outcome.folder / "superseded" / "1" / "eager.txt").exists()


REFUSED = {
    "+logger.x._target_=null": "logger.x._target_ = null: must name a class or function",
    "+logger.x={kind: lightning}": "logger.x._target_ = null: must name a class or function",
    "+logger.x={_target_: lightning.pytorch.loggers.MLFlowLogger, experiment_name: a}":
        "logger.x._target_ = lightning.pytorch.loggers.MLFlowLogger: mlflow is not installed. Run: pip install mlflow",
    "logger=[tensorboard]": "logger.tensorboard = tensorboard: tensorboard is not installed. Run: pip ",
    "+callbacks.x._target_=null": "callbacks.x._target_ = null: must name a class or function",
    "+scorer._target_=null": "scorer._target_ = null: must name a class or function",
    "optim._target_=null": "optim._target_ = null: must name a class or function",
    "init._target_=null": "init._target_ = null: must name a class or function",
}  # fmt: skip


@pytest.mark.parametrize("override", REFUSED)
def test_a_component_without_its_class_or_its_package_is_refused_by_the_check(override, configure, monkeypatch):
    find_spec = importlib.util.find_spec
    missing = ("mlflow", "tensorboard")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name in missing else find_spec(name))
    with pytest.raises(ConfigError) as refused:
        configure(override)
    assert str(refused.value).startswith(REFUSED[override])


def test_the_command_ends_before_training(tmp_path):
    logger = "+logger.own._target_=torch.nn.Identity"
    arguments = [str(ROOT / "run.py"), "task=cb", "data.max_rows=40", "trainer.progress=false", logger]
    done = run_preloaded(arguments, cwd=tmp_path, merged=True)
    advice = "builds a Identity, which is no lightning.pytorch.loggers.Logger."
    assert done.stdout.splitlines()[-1] == f"logger.own._target_ = torch.nn.Identity: {advice}"
    assert "loading the backbone" not in done.stdout
    assert done.returncode == 2
    assert list((tmp_path / "runs").iterdir()) == []
