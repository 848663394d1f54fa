"""Components in a user's own config folder and package, beside the shipped ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.config_search_path import ConfigSearchPath

from rpt.config.paths import config_dir, sweeps_dir
from rpt.config.user_folders import check_sources, folders_of
from rpt.errors import ConfigError

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
FILES = {
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
    """A project of one's own: a package and a config folder."""
    for name, text in FILES.items():
        path = tmp_path / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "lab"


@pytest.fixture
def command(lab, tmp_path):
    """Run `python run.py ARGUMENTS` with the project's package in PYTHONPATH."""

    def run(*arguments, package=True):
        paths = [str(RUN.parent), *([str(lab)] if package else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run(
            [sys.executable, str(RUN), *arguments],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip

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
def test_own_and_shipped_files_are_found_beside_each_other(arguments, lab, command):
    done = command("--config-dir", str(lab / "conf"), "--cfg", "job", *arguments.split())
    assert done.returncode == 0, done.stdout
    assert [line for line in SHOWN[arguments] if line not in done.stdout] == []


def test_a_search_path_adds_folders_as_well(lab, command):
    done = command("--cfg", "job", f"hydra.searchpath=[file://{lab}/conf]", "encoder=scaled", "-cn", "learning_rate")
    assert done.returncode == 0, done.stdout
    assert "_target_: lab_package.encoders.Scaled" in done.stdout


REFUSED = {
    "encoder=scald": "encoder = scald: no such option. Did you mean scaled? Options: lstm, mlp, none, plain, "
    "residual, scaled.",
    "-cn factor": "--config-name factor: no such file. Did you mean factors? There are: bottleneck, config, ",
    "encoder=scaled encoder.factor=-1": "encoder.factor = -1: must be greater than 0.",
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED)
def test_refusals_list_own_options_and_studies(arguments, lab, command):
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


@pytest.mark.slow  # about 15 s: a sweep in a process of its own
def test_a_sweep_over_own_and_shipped_encoders_trains(lab, command, tiny_bert, tiny_cb, tmp_path):
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


class Entry:
    """A folder in Hydra's search path."""

    def __init__(self, provider, path, schema="file"):
        self.provider, self.path, self.schema = provider, str(path), schema


SHIPPED = [Entry("hydra", "hydra.conf", "pkg"), Entry("main", config_dir()), Entry("rpt studies", sweeps_dir())]


def test_a_file_that_would_hide_behind_a_shipped_one_is_refused(tmp_path):
    for name in ("encoder/residual.yaml", "encoder/other.yaml", "learning_rate.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# mine\n")
    with pytest.raises(ConfigError) as refused:
        check_sources([*SHIPPED, Entry("command-line", tmp_path)])
    assert str(refused.value).splitlines() == [
        f"config file = {tmp_path}/{name}.yaml: rpt has {name} itself and would read its own. Rename the file."
        for name in ("encoder/residual", "learning_rate")
    ]
    check_sources([*SHIPPED, Entry("command-line", sweeps_dir()), Entry("schema", "", "structured")])


@pytest.mark.parametrize(("path", "schema"), [("/nowhere", "file"), ("no_such_package.conf", "pkg")])
def test_a_config_folder_that_is_not_there_is_refused(path, schema):
    with pytest.raises(ConfigError, match="there is no such folder or package"):
        check_sources([*SHIPPED, Entry("hydra.searchpath in main", path, schema)])


def test_a_package_is_searched_in_its_folder():
    [folder] = folders_of("pkg", "rpt.tasks")
    assert folder == RUN.parent / "rpt" / "tasks"


def test_other_programs_with_hydra_are_left_alone():
    """Hydra runs the plugin for every program of the environment."""
    from hydra._internal.config_search_path_impl import ConfigSearchPathImpl

    from hydra_plugins.rpt_packed.search_path import RptSearchPath

    path: ConfigSearchPath = ConfigSearchPathImpl()
    path.append("main", "file:///another/program")
    RptSearchPath().manipulate_search_path(path)
    assert [entry.path for entry in path.get_path()] == ["file:///another/program"]
