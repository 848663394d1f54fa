"""The lock (on one machine) and the lease (on others) show which process trains a run."""

import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from rpt.errors import StorageError
from rpt.system import lock
from rpt.tracking import lease
from rpt.tracking.folder import FolderInUse, LeaseLost, RunFolder
from rpt.tracking.record import Record
from rpt.tracking.run_state import read_state
from tests.support.leases import write_lease_of_another_machine

HOLDS = """
import sys, pathlib, time
from rpt.tracking.record import Record
from rpt.tracking.folder import RunFolder
(folder := RunFolder(pathlib.Path(sys.argv[1]))).open()
folder.write_record(Record(status="running"))
print("open", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has a run's folder open, and the folder."""
    place = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    yield process, place
    process.kill()
    process.wait()
    process.stdout.close()


def begun_elsewhere(place, *, age):
    """Write the lease that another machine would have written some seconds ago."""
    RunFolder(place).write_record(Record(status="running"))
    write_lease_of_another_machine(place, age=age)


def test_a_run_is_running_until_its_process_is_killed(holder):
    process, place = holder
    assert read_state(place).status == "running"
    assert read_state(place).holder.startswith(f"process {process.pid} on ")
    with pytest.raises(FolderInUse, match="another process is training this run"):
        RunFolder(place).open()
    process.kill()
    process.wait()
    assert (place / lease.NAME).exists()
    assert read_state(place).status == "interrupted"


def test_a_dead_process_of_this_machine_is_succeeded_at_once(holder):
    process, place = holder
    process.kill()
    process.wait()
    folder = RunFolder(place)
    folder.open()
    assert read_state(place).status == "running"
    folder.close()
    assert read_state(place).status == "interrupted"
    assert not (place / lease.NAME).exists()


def test_a_fresh_lease_of_another_machine_keeps_a_folder_closed(tmp_path):
    begun_elsewhere(tmp_path, age=10)
    assert read_state(tmp_path).holder == "process 12 on node7"
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()


def test_a_lease_that_nobody_renews_is_taken_over(tmp_path):
    begun_elsewhere(tmp_path, age=lease.STALE_SECONDS + 1)
    assert read_state(tmp_path).status == "interrupted"
    folder = RunFolder(tmp_path)
    folder.open()
    assert lease.read(tmp_path).is_here
    folder.close()
    assert lease.read(tmp_path) is None


def test_a_lease_is_renewed_while_it_is_held_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
    folder = RunFolder(tmp_path / "run")
    folder.open()
    first = lease.read(folder.path).beat
    deadline = time.monotonic() + 20
    while lease.read(folder.path).beat == first and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lease.read(folder.path).beat > first
    folder.close()
    assert not folder.path.exists()


def test_a_process_that_lost_its_lease_does_not_take_it_back(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.5)
    mine = lease.Lease(tmp_path)
    assert mine.take() is None
    write_lease_of_another_machine(tmp_path, age=0)
    [renewing] = [thread for thread in threading.enumerate() if thread.name == f"lease of {tmp_path.name}"]
    renewing.join(timeout=60)
    assert not renewing.is_alive()
    mine.give_back()
    assert lease.read(tmp_path).host == "node7"


