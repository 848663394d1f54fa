"""A run's curve is exact and is truncated when the run is resumed. Its file may be changed by other programs."""

import errno
import os

import pytest

from rpt.errors import CheckpointError, StorageError
from rpt.tracking import curve as module
from rpt.tracking.curve import Curve


def refuse(handle):
    """Raise the error of a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_curve_is_written_exactly_and_truncated_on_resume(tmp_path):
    curve = Curve(tmp_path / "metrics.csv", ("step", "loss"))
    curve.start(0)
    curve.add({"step": 1, "loss": 0.1 + 0.2})
    curve.flush()
    size = curve.size
    curve.add({"step": 2})
    curve.flush()
    text = "step,loss\n1,0.30000000000000004\n"
    assert curve.path.read_text() == text + "2,\n"
    again = Curve(curve.path, curve.columns)
    again.start(size)
    again.add({"step": 2, "loss": 0.5})
    again.flush()
    assert curve.path.read_text() == text + "2,0.5\n"
    assert again.size == len(curve.path.read_bytes())


def test_rows_are_not_lost_when_the_disk_is_full_temporarily(tmp_path, monkeypatch):
    curve = Curve(tmp_path / "metrics.csv", ("step",))
    curve.start(0)
    curve.add({"step": 1})
    with monkeypatch.context() as full:
        full.setattr(module.os, "fsync", refuse)  # fails after the write, of which a part may be on the disk
        with pytest.raises(StorageError, match=r"metrics\.csv: cannot be written \(No space left on device\)\."):
            curve.flush()
    curve.flush()
    assert curve.path.read_text() == "step\n1\n"
    assert not curve.is_torn


@pytest.mark.parametrize(
    ("changed", "expected"),
    [(None, "step\n3\n"), ("", "step\n3\n"), ("step\n1\n2", "step\n1\n3\n"), ("step\n1\n2\n4\n", "step\n1\n2\n3\n")],
    ids=["removed", "emptied", "cut", "added to"],
)
def test_a_curve_whose_file_is_changed_during_training_has_its_header_and_complete_lines(changed, expected, tmp_path):
    curve = Curve(tmp_path / "metrics.csv", ("step",))
    curve.start(0)
    for step in (1, 2):
        curve.add({"step": step})
    curve.flush()
    curve.path.unlink()
    if changed is not None:
        curve.path.write_text(changed)
    curve.add({"step": 3})
    curve.flush()
    assert curve.path.read_text() == expected
    assert curve.is_torn == (changed is None or len(changed) < len("step\n1\n2\n"))
    assert curve.size == len(expected)


def test_a_curve_is_not_written_through_a_link(tmp_path):
    (tmp_path / "theirs").write_text("precious\n")
    (tmp_path / "metrics.csv").symlink_to("theirs")
    with pytest.raises(StorageError, match=r"metrics\.csv: cannot be written \("):
        Curve(tmp_path / "metrics.csv", ("step",)).start(0)
    assert (tmp_path / "theirs").read_text() == "precious\n"


def test_a_curve_that_is_shorter_than_at_the_checkpoint_is_refused(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step\n")
    with pytest.raises(CheckpointError) as caught:
        Curve(path, ("step",)).start(100)
    advice = "Put the file back, or set rerun=true."
    assert str(caught.value) == f"{path}: is shorter than when the checkpoint was written. {advice}"
    assert path.read_text() == "step\n"


def test_a_curve_with_the_columns_of_another_version_is_refused(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step\n1\n")
    with pytest.raises(CheckpointError) as caught:
        Curve(path, ("step", "loss")).start(7)
    advice = "Go on with the version that began the run, or set rerun=true."
    assert str(caught.value) == f"{path}: has other columns than this version of rpt writes. {advice}"
    assert path.read_text() == "step\n1\n"
