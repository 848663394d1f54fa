"""Every study in `sweeps/` composes, has valid points, and trains each point as long as a single run."""

import math
import re
import shlex
from pathlib import Path

import pytest
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from rpt.config.check import check
from rpt.config.command_line import refusal
from rpt.config.hydra_errors import unnamed_option
from rpt.config.paths import config_dir, sweeps_dir
from rpt.config.schema import TrainerConfig
from rpt.data.inputs import build_source
from rpt.data.prepare import build_splits, build_task
from rpt.sweep import grid as sweep
from rpt.sweep import outcome
from rpt.sweep.point import Point
from rpt.sweep.prepare import prepare
from rpt.tracking.identity import digest, identity
from tests.support.composed import compose

STUDIES = sorted(file.relative_to(sweeps_dir()).with_suffix("").as_posix() for file in sweeps_dir().glob("*.yaml"))
PAPER = sorted(f"paper/{file.stem}" for file in (sweeps_dir() / "paper").glob("*.yaml"))
OTHERS = [name for name in (*STUDIES, *PAPER) if name != "learning_rate"]
CHECKS = ("matrix",)
"""Sweeps that only test whether all combinations of options run."""

FEWER_EPOCHS = {"robustness": 4, "ablation": 4, "placement": 4}
"""Number of epochs of the studies of a language model. It was chosen by held-out scores."""

QUESTIONS = {
    *("learning_rate", "prompt_length", "init", "few_shot", "encoders", "bottleneck", "sharing", "seeds"),
    *("convergence", "robustness", "methods", "ablation", "placement", "transfer"),
}


@pytest.fixture(scope="module")
def main_job():
    return check(compose([]))


@pytest.fixture(autouse=True)
def hydra(exported_source):
    """Initialise Hydra as `python run.py -cn STUDY` does."""
    outcome.start()
    search = create_config_search_path(str(config_dir()))
    search.prepend("command-line", f"file://{sweeps_dir()}", anchor="schema")
    version.setbase("1.3")
    Hydra.create_main_hydra2(task_name="run", config_search_path=search)
    yield
    GlobalHydra.instance().clear()


def start(name, *overrides):
    return GlobalHydra.instance().hydra.compose_config(name, list(overrides), run_mode=RunMode.MULTIRUN)


def one_axis_at_a_time(points):
    """Return the first point, and the points that differ from it in one value."""
    return [point for point in points if sum(map(str.__ne__, point, points[0])) <= 1]


def accepted(config, points):
    """Check that all points are valid, and return their configurations."""
    examined = [sweep.examine(config, point) for point in points]
    refused = {
        " ".join(point): str(result)
        for point, result in zip(points, examined, strict=True)
        if isinstance(result, Exception)
    }
    assert refused == {}
    return [result.values for result in examined]


def head(name):
    """Return the question of a study, and the whole comment at the top of its file."""
    lines = (sweeps_dir() / f"{name}.yaml").read_text().splitlines()
    lines = [line.removeprefix("# ") for line in lines if line != "# @package _global_"]
    comment = lines[: lines.index("defaults:")]
    return comment[0], " ".join(comment)


def test_every_question_has_a_study():
    assert set(STUDIES) == QUESTIONS | set(CHECKS)
    without = {"seeds", "robustness", "methods", "ablation", "placement", "transfer"}
    assert {name.removeprefix("paper/") for name in PAPER} == QUESTIONS - without


@pytest.mark.parametrize("name", [*STUDIES, *PAPER])
def test_a_study_has_its_question_its_command_and_its_cost(name):
    question, comment = head(name)
    assert question.endswith("?")
    assert f"python run.py -cn {name}" in comment
    cost = r"(minutes|hours) of a GPU, estimated" if name in PAPER else r"(minutes|hours|half an hour) on two CPU cores"
    assert re.search(cost, comment)
    assert (
        name in CHECKS
        or name in ("seeds", "ablation", "placement", "transfer")
        or re.search(r"(Table|Figure) \d", comment)
    )
    config = start(name)
    assert config.question == question
    assert config.group == name.replace("/", "_")
    assert config.output_dir == f"runs/{name}"
    assert config.hydra.sweep.dir == config.output_dir
    assert config.hydra.mode == RunMode.MULTIRUN
    assert config.hydra.launcher._target_ == "hydra_plugins.rpt_packed.launcher.PackedLauncher"


