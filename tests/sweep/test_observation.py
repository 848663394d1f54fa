"""The progress of runs that workers train is read from the run folders."""

import pytest

from rpt.sweep.observation import ProgressReader
from rpt.tracking.curve import Curve, best_held_out
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.run_state import RunState, read_state
from rpt.training.live_progress import RunProgress

COLUMNS = ("step", "train/loss", "held_out/score")


@pytest.fixture
def begun(tmp_path):
    """Folder and curve of a run in training."""
    folder = RunFolder(tmp_path / "run")
    folder.open()
    curve = Curve(folder.curve, COLUMNS)
    curve.start(0)
    yield folder, curve
    folder.close()


def add(curve, *scores):
    """Write a training step and an evaluation for each score."""
    for step, score in enumerate(scores, 1):
        curve.add({"step": step, "train/loss": 9.0})
        curve.add({"step": step, "held_out/score": score})
    curve.flush()


def test_the_progress_of_a_run_has_the_best_held_out_score_in_its_curve(begun):
    folder, curve = begun
    reader = ProgressReader()

    def read():
        return reader.read({"id": folder.path}, {"id": read_state(folder.path), "other": RunState("missing")})

    assert read() == {"id": RunProgress("running")}
    add(curve, 0.25, 0.75, 0.5)
    assert read() == {"id": RunProgress("running", 0.75)}
    add(curve, 0.875)
    assert read() == {"id": RunProgress("running", 0.875)}
    folder.write_record(Record(status="finished", scores={"score": 0.5}))
    folder.close()
    assert read() == {"id": RunProgress("finished", 0.875)}


def test_a_curve_is_read_again_only_if_it_has_grown(begun):
    folder, curve = begun
    add(curve, 0.25)
    reader, states = ProgressReader(), {"id": RunState("running")}
    first = reader.read({"id": folder.path}, states)
    folder.curve.write_text(folder.curve.read_text().replace("0.25", "0.50"))
    assert reader.read({"id": folder.path}, states) == first == {"id": RunProgress("running", 0.25)}
    add(curve, 0.125)
    assert reader.read({"id": folder.path}, states) == {"id": RunProgress("running", 0.5)}


def test_interrupted_and_missing_runs_are_left_out(tmp_path):
    statuses = ("running", "finished", "failed", "interrupted", "missing")
    states = {status: RunState(status) for status in statuses}
    found = ProgressReader().read({status: tmp_path / status for status in statuses}, states)
    assert found == {
        "running": RunProgress("running"),
        "finished": RunProgress("finished"),
        "failed": RunProgress("failed"),
    }


@pytest.mark.parametrize(
    ("content", "best"),
    [
        (b"step,held_out/score\n1,0.5\n1,\n2,0.25\n", 0.5),
        (b"step,held_out/score\n1,0.5\n2,0.7", 0.5),  # the last line is incomplete
        (b"step,held_out/score\n", None),
        (b"step\n1\n", None),
        (b"", None),
        (b"step,held_out/score\n1,\xff\n", None),
        (b"step,held_out/score\n1,half\n", None),
    ],
)
def test_only_complete_lines_of_a_curve_are_read_and_damage_is_no_error(content, best, tmp_path):
    path = tmp_path / "metrics.csv"
    assert best_held_out(path) is None
    path.write_bytes(content)
    assert best_held_out(path) == best
