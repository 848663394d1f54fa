"""On a read-only disk, a finished run is read as finished, and an unfinished run is refused with a one-line message."""

import os
import tempfile
from pathlib import Path

import pytest

from rpt.errors import StorageError
from rpt.ledger import main as ledger
from rpt.runs import train
from rpt.tracking.run_state import read_state

NOBODY = 65534
"""User id of an unprivileged user."""


@pytest.fixture
def read_only(tmp_path, tmp_path_factory):
    """Function that makes `tmp_path` read-only for the test process. Call it once all files are written."""
    base = tmp_path_factory.getbasetemp()
    was_root = os.geteuid() == 0

    def protect():
        above = [folder for folder in base.parents if Path(tempfile.gettempdir()) in folder.parents]
        for path in [*above, base, *base.rglob("*")]:
            if not path.is_symlink():  # other tests leave broken links
                path.chmod(path.stat().st_mode | 0o055)  # root ignores file modes, the user NOBODY does not
        for path in tmp_path.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        tmp_path.chmod(0o555)
        if was_root:
            os.seteuid(NOBODY)

    yield protect
    if was_root:
        os.seteuid(0)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_finished_run_on_a_read_only_disk_is_read_as_finished(configure, tiny_cb, read_only, capsys):
    config = configure(*tiny_cb, "trainer.epochs=1")
    first = train([config])[0]
    read_only()
    with pytest.raises(OSError, match="denied"):
        (first.folder / "new").touch()
    capsys.readouterr()
    again = train([config])[0]
    assert again.record == first.record
    assert "this run is finished; nothing to do" in capsys.readouterr().out
    assert read_state(first.folder).status == "finished"


def test_a_finished_sweep_on_a_read_only_disk_is_read_as_finished(sweep, read_only, tmp_path, capsys):
    before, _ = sweep(["lr=0.01", "lr=0.03"])
    read_only()
    after, new = sweep(["lr=0.01", "lr=0.03"])
    assert after == before
    assert new == {"lr=0.01": False, "lr=0.03": False}
    assert ledger([str(tmp_path / "runs")]) == 0
    assert "2 runs: 2 finished" in capsys.readouterr().out


def test_a_new_run_on_a_read_only_disk_is_refused(configure, tiny_cb, read_only, tmp_path):
    config = configure(*tiny_cb)
    read_only()
    with pytest.raises(
        StorageError, match=r"cannot be written \(Permission denied\)\. Free some space or set output_dir"
    ):
        train([config])
    assert not (tmp_path / "runs").exists()