@pytest.mark.parametrize("name", ["learning_rate", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_value_of_every_axis_is_valid_and_trains_as_long_as_a_single_run(name, main_job):
    config = start(name, "seed=0")
    for values in accepted(config, one_axis_at_a_time(sweep.expand(config))):
        trainer = values["trainer"]
        if name not in CHECKS:
            assert trainer["epochs"] >= FEWER_EPOCHS.get(name, main_job.trainer.epochs)
            assert TrainerConfig.model_validate({**trainer, "epochs": main_job.trainer.epochs}) == main_job.trainer
        assert values["question"] == head(name)[0]


COMMANDS = sorted(
    command
    for file in sweeps_dir().rglob("*.yaml")
    for command in re.findall(r"python run\.py -cn ([^;\n]+)", file.read_text())
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_in_the_comments_of_the_studies_are_accepted(command):
    name, *overrides = [text for text in shlex.split(command) if not text.startswith(("data=", "data.root="))]
    assert refusal(overrides) is None
    assert unnamed_option(overrides) is None
    config = start(name, *overrides)
    accepted(config, sweep.expand(config)[-1:])


def test_a_study_of_experiments_trains_other_encoders_without_them():
    config = start("methods", "experiment=none", "encoder=low_rank,superpos", "lr=0.3", "seed=0")
    values = accepted(config, sweep.expand(config))
    assert [point["encoder"]["_target_"].rsplit(".")[-1] for point in values] == ["LowRank", "SuperPos"]
    assert {point["prompt"]["length"] for point in values} == {10}


def steps(config):
    rows = build_splits(config, build_source(config), build_task(config)).train
    return config.trainer.epochs * math.ceil(len(rows) / config.trainer.batch_size)


def test_few_shot_runs_train_at_least_as_many_steps_as_the_main_job(main_job):
    config = start("few_shot", "seed=0", "encoder=residual")
    few = [check(values) for values in accepted(config, sweep.expand(config))]
    assert [config.data.k_per_class for config in few] == [5, 10, 20]
    assert min(steps(config) for config in few) >= steps(main_job) == 450


def test_the_comment_of_the_papers_few_shot_study_has_its_numbers_of_steps():
    config = start("paper/few_shot", "seed=0", "task=rte", "experiment=paper/t5_large/residual_n100")
    few = [check(values) for values in accepted(config, sweep.expand(config))]
    num_steps = [
        config.trainer.epochs * math.ceil(2 * config.data.k_per_class / config.trainer.batch_size) for config in few
    ]
    assert num_steps == [40, 100, 500]
    assert "40 steps at k=5, 100 at k=20 and 500 at k=100" in head("paper/few_shot")[1]


def test_the_transfer_study_compares_an_exported_prompt_with_the_vocabulary(main_job):
    config = start("transfer", "seed=0", "encoder=plain")
    vocab, file = (check(values) for values in accepted(config, sweep.expand(config)))
    assert (vocab.chosen["init"], file.chosen["init"]) == ("vocab", "file")
    assert file.init.model_extra["path"] == "exported/source"
    assert steps(vocab) == steps(file) >= steps(main_job)


def count_runs(configurations):
    """Return the number of different runs among configurations of points."""
    return len({digest(identity(check(values), "data", "weights")) for values in configurations})


def stated_runs(name):
    """Return the number of runs that the comment of a study states."""
    found = re.search(r"(\d+) runs", head(name)[1])
    assert found
    return int(found[1])


@pytest.mark.slow  # about 60 s: the studies have 700 points
@pytest.mark.parametrize("name", [*STUDIES, *PAPER])
def test_every_point_is_valid_and_the_number_of_runs_is_the_stated_number(name):
    config = start(name)
    assert count_runs(accepted(config, sweep.expand(config))) == stated_runs(name)


@pytest.mark.slow
def test_the_head_alone_is_trained_once_per_seed():
    config = start("learning_rate", "lr=0.003,0.03", "seed=0,1")
    configurations = accepted(config, sweep.expand(config))
    points = [Point(number, values, str(number)) for number, values in enumerate(configurations)]
    prepared = prepare(points)
    assert (len(points), len(prepared.runs), len(prepared.twins), prepared.results) == (20, 18, 2, [])
    assert [run.config.seed for run in prepared.runs if not run.config.has_prompt] == [0, 1]


def test_the_rate_of_the_main_job_is_well_within_the_range_of_the_learning_rate_study(main_job):
    rates = [float(value) for value in start("learning_rate").hydra.sweeper.params.lr.split(",")]
    assert min(rates) * 10 < main_job.lr < max(rates) / 10
    assert len(rates) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STUDIES if name not in CHECKS])
def test_task_data_seeds_and_epochs_of_a_study_can_be_changed(name):
    given = ["task=rte", "data.k_per_class=8", "seed=7,8", "trainer.epochs=2"]
    config = start(name, *given)
    points = sweep.expand(config)
    for values in accepted(config, [points[0], points[-1]]):
        assert (values["task"]["name"], values["data"]["k_per_class"], values["trainer"]["epochs"]) == ("rte", 8, 2)
    assert {override for point in points for override in point if override.startswith("seed=")} == {"seed=7", "seed=8"}


def test_the_papers_study_can_be_trained_on_files_of_the_user(tmp_path):
    for split in ("train", "val"):
        (tmp_path / "WiC").mkdir(exist_ok=True)
        (tmp_path / "WiC" / f"{split}.jsonl").touch()
    config = start("paper/learning_rate", "data=jsonl", f"data.root={tmp_path}", "task=wic", "seed=0")
    points = sweep.expand(config)
    assert len(points) == 10
    first, *_, last = accepted(config, [points[0], points[-1]])
    assert (first["encoder"]["_target_"], first["lr"]) == ("rpt.prompt.encoders.Plain", 0.001)
    assert (last["encoder"]["_target_"], last["lr"], last["prompt"]["length"]) == (
        "rpt.prompt.encoders.Residual",
        10,
        100,
    )
    assert last["data"]["source"] == "jsonl"


def test_make_study_reports_on_the_output_folder_of_the_study():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    folder = re.search(r"^STUDY \?= (.*)$", makefile, re.MULTILINE)
    assert folder
    assert folder[1] == start("learning_rate").output_dir


def test_the_check_of_many_points_is_announced(monkeypatch, capsys):
    monkeypatch.setattr(sweep, "MANY_POINTS", 2)
    assert sweep.may_begin(start("config", "lr=0.1,0.2"))
    assert capsys.readouterr().err == ""
    assert sweep.may_begin(start("config", "lr=0.1,0.2,0.3"))
    assert capsys.readouterr().err == "checking 3 points before the first is trained\n"
