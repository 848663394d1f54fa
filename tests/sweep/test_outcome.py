"""The state of a sweep that Hydra's plugins and the command line share. A process checks each point once."""

import pickle

import pytest

from rpt.errors import ConfigError
from rpt.sweep import outcome
from rpt.sweep.point import Point
from rpt.sweep.prepare import prepare
from tests.support.composed import compose


def test_the_name_of_a_point_leaves_out_the_overrides_of_all_points():
    state = outcome.start()
    state.given = ["task=cb", "rerun=True"]
    assert outcome.current() is state
    assert state.name(["task=cb", "rerun=true", "lr=0.1"]) == "lr=0.1"
    assert state.name(["task=cb"]) == "task=cb"


def test_the_report_command_is_given_once_and_only_if_a_point_has_a_score():
    state = outcome.start()
    assert state.report_command() is None
    state.unreported = "my runs"
    assert state.report_command() == "python -m rpt.report 'my runs' compares them"
    assert state.report_command() is None
    state.unreported = "runs"
    state.examined = {("lr=1",): ValueError(), ("lr=2",): ValueError()}
    state.failed = {"lr=1": ValueError(), "lr=2": ValueError()}
    assert state.report_command() is None


def test_a_checked_point_is_not_checked_again_in_the_same_process(configure):
    config = configure()
    point = Point(0, {"lr": "wrong"}, "seed=0", config)
    assert point.checked() is config
    [run] = prepare([point]).runs
    assert run.config is config
    assert run.point.checked() is config


def test_a_point_is_checked_again_in_another_process(configure):
    values = compose(["lr=-1"])
    unpickled = pickle.loads(pickle.dumps(Point(0, values, "lr=-1", configure())))
    assert unpickled.values == values
    with pytest.raises(ConfigError, match=r"^lr = -1: must be greater than 0"):
        unpickled.checked()
