"""Display of the progress of a training: lines in pipes and log files, a bar on a terminal, both in a notebook."""

import json
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from rpt.runs import train, train_configs
from rpt.sweep.executors.workers import train_in_worker
from rpt.sweep.point import Point
from rpt.training import progress, progress_log
from rpt.training.progress_log import ProgressLog

ROOT = Path(__file__).parents[2]
STAGES = ["reading the rows and the backbone's files", "loading the backbone and tokenising the rows"]


class Clock:
    """Clock whose time is set by the test."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


# Tests of the log


def test_an_event_is_written_at_once_and_the_newest_state_once_a_minute():
    clock, lines = Clock(), []
    log = ProgressLog(lines.append, clock=clock)
    log.event("begins")
    for second in range(1, 131):
        clock.now += 1
        log.update(lambda second=second: f"state {second}")
        if second == 70:
            log.event("evaluated")
    assert lines == ["begins", "state 60", "evaluated", "state 130"]


def test_a_state_is_described_at_most_once_a_second():
    clock, descriptions = Clock(), []
    log = ProgressLog(print, clock=clock)
    for _ in range(100):
        clock.now += 0.0625
        log.update(lambda: descriptions.append(clock.now) or "state")
    assert len(descriptions) == 7


def test_the_thread_writes_while_the_main_thread_is_busy(monkeypatch):
    monkeypatch.setattr(progress_log, "LINE_SECONDS", 0.01)
    lines, three = [], threading.Event()

    def write(text):
        lines.append(text)
        if len(lines) >= 3:
            three.set()

    log = ProgressLog(write, "reading 11 GB of weights").start()
    assert three.wait(60)  # the main thread only waits
    log.close()
    written = len(lines)
    assert set(lines) == {"reading 11 GB of weights"}
    assert len(lines) == written


# Tests of the output of a training


def test_a_pipe_has_a_line_at_the_start_for_each_stage_and_each_evaluation(configure, tiny_cb, capsys):
    train([configure(*tiny_cb)])
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert lines[:3] == [*STAGES, "training 8 steps in 2 epochs"]
    step = r"step {} of 8 \(epoch {} of 2\), loss \d\.\d{{3}}, held-out score \d\.\d{{3}}{}"
    for line, pattern in zip(
        lines[3:5], (step.format(4, 1, r", \d:\d\d:\d\d left"), step.format(8, 2, "")), strict=True
    ):
        assert re.fullmatch(pattern, line), line
    assert lines[5:] == ["scoring 20 reported rows"]
    assert output.out.startswith("task ")  # stdout has only the results, which a program may read


def test_the_lines_of_a_pack_have_the_number_of_running_runs(configure, tiny_cb, capsys):
    train([configure(*tiny_cb, f"seed={seed}") for seed in (0, 1)])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    assert [re.sub(r"0\.\d+.*", "*", line) for line in lines] == [
        "step 4 of 8 (epoch 1 of 2), 2 runs: 2 running, best held-out score *",
        "step 8 of 8 (epoch 2 of 2), 2 runs: 2 running, best held-out score *",
    ]


@pytest.mark.slow
def test_a_line_is_printed_every_minute_also_in_an_evaluation(configure, tiny_cb, capsys, monkeypatch):
    monkeypatch.setattr(progress_log, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(progress_log, "REFRESH_SECONDS", 0.0)
    train([configure(*tiny_cb)])
    lines = capsys.readouterr().err.splitlines()
    assert any(line.endswith("; evaluating, 8 rows answered") for line in lines)  # the 8 held-out rows
    assert any(line.startswith("step 8 of 8") and line.endswith("; evaluating, 20 rows answered") for line in lines)
    assert any(re.match(r"step 1 of 8 \(epoch 1 of 2\), loss \d", line) for line in lines)


def test_progress_can_be_switched_off(configure, tiny_cb, capsys):
    train([configure(*tiny_cb, "trainer.progress=false")])
    assert capsys.readouterr().err == ""


def test_a_progress_callback_replaces_the_printed_lines(configure, tiny_cb, capsys):
    reports = []
    train_configs([configure(*tiny_cb)], reports.append)
    assert capsys.readouterr().err == ""
    assert sum(report.rows for report in reports) == 64
    evaluations = [report for report in reports if report.rows == 0]
    assert len(evaluations) >= 5  # a report for each forward pass and for the end of each evaluation


def test_a_terminal_has_a_bar(configure, tiny_cb, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train([configure(*tiny_cb)])
    errors = capsys.readouterr().err
    assert STAGES[1] in errors
    assert re.search(r"\| 0/8 \[", errors)


@pytest.mark.parametrize("kernel", [object(), None])
def test_a_notebook_has_a_bar_and_lines(kernel, configure, tiny_cb, capsys, monkeypatch):
    shell = types.SimpleNamespace(kernel=kernel)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert progress.in_notebook() == (kernel is not None)
    train([configure(*tiny_cb)])
    errors = capsys.readouterr().err
    assert ("| 0/8 [" in errors) == (kernel is not None)
    assert "step 4 of 8 (epoch 1 of 2)" in errors


def test_the_log_of_a_worker_has_the_lines(configure, tiny_cb, capsys):
    config = configure(*tiny_cb)
    values = config.model_dump(by_alias=True, mode="json")
    [result] = train_in_worker([Point(0, values, "point")])
    assert result.status == "finished", result.error
    assert "step 4 of 8 (epoch 1 of 2)" in capsys.readouterr().err


# Tests of the start of a training


def python(code):
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@pytest.mark.slow
def test_loading_libraries_prints_a_line_and_excludes_their_objects_from_garbage_collection():
    code = """
import gc, json, sys
from rpt.training.libraries import load_libraries
load_libraries()
load_libraries()
packages = ["lightning", "peft", "datasets", "wandb", "statsmodels", "tensorboard"]
loaded = [name for name in packages if name in sys.modules]
print(json.dumps({"frozen": gc.get_freeze_count(), "collects": gc.isenabled(), "loaded": loaded}))
"""
    out, err = python(code)
    assert err == "loading PyTorch, Lightning and transformers\n"
    found = json.loads(out)
    assert found["frozen"] > 100_000
    assert found["collects"]
    assert found["loaded"] == ["lightning"]  # packages that a run does not use are not loaded


@pytest.mark.slow
def test_loading_libraries_keeps_garbage_collection_off_and_can_be_silent():
    out, err = python(
        "import gc; gc.disable(); from rpt.training.libraries import load_libraries; load_libraries(announce=False);"
        "print(gc.isenabled())"
    )
    assert (out, err) == ("False\n", "")
