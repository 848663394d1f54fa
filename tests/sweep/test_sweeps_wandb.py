"""The sweep files for W&B: the commands that an agent starts have valid configurations."""

import pytest
import yaml

from rpt.config.check import check
from rpt.config.command_line import prepared
from rpt.config.paths import sweeps_dir
from tests.support.composed import compose

FILES = sorted((sweeps_dir() / "wandb").glob("*.yaml"))


def load(file):
    return yaml.safe_load(file.read_text())


def some_values(parameter):
    return parameter["values"] if "values" in parameter else [parameter["min"], parameter["max"]]


def agent_arguments(sweep, chosen):
    """Return the arguments of the command that W&B's agent starts for chosen values, from W&B's own code."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    by_format = create_sweep_command_args({"args": {name: {"value": value} for name, value in chosen.items()}})
    command = create_sweep_command(list(sweep["command"]))
    assert command[:4] == ["${env}", "python", "${program}", "${args_no_hyphens}"]
    assert not any("${" in part for part in command[4:])
    return [*by_format["args_no_hyphens"], *command[4:]]


def test_there_is_a_grid_and_a_search():
    assert {load(file)["method"] for file in FILES} == {"grid", "bayes"}


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_commands_of_an_agent_are_valid(file, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)  # online logging needs a login
    found = load(file)
    first = {name: some_values(parameter)[0] for name, parameter in found["parameters"].items()}
    for name, parameter in found["parameters"].items():
        for value in some_values(parameter):
            arguments = agent_arguments(found, {**first, name: value})
            config = check(compose(prepared(arguments)))
            assert config.logger["wandb"].mode == "online"
            assert config.logger["wandb"].project == found["project"]
            assert config.group == f"wandb_{file.stem}"
            assert config.output_dir == f"runs/wandb/{file.stem}"
            assert f"{name}={value}" in arguments


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_metric_of_a_sweep_is_the_score_on_the_selection_split(file):
    found = load(file)
    assert found["metric"] == {"name": "best/score", "goal": "maximize"}
    assert (sweeps_dir().parent / found["program"]).is_file()
    assert file.read_text().splitlines()[0].startswith("# Which ")


def test_the_grid_has_the_axes_of_the_learning_rate_study():
    grid = load(sweeps_dir() / "wandb" / "learning_rate.yaml")["parameters"]
    study = yaml.safe_load((sweeps_dir() / "learning_rate.yaml").read_text())["hydra"]["sweeper"]["params"]
    assert grid["lr"]["values"] == [float(value) for value in study["lr"].split(",")]
    assert grid["encoder"]["values"] == study["encoder"].split(",")
    assert study["seed"] == f"range({len(grid['seed']['values'])})"
