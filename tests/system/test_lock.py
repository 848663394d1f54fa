"""A lock on a file is held by one process at a time."""

import subprocess
import sys


def test_processes_that_acquire_and_release_a_lock_never_hold_it_together(tmp_path):
    """Each process removes the lock file. The next process must check that the file it opened is still the lock."""
    code = """
import pathlib, sys, time
from rpt.system.lock import Lock
path, held = pathlib.Path(sys.argv[1]) / "lock", pathlib.Path(sys.argv[1]) / "held"
for _ in range(60):
    lock = Lock(path)
    assert lock.acquire(60)
    held.open("x").close()  # raises where another process holds the lock
    held.unlink()
    lock.release()
"""
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []
