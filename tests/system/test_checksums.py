"""A file's checksum is computed from its present content, also after a change that keeps size and time."""

import hashlib
import os

import pytest

from rpt.system import checksums
from rpt.system.checksums import file_sha256


@pytest.fixture
def digests(monkeypatch):
    """Count of the files whose content was read."""
    read = []
    whole = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: read.append(file.name) or whole(file, name))
    return read


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(tmp_path, monkeypatch, digests):
    monkeypatch.setattr(checksums, "SETTLED", 0.0)
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    expected = hashlib.sha256(b"one").hexdigest()
    assert [file_sha256(path), file_sha256(path)] == [expected, expected]
    assert len(digests) == 1
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest()
    assert len(digests) == 2


def test_a_file_that_was_just_written_is_read_each_time(tmp_path, digests):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    assert file_sha256(path) == file_sha256(path)
    assert len(digests) == 2


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(OSError, match=r"nothing|directory"):
            file_sha256(path)
