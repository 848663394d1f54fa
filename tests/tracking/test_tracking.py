"""The files of a run are written completely, by one process, and are superseded instead of deleted."""

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rpt.errors import CheckpointError, StorageError
from rpt.system import writing as files
from rpt.tracking import checkpoint
from rpt.tracking.adapter import write_adapter
from rpt.tracking.folder import FolderInUse, RunFolder
from rpt.tracking.identity import SCHEMA

ROOT = Path(__file__).parents[2]
GOES_ON = "Free some space or set output_dir=DIR, then run the same command again: it continues."
CURES = "Move the file away to start over, put previous.ckpt in its place, or set rerun=true."
AWAY = "Move the folder away, or set rerun=true to train again."


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
    """A run folder whose lock this process holds."""
    folder = RunFolder(tmp_path / "run")
    folder.open()
    yield folder
    folder.close()


def refuse(handle):
    """Raise the error of a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch):
    """Let every write of a file fail as on a full disk."""
    monkeypatch.setattr(files.os, "fsync", refuse)


# Tests of files


def test_a_file_is_replaced_and_the_old_file_is_kept_on_request(tmp_path):
    path, kept = tmp_path / "a", tmp_path / "b"
    files.write_atomic(path, b"one", keep=kept)
    assert not kept.exists()
    files.write_atomic(path, b"two", keep=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"two", b"one")
    assert names(tmp_path) == ["a", "b"]


def test_a_file_has_the_mode_of_a_plainly_written_file(tmp_path):
    files.write_atomic(tmp_path / "ours", b"one")
    (tmp_path / "plain").write_bytes(b"one")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_leaves_the_old_file_and_no_temporary_file(tmp_path, full_disk):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    with pytest.raises(StorageError) as caught:
        files.write_atomic(path, b"two", keep=tmp_path / "b")
    assert str(caught.value) == f"{path}: cannot be written (No space left on device). {GOES_ON}"
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["a"]


def test_an_interrupt_leaves_the_old_file_and_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    (tmp_path / "a").write_bytes(b"one")
    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(tmp_path / "a", b"two")
    assert names(tmp_path) == ["a"]


def test_nan_and_infinity_are_written_as_null(tmp_path):
    files.write_json(tmp_path / "a", {"loss": float("nan"), "all": [float("inf"), (1.5, "é")]})
    assert json.loads((tmp_path / "a").read_text()) == {"loss": None, "all": [None, [1.5, "é"]]}


# Tests of the folder and its lock


def error_of_another_process(path):
    """Open a folder in a new process; return the error message, which is empty on success."""
    code = f"from pathlib import Path; from rpt.tracking.folder import RunFolder; RunFolder(Path({str(path)!r})).open()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr


def test_a_second_process_is_refused_until_the_first_ends(folder):
    advice = "Wait until it ends. The same command then prints the result, or resumes the run."
    lock = f"It holds the lock of {folder.path}/.lock."
    message = f"FolderInUse: {folder.path}: another process is training this run. {advice} {lock}\n"
    assert error_of_another_process(folder.path).endswith(message)
    folder.close()
    assert error_of_another_process(folder.path) == ""


def test_an_empty_folder_is_removed_when_it_is_closed(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "run")
    folder.open()
    folder.close()
    assert names(tmp_path / "runs") == []
    folder.open()
    folder.record.touch()
    folder.close()
    assert names(folder.path) == ["run.json"]


def test_a_refused_process_removes_no_file(folder):
    other = RunFolder(folder.path)
    with pytest.raises(FolderInUse):
        other.open()
    other.close()
    assert names(folder.path) == [".lease", ".lock"]


@pytest.mark.parametrize(("parent", "reason"), [("file", "Not a directory"), ("/proc", "No such file or directory")])
def test_a_folder_that_cannot_be_created_is_refused(parent, reason, tmp_path):
    if parent == "/proc" and not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, in which no user can create a folder")
    (tmp_path / "file").touch()
    path = tmp_path / parent / "run"
    with pytest.raises(StorageError) as caught:
        RunFolder(path).open()
    assert str(caught.value) == f"{path}: cannot be written ({reason}). {GOES_ON}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON (Expecting property name enclosed in double quotes, line 1, column 2)."),
        ("[]", "is no record of rpt."),
        ("{}", "is no record of rpt."),
    ],
)
def test_a_damaged_record_is_refused(text, reason, folder):
    folder.record.write_text(text)
    with pytest.raises(StorageError) as caught:
        folder.read_record()
    assert str(caught.value) == f"{folder.record}: {reason} {AWAY}"


def test_all_files_of_an_earlier_training_are_superseded(folder):
    for text in ("one", "two"):
        folder.record.write_text(text)
        (folder.adapter).mkdir()
        (folder.adapter / "file").write_text(text)
        folder.supersede()
        assert names(folder.path) == [".lease", ".lock", "superseded"]
    for number, text in (("1", "one"), ("2", "two")):
        superseded = folder.path / "superseded" / number
        assert names(superseded) == ["adapter", "run.json"]
        assert (superseded / "adapter" / "file").read_text() == text


def test_temporary_files_of_a_killed_process_are_removed_and_no_other_files(folder, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", refuse)
        killed.setattr(Path, "unlink", refuse)
        folder.adapter.mkdir()
        for path in (folder.checkpoint, folder.record, folder.adapter / "adapter_config.json"):
            with pytest.raises(StorageError):
                files.write_atomic(path, b"half")
    assert len(names(folder.path)) == 5
    others = [".notes", ".gitignore", ".last.ckpt.old", ".mine.rpt-draft", ".theirs.a1b2c3d4.rpt-draft", ".lease.txt"]
    for name in others:
        (folder.path / name).touch()
    (folder.path / ".git").mkdir()
    folder.record.touch()
    folder.sweep_up()
    assert names(folder.path) == sorted([".lease", ".lock", "adapter", "run.json", ".git", *others])
    assert names(folder.adapter) == []
    folder.close()
    folder.open()
    assert set(others) < set(names(folder.path))


@pytest.mark.parametrize("name", ["metrics.csv", "run.json", "last.ckpt", "adapter", ".lock", "superseded", "wandb"])
def test_a_link_in_a_run_folder_is_refused_and_its_target_is_not_changed(name, tmp_path):
    target = tmp_path / "theirs"
    target.write_text("precious")
    path = tmp_path / "run"
    path.mkdir()
    (path / name).symlink_to(target)
    reason = "cannot be written" if name == ".lock" else "is a link, and a run does not write through links"
    with pytest.raises(StorageError, match=reason):
        RunFolder(path).open()
    assert target.read_text() == "precious"
    assert names(path) == [name]


def test_writing_an_adapter_keeps_other_files_of_its_folder(tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name in ("README.md", "adapter_config.json"):
        (folder / name).write_text("theirs")
    sizes = SimpleNamespace(num_attention_heads=2, num_hidden_layers=2)
    write_adapter(folder, torch.zeros(2, 4), ("tiny", None), "FEATURE_EXTRACTION", sizes)
    assert names(folder) == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    assert (folder / "README.md").read_text() == "theirs"
    assert json.loads((folder / "adapter_config.json").read_text())["num_virtual_tokens"] == 2


# Tests of checkpoints


def test_the_last_checkpoint_is_read_and_the_previous_checkpoint_is_kept(folder):
    assert checkpoint.load(folder, "me") is None
    for step in (1, 2):
        checkpoint.save(folder, {"identity_hash": "me", "step": step, "state": torch.ones(2)})
    assert checkpoint.load(folder, "me")["step"] == 2
    folder.checkpoint.unlink()
    assert checkpoint.load(folder, "me")["step"] == 1


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_truncated_checkpoint_is_refused(size, folder):
    checkpoint.save(folder, {"identity_hash": "me", "state": torch.ones(100)})
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:size])
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder, "me")
    assert str(caught.value).startswith(f"{folder.checkpoint}: is damaged (")
    assert str(caught.value).endswith(f"). {CURES}")


@given(st.binary(max_size=300))
def test_a_file_of_any_bytes_is_refused(tmp_path_factory, content):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: is (damaged|no checkpoint of rpt)"):
        checkpoint.load(folder, "me")


@given(st.data())
def test_a_checkpoint_with_a_changed_byte_is_refused_or_has_the_same_state(tmp_path_factory, data):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    state = {"identity_hash": "me", "state": torch.arange(100.0)}
    checkpoint.save(folder, state)
    content = bytearray(folder.checkpoint.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    folder.checkpoint.write_bytes(content)
    with suppress(CheckpointError):  # some bytes, such as the time of a file, do not change the state
        assert torch.equal(checkpoint.load(folder, "me")["state"], state["state"])


def test_a_checkpoint_of_another_run_is_refused(folder):
    checkpoint.save(folder, {"identity_hash": "0123456789abcdef"})
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder, "fedcba9876543210")
    found = "belongs to another run (0123456789; this run is fedcba9876)"
    assert str(caught.value) == f"{folder.checkpoint}: {found}. {CURES}"


@pytest.mark.parametrize("schema", [SCHEMA + 1, SCHEMA - 1, None, "3", [SCHEMA], torch.zeros(2)])
def test_a_checkpoint_of_another_schema_is_refused(schema, folder):
    checkpoint.save(folder, {"identity_hash": "me", "schema": schema})
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder, "me")
    found = f"was written by another version of rpt (schema {schema!r}, this rpt reads {SCHEMA})"
    assert str(caught.value) == f"{folder.checkpoint}: {found}. {checkpoint.OTHER_VERSION}"


def test_a_file_of_tensors_without_an_identity_is_refused(folder):
    torch.save({"weight": torch.ones(2)}, folder.checkpoint)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder, "me")
    assert str(caught.value) == f"{folder.checkpoint}: is no checkpoint of rpt. {CURES}"


class MakesFolderWhenUnpickled:
    def __reduce__(self):
        return (os.mkdir, ("pwned",))


def test_code_in_a_checkpoint_is_not_executed(folder, monkeypatch):
    monkeypatch.chdir(folder.path)
    torch.save({"identity_hash": "me", "state": MakesFolderWhenUnpickled()}, folder.checkpoint)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: is damaged \(Weights only load failed"):
        checkpoint.load(folder, "me")
    assert not Path("pwned").exists()
