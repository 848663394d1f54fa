"""Components from a user's own config folder and package, together with the shipped components."""

import json
import os
from pathlib import Path

import pytest
from hydra.core.config_search_path import ConfigSearchPath

import rpt
from rpt.config.paths import config_dir, sweeps_dir
from rpt.config.user_folders import check_sources, folders_of
from rpt.errors import ConfigError
from rpt.replay import replay
from tests.support.options import ENCODERS
from tests.support.preloaded import run_preloaded

RUN = Path(__file__).parents[2] / "run.py"

ENCODER = """
from torch import nn
from rpt.config.options import Scale


class Scaled(nn.Module):
    def __init__(self, *, length: int, hidden: int, factor: Scale) -> None:
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, prompt):
        return prompt + self.factor * self.linear(prompt)
"""
PARTS = """
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from rpt.scoring.head import HeadScorer


class Momentum(torch.optim.SGD):
    pass


class Smoothed(HeadScorer):
    def __init__(self, *, hidden: int, num_labels: int, pooling: str, smoothing: float = 0.1) -> None:
        super().__init__(hidden=hidden, num_labels=num_labels, pooling=pooling)
        self.smoothing = smoothing

    def losses(self, backbone, inserted, rows, heads):
        scores = self.score(backbone, inserted, rows, heads).scores
        return torch.nn.functional.cross_entropy(scores, rows.target, reduction="none", label_smoothing=self.smoothing)


class Lines(Logger):
    name = version = "lines"

    def __init__(self, save_dir: str, file: str = "lines.txt") -> None:
        super().__init__()
        self.path = f"{save_dir}/{file}"

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        with open(self.path, "a") as file:
            print(step, *sorted(metrics), file=file)


class Shouting(Callback):
    def __init__(self, word: str) -> None:
        self.word = word

    def on_validation_end(self, trainer, pl_module):
        trainer.logger.log_metrics({self.word: float(trainer.callback_metrics["held_out/score"])}, trainer.global_step)
"""
FILES = {
    "lab_package/parts.py": PARTS,
    "conf/optim/momentum.yaml": """# SGD with momentum
_target_: lab_package.parts.Momentum
momentum: 0.9
""",
    "conf/optim/torch_sgd.yaml": """# torch's own SGD
_target_: torch.optim.SGD
momentum: 0.5
nesterov: true
""",
    "conf/scorer/smoothed.yaml": """# A head with smoothed labels
_target_: lab_package.parts.Smoothed
smoothing: 0.2
""",
    "conf/logger/lines.yaml": """# A line for each step
lines: {_target_: lab_package.parts.Lines}
""",
    "conf/callbacks/shouting.yaml": """# Logs the held-out score in other words
shouting: {_target_: lab_package.parts.Shouting, word: loud}
""",
    "lab_package/encoders.py": ENCODER,
    "conf/encoder/scaled.yaml": """# P + factor * W P
_target_: lab_package.encoders.Scaled
_partial_: true
factor: 0.5
""",
    "conf/task/swapped.yaml": """# CB, its sentences in the other order
defaults: [cb, _self_]
name: swapped
version: 1
formats: {encoder: {first: "{hypothesis}", second: "{premise}"}}
""",
    "conf/experiment/small.yaml": """# @package _global_
defaults: [override /encoder: scaled]
encoder: {factor: 0.25}
""",
    "conf/factors.yaml": """# Which factor?
defaults: [config, override hydra/launcher: packed, _self_]
group: factors
hydra: {mode: MULTIRUN, sweeper: {params: {encoder: 'plain,scaled', seed: 'range(2)'}}}
""",
    "conf/later.yaml": """# A shipped study in another place
defaults: [learning_rate, _self_]
output_dir: runs/later
""",
}


@pytest.fixture
def lab(tmp_path):
    """Folder of a user's project with a Python package and a config folder."""
    for name, text in FILES.items():
        path = tmp_path / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "lab"


