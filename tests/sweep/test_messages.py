"""Messages about the progress of a sweep, on a terminal and in a file."""

import io
import re
import sys
from pathlib import Path

import pytest

from rpt.sweep.display import Log, Terminal, screen
from rpt.sweep.messages import Lines
from rpt.sweep.point import Point, Result
from rpt.training.live_progress import PackProgress, RunProgress


class Clock:
    """Clock whose time is set by the test."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def log(clock):
    """Return the messages of a sweep of ten points that are not written to a terminal."""
    return Lines(10, Path("runs"), Log(10, clock), clock)


def finish(lines, number, score, is_new=True):
    lines.report(Point(number, {}, f"lr={number}"), Result(number, "finished", "folder", score), is_new)


def progress_of(*statuses, first=0):
    """Return the progress of runs without an evaluation. The first run belongs to the point with the number `first`."""
    return {f"lr={number}": RunProgress(status) for number, status in enumerate(statuses, first)}


def test_the_message_has_counts_rate_and_time_left(clock):
    lines = log(clock)
    finish(lines, 0, 0.5, is_new=False)
    finish(lines, 1, 0.6)
    lines.watch(PackProgress(progress_of(*["running"] * 4, first=2)))
    clock.now += 10
    lines.watch(PackProgress(progress_of("failed", *["running"] * 3, first=2), share=0.25, rows=800))
    # In 10 s, 2.75 points were done: one finished, one failed, and a quarter of three. An earlier command had finished
    # one point, so that 6.25 of 10 points are left.
    assert lines.how_far() == "2 of 10 points finished, 3 running, 1 failed, 80 examples/s, 0:00:23 left"


def test_points_that_halving_has_stopped_are_counted_and_named_with_their_rung(clock, capsys):
    lines = log(clock)
    lines.watch(PackProgress({"lr=2": RunProgress("stopped", 0.9), "lr=3": RunProgress("running", 0.4)}, share=0.5))
    assert lines.how_far().startswith("0 of 10 points finished, 1 running, 0 failed, 1 stopped")
    assert lines.best() == ["0.400 held-out so far  lr=3"]
    finish(lines, 1, 0.5)
    for number, is_new in ((2, True), (4, False)):
        result = Result(number, "stopped", "folder", error=f"stopped at rung {number}")
        lines.report(Point(number, {}, f"lr={number}"), result, is_new)
    lines.close()
    output = capsys.readouterr()
    assert "stopped at rung 2: lr=2\n" in output.out
    assert "rung 4" not in output.out + output.err
    assert "10 points: 1 finished, 2 stopped\n" in output.out


def test_a_run_that_stopped_early_counts_as_finished_and_a_reported_run_is_counted_once(clock):
    lines = log(clock)
    lines.watch(PackProgress(progress_of("finished", "failed", "running", "running"), share=0.5))
    assert lines.how_far().startswith("1 of 10 points finished, 2 running, 1 failed")
    lines.report(Point(1, {}, "lr=1"), Result(1, "failed", error="no number"), True)
    assert lines.how_far().startswith("1 of 10 points finished, 2 running, 1 failed")
    finish(lines, 0, 0.5)
    assert lines.how_far().startswith("1 of 10 points finished, 2 running, 1 failed")
    finish(lines, 2, 0.5)
    assert lines.how_far().startswith("2 of 10 points finished, 1 running, 1 failed")
    lines.report(Point(3, {}, "lr=3"), Result(3, "interrupted", error="disk full"), True)
    assert lines.how_far().startswith("2 of 10 points finished, 0 running, 1 failed, 1 interrupted")


def test_progress_that_is_read_from_folders_has_counts_without_a_rate(clock):
    lines = log(clock)
    clock.now += 60
    lines.watch(PackProgress(progress_of("running", "running", "finished", "finished", "finished", "failed")))
    assert lines.how_far() == "3 of 10 points finished, 2 running, 1 failed, 0:01:30 left"


def test_the_rate_is_the_mean_of_the_last_half_minute(clock):
    lines = log(clock)
    for rows in (1000, 1000, 10, 10, 10, 10):
        clock.now += 10
        lines.watch(PackProgress(progress_of("running"), rows=rows))
    assert ", 1 examples/s" in lines.how_far()


def test_a_file_has_a_line_at_the_start_for_each_point_and_each_minute(clock, capsys, monkeypatch):
    lines = log(clock)
    out = sys.stdout
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # an executor redirects stdout while it trains
    for scores in 7 * [(None, None)] + 6 * [(0.5, 0.75)]:
        clock.now += 10
        runs = {f"lr={number}": RunProgress("running", score) for number, score in enumerate(scores, 7)}
        lines.watch(PackProgress(runs, share=0.5, rows=10))
    monkeypatch.setattr(sys, "stdout", out)
    finish(lines, 7, 0.75)
    lines.close()
    assert capsys.readouterr().out.splitlines() == [
        "0 of 10 points finished, 2 running, 0 failed, 1 examples/s, 0:01:30 left",
        "0 of 10 points finished, 2 running, 0 failed, 1 examples/s, 0:10:30 left",
        "0 of 10 points finished, 2 running, 0 failed, 1 examples/s, 0:19:30 left; best: 0.750 held-out so far  lr=8",
        "[ 1/10] score 0.750  lr=7",
        "10 points: 1 finished",
        "python -m rpt.ledger runs lists them",
        "python -m rpt.report runs compares them",
    ]


def test_the_table_has_the_best_five_points_in_descending_order(clock):
    lines = log(clock)
    for number, score in enumerate((0.1, 0.9, 0.3, 0.7, 0.5, 0.6)):
        finish(lines, number, score)
    best = [(0.9, 1), (0.7, 3), (0.6, 5), (0.5, 4), (0.3, 2)]
    assert lines.best() == [f"{score:.3f} reported  lr={number}" for score, number in best]


def test_held_out_scores_of_runs_in_training_are_below_reported_scores_and_marked(clock):
    lines = log(clock)
    finish(lines, 0, 0.5)
    scores = (0.1, 0.2, 0.9, 0.4, 0.5, 0.6)
    runs = {f"lr={number}": RunProgress("running", score) for number, score in enumerate(scores, 1)}
    runs |= {"lr=7": RunProgress("failed", 1.0), "lr=8": RunProgress("finished", 0.7), "lr=9": RunProgress("running")}
    lines.watch(PackProgress(runs))
    best = [(0.9, 3), (0.7, 8), (0.6, 6), (0.5, 5), (0.4, 4)]
    held_out = [f"{score:.3f} held-out so far  lr={number}" for score, number in best]
    assert lines.best() == ["0.500 reported  lr=0", *held_out]
    finish(lines, 3, 0.8)
    assert lines.best()[:3] == ["0.800 reported  lr=3", "0.500 reported  lr=0", held_out[1]]


def lines_on_screen(text):
    """Return the lines that a terminal shows after it has received a text with control sequences."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif part == "\r":
            column = 0
        elif up := re.fullmatch(r"\x1b\[(\d+)A", part):
            row -= int(up[1])
        elif part == "\x1b[2K":
            rows[row] = ""
        elif not part.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in rows if line.strip()]


