"""A file's checksum is computed from its current content, also after a change that keeps size and time."""

import hashlib
import os

import pytest

from rpt.system import checksums
from rpt.system.checksums import file_sha256


@pytest.fixture
def read_files(monkeypatch):
    """Return a list that gets the name of each file whose content is read."""
    names = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: names.append(file.name) or digest(file, name))
    return names


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(tmp_path, monkeypatch, read_files):
    monkeypatch.setattr(checksums, "SETTLED", 0.0)
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    expected = hashlib.sha256(b"one").hexdigest()
    assert [file_sha256(path), file_sha256(path)] == [expected, expected]
    assert len(read_files) == 1
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest()
    assert len(read_files) == 2


def test_a_file_that_was_just_written_is_read_each_time(tmp_path, read_files):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    assert file_sha256(path) == file_sha256(path)
    assert len(read_files) == 2


def test_a_missing_file_and_a_folder_raise_an_os_error(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(OSError, match=r"nothing|directory"):
            file_sha256(path)