@pytest.fixture
def command(lab, tmp_path):
    """Run `python run.py ARGUMENTS` with the user's package in PYTHONPATH."""

    def run(*arguments, package=True):
        paths = [str(RUN.parent), *([str(lab)] if package else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return run_preloaded([str(RUN), *arguments], cwd=tmp_path, env=environment, merged=True)

    return run


SHOWN = {
    "encoder=scaled": ["_target_: lab_package.encoders.Scaled", "factor: 0.5"],
    "task=swapped": ["name: swapped", "first: '{hypothesis}'"],
    "experiment=small": ["_target_: lab_package.encoders.Scaled", "factor: 0.25"],
    "-cn factors": ["group: factors"],
    "-cn later": ["group: learning_rate", "output_dir: runs/later"],
    "-cn learning_rate encoder=scaled": ["group: learning_rate", "_target_: lab_package.encoders.Scaled"],
}


@pytest.mark.parametrize("arguments", SHOWN)
def test_the_users_and_the_shipped_files_can_be_used_together(arguments, lab, command):
    done = command("--config-dir", str(lab / "conf"), "--cfg", "job", *arguments.split())
    assert done.returncode == 0, done.stdout
    assert [line for line in SHOWN[arguments] if line not in done.stdout] == []


def test_a_search_path_adds_folders_as_well(lab, command):
    done = command("--cfg", "job", f"hydra.searchpath=[file://{lab}/conf]", "encoder=scaled", "-cn", "learning_rate")
    assert done.returncode == 0, done.stdout
    assert "_target_: lab_package.encoders.Scaled" in done.stdout


REFUSED = {
    "encoder=scald": "encoder = scald: no such option. Did you mean scaled? Options: "
    f"{', '.join(sorted([*ENCODERS, 'scaled']))}.",
    "-cn factor": "--config-name factor: no such file. Did you mean factors? There are: ablation, bottleneck, config, ",
    "encoder=scaled encoder.factor=-1": "encoder.factor = -1: must be greater than 0.",
    "optim=torch_sgd optim.momentun=1": "optim.momentun: no such key. Did you mean momentum? ",
    "callbacks=shouting callbacks.shouting.word=null": "callbacks.shouting.word = null: must be text",
    "scorer=smoothed scorer.smoothing=x": "scorer.smoothing = x: must be a number.",
    "+callbacks.x._target_=lab_package.parts.Nobody": "callbacks.x._target_ = lab_package.parts.Nobody: "
    "lab_package.parts holds no 'Nobody'. Name a class or function that exists.",
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED)
def test_refusals_list_the_users_options_and_studies(arguments, lab, command):
    done = command("--config-dir", str(lab / "conf"), *arguments.split())
    assert done.stdout.startswith(REFUSED[arguments])
    assert done.returncode == 2


def test_a_package_that_python_does_not_find_is_refused_with_what_to_do(lab, command):
    done = command("--config-dir", str(lab / "conf"), "encoder=scaled", package=False)
    assert done.stdout == (
        "encoder._target_ = lab_package.encoders.Scaled: there is no module 'lab_package.encoders'. Name a class or "
        "function that exists. A package of your own must be installed (pip install -e DIR), or its folder be in "
        "PYTHONPATH.\n"
    )
    assert done.returncode == 2


@pytest.mark.slow  # about 15 s: a sweep in a new process
def test_a_sweep_over_the_users_and_shipped_encoders_trains(lab, command, tiny_bert, tiny_cb, tmp_path):
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=1"]
    done = command("--config-dir", str(lab / "conf"), "-cn", "factors", "task=swapped", *small)
    assert done.returncode == 0, done.stdout
    assert "4 points: 4 finished" in done.stdout
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/run.json")]
    assert sorted(record["chosen"]["encoder"] for record in records) == ["plain", "plain", "scaled", "scaled"]
    assert {record["task"]["name"] for record in records} == {"swapped"}
    searched = command("-m", f"hydra.searchpath=[file://{lab}/conf]", "encoder=scaled", "seed=0,1", *small)
    assert searched.returncode == 0, searched.stdout
    assert searched.stdout.splitlines()[-1] == "python -m rpt.report runs compares them"


def test_a_run_trains_with_the_users_encoder_optimizer_scorer_logger_and_callback(
    lab, command, tiny_bert, tiny_cb, tmp_path, monkeypatch
):
    parts = ["encoder=scaled", "optim=momentum", "scorer=smoothed", "logger=lines", "callbacks=[shouting,lr_monitor]"]
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=2", "+trainer.lightning.log_every_n_steps=1"]
    done = command("--config-dir", str(lab / "conf"), *parts, *small)
    assert done.returncode == 0, done.stdout
    [path] = (tmp_path / "runs").glob("*/run.json")
    record = json.loads(path.read_text())
    assert record["status"] == "finished"
    assert [warning for warning in record["warnings"] if "logger" in warning] == []
    assert {"optim", "scorer", "encoder", "callbacks.shouting", "callbacks.lr_monitor"} <= record["code"].keys()
    lines = (path.parent / "lines.txt").read_text().splitlines()
    assert "8 loud" in lines
    assert sum("lr-Momentum" in line for line in lines) == 8
    assert sum("train/loss" in line for line in lines) == 8
    monkeypatch.syspath_prepend(str(lab))
    assert replay(path.parent, [str(lab / "conf")]).is_identical
    (lab / "conf" / "callbacks" / "shouting.yaml").unlink()
    with pytest.raises(
        ConfigError, match=r"callbacks\.shouting\._target_ = lab_package\.parts\.Shouting: is in no option"
    ):
        replay(path.parent, [str(lab / "conf")])
    assert rpt.load(path.parent, [lab / "conf"]).predict([{"premise": "A dog.", "hypothesis": "An animal."}])
    (lab / "conf" / "scorer" / "smoothed.yaml").write_text("_target_: rpt.scoring.head.HeadScorer\n")
    with pytest.raises(
        ConfigError, match=r"^scorer\._target_ = lab_package\.parts\.Smoothed: is rpt\.scoring\.head\.HeadSc"
    ):
        rpt.load(path.parent, [lab / "conf"])


@pytest.mark.slow
def test_an_optimizer_of_torch_trains_by_one_option_file(lab, command, tiny_bert, tiny_cb, tmp_path):
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=1"]
    done = command("--config-dir", str(lab / "conf"), "optim=torch_sgd", *small)
    assert done.returncode == 0, done.stdout
    [path] = (tmp_path / "runs").glob("*/run.json")
    assert json.loads(path.read_text())["config"]["optim"]["momentum"] == 0.5


class Entry:
    """Stand-in for an entry of Hydra's search path."""

    def __init__(self, provider, path, schema="file"):
        self.provider, self.path, self.schema = provider, str(path), schema


SHIPPED = [Entry("hydra", "hydra.conf", "pkg"), Entry("main", config_dir()), Entry("rpt studies", sweeps_dir())]


def test_a_file_with_the_name_of_a_shipped_file_is_refused(tmp_path):
    for name in ("encoder/residual.yaml", "encoder/other.yaml", "learning_rate.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# mine\n")
    with pytest.raises(ConfigError) as refused:
        check_sources([*SHIPPED, Entry("command-line", tmp_path)])
    assert str(refused.value).splitlines() == [
        f"config file = {tmp_path}/{name}.yaml: rpt ships {name} itself, and Hydra would read rpt's file. Rename your "
        "file."
        for name in ("encoder/residual", "learning_rate")
    ]
    check_sources([*SHIPPED, Entry("command-line", sweeps_dir()), Entry("schema", "", "structured")])


@pytest.mark.parametrize(("path", "schema"), [("/nowhere", "file"), ("no_such_package.conf", "pkg")])
def test_a_config_folder_that_does_not_exist_is_refused(path, schema):
    with pytest.raises(ConfigError, match="there is no such folder or package"):
        check_sources([*SHIPPED, Entry("hydra.searchpath in main", path, schema)])


def test_the_folder_of_a_package_in_the_search_path_is_found():
    [folder] = folders_of("pkg", "rpt.tasks")
    assert folder == RUN.parent / "rpt" / "tasks"


def test_the_search_path_of_other_hydra_programs_is_not_changed():
    """Hydra calls the plugin in every program of the Python environment."""
    from hydra._internal.config_search_path_impl import ConfigSearchPathImpl

    from hydra_plugins.rpt_packed.search_path import RptSearchPath

    path: ConfigSearchPath = ConfigSearchPathImpl()
    path.append("main", "file:///another/program")
    RptSearchPath().manipulate_search_path(path)
    assert [entry.path for entry in path.get_path()] == ["file:///another/program"]