@pytest.fixture
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("wide_terminal")
def test_a_terminal_shows_bar_and_table_and_removes_them_at_the_end(clock, capsys):
    lines = Lines(10, Path("runs"), Terminal(10, clock), clock)
    finish(lines, 1, 0.625)
    clock.now += 1
    lines.watch(PackProgress(progress_of(*["running"] * 4, first=2), share=0.5, rows=80))
    output = capsys.readouterr()
    assert output.out == "[ 1/10] score 0.625  lr=1\n"
    bar, best = lines_on_screen(output.err)
    assert bar.endswith("  30% 1 of 10 points finished, 4 running, 0 failed, 80 examples/s, 0:00:02 left")
    assert best == "0.625 reported  lr=1"
    assert "\x1b[?25l" not in output.err.rpartition("\x1b[?25h")[2]  # the cursor stays visible
    lines.close()
    assert lines_on_screen(output.err + capsys.readouterr().err) == []


@pytest.mark.usefixtures("wide_terminal")
def test_a_permanent_line_is_above_the_display(clock, capsys):
    terminal = Terminal(10, clock)
    terminal.show(1.0, lambda: "begun", list)
    terminal.write("failed: lr=1", is_error=True)
    terminal.show(2.0, lambda: "on it", lambda: ["[b]first[/b] " + "x" * 200])
    line, bar, best = lines_on_screen(capsys.readouterr().err)
    assert line == "failed: lr=1"
    assert bar.endswith(" 20% on it")
    assert best.startswith("[b]first[/b] xxx")  # markup in a name is shown as text
    assert len(best) == 100  # a line that is too long is truncated and not wrapped
    terminal.close()


@pytest.mark.usefixtures("wide_terminal")
def test_a_table_that_becomes_shorter_leaves_no_old_lines(clock, capsys):
    terminal = Terminal(10, clock)
    for table in (["first", "second"], ["third"]):
        clock.now += 1
        terminal.show(1.0, lambda: "words", lambda table=table: table)
    bar, *best = lines_on_screen(capsys.readouterr().err)
    assert bar.endswith(" 10% words")
    assert best == ["third"]
    terminal.close()


def test_a_bar_is_shown_only_on_a_terminal_and_only_if_it_is_switched_on(monkeypatch):
    assert isinstance(screen(3, wants_bar=True), Log)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(screen(3, wants_bar=False), Log)
    terminal = screen(3, wants_bar=True)
    assert isinstance(terminal, Terminal)
    terminal.close()


def test_points_that_are_the_same_run_are_counted_as_such(clock, capsys):
    lines = log(clock)
    finish(lines, 0, 0.5)
    for number, status, score in ((1, "finished", 0.5), (2, "finished", 0.5)):
        twin = Result(number, status, "folder", score, twin_of="lr=0")
        lines.report(Point(number, {}, f"lr={number}"), twin, False)
    assert lines.best() == ["0.500 reported  lr=0"]
    assert lines.how_far().startswith("3 of 10 points finished")
    lines.close()
    assert "10 points: 1 finished, 2 identical to another point" in capsys.readouterr().out


def test_a_reason_of_several_points_is_printed_once(clock, capsys):
    lines = log(clock)
    for number in range(3):
        lines.report(Point(number, {}, f"lr={number}"), Result(number, "failed", error="no rows\nin it"), True)
    lines.report(Point(3, {}, "lr=3"), Result(3, "failed", error="no rows\nin it", twin_of="lr=0"), False)
    assert capsys.readouterr().err == (
        "failed: lr=0\n  no rows\n  in it\nfailed: lr=1\n  for the same reason as lr=0\n"
        "failed: lr=2\n  for the same reason as lr=0\n"
    )
    lines.close()
    assert capsys.readouterr().out == "10 points: 4 failed\npython -m rpt.ledger runs lists them\n"
