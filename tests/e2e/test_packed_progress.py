"""A packed sweep reports the progress of each run in training, in its own process and in workers."""

from itertools import pairwise
from pathlib import Path

import pytest

from rpt.runs import NOT_BEGUN, Outcome
from rpt.sweep import coordinator
from rpt.sweep.launch import launch
from rpt.sweep.messages import Lines
from rpt.sweep.settings import Settings
from rpt.training.live_progress import PackProgress, RunProgress
from tests.support.packs import curve

POINTS = ["encoder=plain", "encoder=residual"]


@pytest.mark.slow
def test_progress_reports_of_a_pack_have_the_best_held_out_score_and_status_of_each_run(sweep):
    overrides = ["encoder=plain", "encoder=residual", "encoder=mlp", "encoder=plain lr=1e30"]
    reports = []
    results, _ = sweep(overrides, "trainer.epochs=6", "trainer.patience=1", "head_lr=0.01", watch=reports.append)
    pairs = pairwise([*reports, PackProgress(rows=1)])
    after_evaluation = [report for report, following in pairs if report.rows == 0 and following.rows > 0]
    assert [report.share for report in after_evaluation] == [epoch / 6 for epoch in range(1, len(after_evaluation) + 1)]
    scores = [curve(Outcome(Path(result.folder), NOT_BEGUN))["held_out/score"] for result in results[:3]]
    assert min(map(len, scores)) < 6  # a run has stopped early
    for epoch, report in enumerate(after_evaluation, 1):
        for name, of_run in zip(overrides, scores, strict=False):
            has_stopped = epoch >= len(of_run) < 6
            if epoch < 6 or has_stopped:  # in the last epoch, a run may also stop early
                assert report.runs[name].status == ("finished" if has_stopped else "running")
            assert report.runs[name].held_out == max(of_run[:epoch])
        assert report.runs[overrides[3]] == RunProgress("failed")


class RecordingDisplay:
    """Display that keeps all lines of a sweep as strings, and each changed table as a list."""

    def __init__(self):
        self.seen = []

    def write(self, text, *, is_error=False):
        self.seen.append(text)

    def show(self, done, words, table):
        if self.seen[-1:] != [list(table())]:
            self.seen.append(list(table()))

    def close(self, *_):
        pass

    begin = close


def test_the_table_of_a_sweep_fills_while_its_only_pack_trains(points, tmp_path):
    display = RecordingDisplay()
    lines = Lines(2, tmp_path / "runs", display)
    results = launch(points(POINTS), Settings(), lines.report, tmp_path / "runs", lines.watch)
    first_line = next(number for number, seen in enumerate(display.seen) if isinstance(seen, str))
    assert display.seen[0] == []
    while_training = display.seen[1:first_line]
    assert 1 <= len(while_training) <= 2  # a table for each epoch that changes a score
    for table in while_training:
        assert {row.split("held-out so far  ")[1] for row in table} == set(POINTS)
    assert sorted(display.seen[-1]) == sorted(
        f"{result.score:.3f} reported  {name}" for result, name in zip(results, POINTS, strict=False)
    )


@pytest.mark.slow  # about 10 s: a worker imports torch
def test_the_progress_of_workers_is_read_from_their_run_folders(sweep, monkeypatch):
    monkeypatch.setattr(coordinator, "READ_SECONDS", 0.0)
    reports = []
    local = {"cluster": "local"}
    results, _ = sweep(POINTS, "trainer.epochs=60", watch=reports.append, executor="submitit", submitit=local)
    for result, name in zip(results, POINTS, strict=False):
        assert result.status == "finished"
        scores = [report.runs[name].held_out for report in reports if report is not None and name in report.runs]
        scores = [score for score in scores if score is not None]
        assert scores
        assert scores == sorted(scores)
        assert set(scores) <= set(curve(Outcome(Path(result.folder), NOT_BEGUN))["held_out/score"])