def test_lock_and_lease_stay_when_a_training_is_set_aside(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.write_record(Record(status="failed"))
    folder.sweep_up()
    folder.supersede()
    assert sorted(path.name for path in folder.path.iterdir()) == [lease.NAME, ".lock", "superseded"]
    folder.close()


def test_half_a_lease_is_none(tmp_path):
    (tmp_path / lease.NAME).write_text('{"host": ')
    assert lease.read(tmp_path) is None
    folder = RunFolder(tmp_path)
    folder.open()
    assert lease.read(tmp_path).is_here
    folder.close()


def test_a_lock_that_this_machine_sees_outlives_the_lease_of_another(holder):
    """A file system shows locks to all machines, and the holder is suspended or cannot renew its lease."""
    _, place = holder
    write_lease_of_another_machine(place, age=lease.STALE_SECONDS + 1)
    assert read_state(place).holder == "process 12 on node7"


def test_of_two_machines_that_take_a_dead_lease_one_gives_way(tmp_path, monkeypatch):
    monkeypatch.setattr(
        lease.json, "dump", lambda value, file: write_lease_of_another_machine(tmp_path, age=0)
    )  # it comes between
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()
    assert lease.read(tmp_path).host == "node7"


def test_a_lease_that_was_lost_once_stays_lost(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.check_lease()
    write_lease_of_another_machine(folder.path, age=0)
    for _ in range(2):  # also when the other has given it back
        with pytest.raises(LeaseLost, match=r"run: process 12 on node7 has taken this run over, because this process "):
            folder.check_lease()
        (folder.path / lease.NAME).unlink(missing_ok=True)
    folder.close()
    folder.open()
    folder.check_lease()
    folder.close()


@pytest.mark.parametrize("seconds", [3 * 3600, lease.STALE_SECONDS + 5])
def test_a_dead_holder_whose_clock_was_ahead_is_watched_and_then_succeeded(seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.3)
    begun_elsewhere(tmp_path, age=-seconds)
    assert read_state(tmp_path).status == "running"
    folder = RunFolder(tmp_path)
    folder.open()  # after 0.3 seconds
    assert lease.read(tmp_path).is_here
    folder.close()


def test_a_living_holder_whose_clock_is_ahead_keeps_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 30)
    begun_elsewhere(tmp_path, age=-3600)
    renewing = threading.Timer(0.3, write_lease_of_another_machine, (tmp_path,), {"age": -3605})
    renewing.start()
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()
    renewing.join()


def test_a_refusal_names_the_lease(tmp_path):
    begun_elsewhere(tmp_path, age=10)
    with pytest.raises(FolderInUse, match=rf"Its lease is {tmp_path}/\.lease: remove that file if you are certain"):
        RunFolder(tmp_path).open()
    assert lease.read(tmp_path).host == "node7"


@pytest.mark.parametrize(
    "change",
    [
        {"beat": "soon"}, {"beat": None}, {"beat": True}, {"beat": float("inf")}, {"beat": float("nan")}, {"pid": "12"},
        {"pid": 0}, {"host": 7}, {"host": "a\x1b[2J"}, {"token": ["t"]}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_lease_with_a_value_of_another_kind_is_none(change, tmp_path):
    write_lease_of_another_machine(tmp_path, age=0)
    path = tmp_path / lease.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert lease.read(tmp_path) is None
    assert read_state(tmp_path).status == "missing"


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"\xff", b"7"], ids=["deep", "list", "no text", "number"])
def test_a_lease_that_is_none_is_no_traceback(content, tmp_path):
    (tmp_path / lease.NAME).write_bytes(content)
    assert lease.read(tmp_path) is None


def test_a_full_disk_leaves_no_lease(tmp_path, monkeypatch):
    def full(value, file):
        file.write("{")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lease.json, "dump", full)
    with pytest.raises(StorageError, match="No space left on device"):
        RunFolder(tmp_path / "run").open()
    assert list(tmp_path.iterdir()) == []


# File systems without locks


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def no_locks(request, monkeypatch):
    """A file system that has no flock."""

    def refuse(handle, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_lease_alone_says_who_trains_a_run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.write_record(Record(status="running"))
    assert read_state(folder.path).holder.startswith(f"process {os.getpid()} on ")
    with pytest.raises(FolderInUse, match=f"process {os.getpid()} on .* is training this run"):
        RunFolder(folder.path).open()
    assert lease.read(folder.path) is not None
    folder.close()
    assert read_state(folder.path).status == "interrupted"
    assert [path.name for path in folder.path.iterdir()] == ["run.json"]


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_dead_process_of_this_machine_is_succeeded_at_once(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    begun_elsewhere(tmp_path, age=1)
    path = tmp_path / lease.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": lease.machine(), "pid": gone.pid}))
    assert read_state(tmp_path).status == "interrupted"
    folder = RunFolder(tmp_path)
    folder.open()
    folder.close()


# What a killed process leaves


def test_a_finished_folder_is_tidied_of_what_a_killed_process_left(holder):
    process, place = holder
    process.kill()
    process.wait()
    folder = RunFolder(place)
    folder.write_record(Record(status="finished"))
    (place / ".notes").write_text("theirs")
    assert sorted(path.name for path in place.iterdir()) == [lease.NAME, ".lock", ".notes", "run.json"]
    folder.tidy()
    assert sorted(path.name for path in place.iterdir()) == [".notes", "run.json"]


def test_a_folder_in_use_is_not_tidied(holder):
    _, place = holder
    RunFolder(place).tidy()
    assert read_state(place).status == "running"
