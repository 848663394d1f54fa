"""The command that compares runs with the paper's numbers names the runs that successive halving has stopped."""

from rpt.reproduce.__main__ import main
from tests.reproduce.test_reproduce import RTE, write


def test_runs_that_successive_halving_stopped_are_not_reported_as_unfinished(tmp_path, capsys):
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    write(tmp_path, *RTE, "lr=0.2", scores=(0.1, 0.2), status="stopped")
    assert main([str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "not compared: 2 runs that successive halving stopped. A comparison needs the full training: " in text
    assert "not ended" not in text
