"""A hyperparameter search maximises the score on the selection split, and continues after failed points."""

import json
import math
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from rpt.config.paths import config_dir
from rpt.runs import train
from rpt.sweep import outcome
from rpt.tracking.objective import NO_OBJECTIVE, OBJECTIVES, objective
from rpt.tracking.record import Record
from rpt.tracking.record_sections import BestCheckpoint
from rpt.tracking.run_state import read_state

SEARCH = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2"]


def search(task, output_dir, *overrides):
    """Search in the test process with a function that replaces the training; return the content of the results file."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        GlobalHydra.instance().hydra.multirun("config", task, [*SEARCH, *overrides, f"output_dir={output_dir}"])
    return OmegaConf.to_container(OmegaConf.load(output_dir / "optimization_results.yaml"))


@pytest.fixture(autouse=True)
def no_failed_points():
    outcome.start()


def test_optuna_maximises_by_default(tmp_path):
    axis = ["hydra/sweeper/sampler=grid", "lr=choice(0.01,0.1,1,10)", "seed=3"]
    found = search(lambda config: -abs(math.log10(config.lr)), tmp_path, *axis)
    assert found["best_params"] == {"lr": 1}
    assert found["best_value"] == 0
    assert found["direction"] == "maximize"
    assert found["objective"] == OBJECTIVES["held_out"]
    assert found["points"] == {"finished": 4, "failed": 0}


def test_the_results_of_a_search_with_the_paper_protocol_name_the_reported_rows_as_objective(tmp_path):
    found = search(lambda config: config.lr, tmp_path, "lr=choice(0.01,0.1)", "protocol=paper")
    assert found["objective"] == OBJECTIVES["validation"]
    assert "are reported too" in found["objective"]


@pytest.mark.slow
def test_the_same_search_proposes_the_same_points(tmp_path):
    proposed = [[], []]
    for number, points in enumerate(proposed):
        search(lambda config, p=points: p.append(config.lr) or 1.0, tmp_path / str(number), "lr=interval(0.001,1.0)")
    assert proposed[0] == proposed[1]
    assert len(set(proposed[0])) == 6


def test_failed_points_do_not_end_a_search_and_are_in_the_results_file(tmp_path, capsys):
    """Three of six points raise an error, and one has no objective. The search still proposes six points."""
    proposed = []

    def task(config):
        proposed.append(config.seed)
        if config.seed % 2:
            raise RuntimeError(f"seed {config.seed} diverged")
        return None if config.seed == 0 else 0.1 * config.seed

    found = search(task, tmp_path, "hydra/sweeper/sampler=grid", "seed=choice(0,1,2,3,4,5)")
    assert sorted(proposed) == [0, 1, 2, 3, 4, 5]
    assert found["best_params"] == {"seed": 4}
    assert found["points"] == {"finished": 2, "failed": 4}
    assert found["failed_points"] == {
        "seed=0": NO_OBJECTIVE, **{f"seed={seed}": f"seed {seed} diverged" for seed in (1, 3, 5)}
    }  # fmt: skip
    assert found["how_failed_points_count"].startswith("a failed point is one of the n_trials and has no value")
    output = capsys.readouterr()
    assert "4 points failed: a failed point is one of the n_trials" in output.out
    assert "best of 6 points: 0.400 with seed=4" in output.out
    assert f"failed: seed=0\n  {NO_OBJECTIVE}\n" in output.err
    assert "Error executing job" not in output.err  # Hydra's message would repeat the message of rpt


def test_a_search_without_a_finished_point_writes_a_results_file(tmp_path, capsys):
    def task(config):
        raise RuntimeError("diverged")

    found = search(task, tmp_path, "seed=choice(1,2)")
    assert (found["best_params"], found["best_value"]) == (None, None)
    assert found["points"] == {"finished": 0, "failed": 6}
    assert "no point of the search has a value" in capsys.readouterr().out


def test_a_search_ends_at_the_users_limit_of_failures(tmp_path):
    def task(config):
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        search(task, tmp_path, "seed=choice(1,2)", "hydra.sweeper.max_failure_rate=0.5")
    found = OmegaConf.load(tmp_path / "optimization_results.yaml")
    assert found.points == {"finished": 0, "failed": 2}


@pytest.mark.parametrize("direction", ["minimize", "[maximize,minimize]", "[minimize]"])
def test_a_search_that_minimises_is_refused_with_the_reason(direction, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        search(lambda config: 1.0, tmp_path / "runs", "lr=choice(1,2)", f"hydra.sweeper.direction={direction}")
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"hydra.sweeper.direction = {direction.strip('[]')}: must be maximize, because a search maximises a "
        "single number: the run's score on the rows that select its checkpoint. Set "
        "hydra.sweeper.direction=maximize.\n"
    )
    assert not (tmp_path / "runs").exists()


def test_a_list_with_the_direction_maximize_is_accepted(tmp_path):
    assert search(lambda config: 1.0, tmp_path, "lr=choice(1,2)", "hydra.sweeper.direction=[maximize]")["best_value"]


@pytest.mark.slow
def test_the_objective_is_the_held_out_score_of_the_selected_checkpoint(configure, one_label_cb, sweep, tmp_path):
    """The objective is never the score on the reported rows: not of a single run, in a pack, or of a finished run."""
    [outcome] = train([configure(*one_label_cb, "encoder=plain", "lr=0.1")])
    record = json.loads((outcome.folder / "run.json").read_text())
    held_out, reported = record["best"]["held_out"]["score"], record["scores"]["score"]
    assert objective(outcome.record) == read_state(outcome.folder).objective == held_out != reported
    points = ["encoder=plain lr=0.1", "encoder=residual lr=0.1"]
    packed = [*one_label_cb, f"output_dir={tmp_path / 'packed'}"]
    first, again = sweep(points, *packed)[0], sweep(points, *packed)[0]
    assert first == again
    for result in first:
        record = json.loads(Path(result.folder, "run.json").read_text())
        assert result.objective == record["best"]["held_out"]["score"]
        assert result.score == record["scores"]["score"]


def test_a_run_without_trainable_parameters_has_no_objective():
    assert objective(Record(status="finished", scores={"score": 0.5}, best=None)) is None
    assert objective(Record(status="failed")) is None
    assert objective(Record(status="finished", best=BestCheckpoint(held_out={"score": None}))) is None
