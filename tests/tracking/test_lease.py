"""The lock shows other processes of the same machine, and the lease other machines, which process trains a run."""

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

HOLD_OPEN = """
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
    """A process that trains in a run folder, and the folder."""
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", HOLD_OPEN, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    yield process, folder
    process.kill()
    process.wait()
    process.stdout.close()


def begin_on_another_machine(folder, *, age):
    """Write a record of a run in training, and the lease of another machine that renewed it `age` seconds ago."""
    RunFolder(folder).write_record(Record(status="running"))
    write_lease_of_another_machine(folder, age=age)


def test_a_run_is_running_until_its_process_is_killed(holder):
    process, folder = holder
    assert read_state(folder).status == "running"
    assert read_state(folder).holder.startswith(f"process {process.pid} on ")
    with pytest.raises(FolderInUse, match="another process is training this run"):
        RunFolder(folder).open()
    process.kill()
    process.wait()
    assert (folder / lease.NAME).exists()
    assert read_state(folder).status == "interrupted"


def test_the_folder_of_a_dead_process_of_this_machine_can_be_opened_at_once(holder):
    process, path = holder
    process.kill()
    process.wait()
    folder = RunFolder(path)
    folder.open()
    assert read_state(path).status == "running"
    folder.close()
    assert read_state(path).status == "interrupted"
    assert not (path / lease.NAME).exists()


def test_a_folder_with_a_fresh_lease_of_another_machine_cannot_be_opened(tmp_path):
    begin_on_another_machine(tmp_path, age=10)
    assert read_state(tmp_path).holder == "process 12 on node7"
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()


def test_a_stale_lease_is_taken_over(tmp_path):
    begin_on_another_machine(tmp_path, age=lease.STALE_SECONDS + 1)
    assert read_state(tmp_path).status == "interrupted"
    folder = RunFolder(tmp_path)
    folder.open()
    assert lease.read(tmp_path).is_here
    folder.close()
    assert lease.read(tmp_path) is None


def test_a_lease_is_renewed_while_it_is_held_and_removed_at_the_end(tmp_path, monkeypatch):
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
    lost = lease.Lease(tmp_path)
    assert lost.take() is None
    write_lease_of_another_machine(tmp_path, age=0)
    [renewing] = [thread for thread in threading.enumerate() if thread.name == f"lease of {tmp_path.name}"]
    renewing.join(timeout=60)
    assert not renewing.is_alive()
    lost.give_back()
    assert lease.read(tmp_path).host == "node7"


def test_lock_and_lease_stay_when_the_files_of_a_training_are_superseded(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.write_record(Record(status="failed"))
    folder.sweep_up()
    folder.supersede()
    assert sorted(path.name for path in folder.path.iterdir()) == [lease.NAME, ".lock", "superseded"]
    folder.close()


def test_an_incomplete_lease_is_ignored(tmp_path):
    (tmp_path / lease.NAME).write_text('{"host": ')
    assert lease.read(tmp_path) is None
    folder = RunFolder(tmp_path)
    folder.open()
    assert lease.read(tmp_path).is_here
    folder.close()


def test_a_held_lock_takes_precedence_over_a_stale_lease_of_another_machine(holder):
    """Some file systems show locks to all machines. A holder that is suspended does not renew its lease."""
    _, folder = holder
    write_lease_of_another_machine(folder, age=lease.STALE_SECONDS + 1)
    assert read_state(folder).holder == "process 12 on node7"


def test_if_two_machines_take_a_stale_lease_only_one_gets_it(tmp_path, monkeypatch):
    # While this process writes its lease, another machine writes one first.
    monkeypatch.setattr(lease.json, "dump", lambda value, file: write_lease_of_another_machine(tmp_path, age=0))
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()
    assert lease.read(tmp_path).host == "node7"


def test_a_lease_that_was_lost_once_stays_lost(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.check_lease()
    write_lease_of_another_machine(folder.path, age=0)
    for _ in range(2):  # the second time, the other machine has given the lease back
        with pytest.raises(LeaseLost, match=r"run: process 12 on node7 has taken this run over, because this process "):
            folder.check_lease()
        (folder.path / lease.NAME).unlink(missing_ok=True)
    folder.close()
    folder.open()
    folder.check_lease()
    folder.close()


@pytest.mark.parametrize("seconds", [3 * 3600, lease.STALE_SECONDS + 5])
def test_a_lease_from_the_future_that_is_not_renewed_is_taken_over(seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.3)
    begin_on_another_machine(tmp_path, age=-seconds)
    assert read_state(tmp_path).status == "running"
    folder = RunFolder(tmp_path)
    folder.open()  # waits 0.3 seconds for a renewal
    assert lease.read(tmp_path).is_here
    folder.close()


def test_a_lease_from_the_future_that_is_renewed_is_not_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 30)
    begin_on_another_machine(tmp_path, age=-3600)
    renewing = threading.Timer(0.3, write_lease_of_another_machine, (tmp_path,), {"age": -3605})
    renewing.start()
    with pytest.raises(FolderInUse, match="process 12 on node7 is training this run"):
        RunFolder(tmp_path).open()
    renewing.join()


def test_the_error_of_a_folder_in_use_names_the_lease_file(tmp_path):
    begin_on_another_machine(tmp_path, age=10)
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
def test_a_lease_with_a_value_of_a_wrong_type_is_ignored(change, tmp_path):
    write_lease_of_another_machine(tmp_path, age=0)
    path = tmp_path / lease.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert lease.read(tmp_path) is None
    assert read_state(tmp_path).status == "missing"


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b"\xff", b"7"], ids=["deep", "list", "no text", "number"])
def test_a_lease_file_without_a_lease_is_ignored(content, tmp_path):
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


# Tests with a file system without locks


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def no_locks(request, monkeypatch):
    """Let `flock` raise the error of a file system that has no locks."""

    def refuse(handle, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_lease_shows_which_process_trains_a_run(tmp_path):
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
def test_without_locks_the_folder_of_a_dead_process_of_this_machine_can_be_opened_at_once(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    begin_on_another_machine(tmp_path, age=1)
    path = tmp_path / lease.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": lease.machine(), "pid": ended.pid}))
    assert read_state(tmp_path).status == "interrupted"
    folder = RunFolder(tmp_path)
    folder.open()
    folder.close()


# Tests of the files that a killed process leaves


def test_tidying_a_finished_folder_removes_the_lock_and_lease_of_a_killed_process(holder):
    process, path = holder
    process.kill()
    process.wait()
    folder = RunFolder(path)
    folder.write_record(Record(status="finished"))
    (path / ".notes").write_text("theirs")
    assert sorted(entry.name for entry in path.iterdir()) == [lease.NAME, ".lock", ".notes", "run.json"]
    folder.tidy()
    assert sorted(entry.name for entry in path.iterdir()) == [".notes", "run.json"]


def test_a_folder_in_use_is_not_tidied(holder):
    _, folder = holder
    RunFolder(folder).tidy()
    assert read_state(folder).status == "running"
