"""A command's output is checked before its work, appears completely or not at all, and errors give true advice."""

import resource

import pytest

from rpt.errors import StorageError
from rpt.system.writing import OTHER_OUTPUT, TRAIN_ON, check_folder, folder_at_once, write_atomic, writing_atomically


def write_and_raise(path, parts, error):
    with writing_atomically(path) as file:
        for part in parts:
            file.write(part)
        raise error


def test_a_file_appears_when_its_block_ends(tmp_path):
    path = tmp_path / "out"
    with writing_atomically(path) as file:
        file.write("é\n".encode())
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "é\n"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(path, [b"half"], KeyboardInterrupt())
    assert path.read_text(encoding="utf-8") == "é\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["a missing folder above", "a folder in its place", "a file above"])
def test_an_output_that_cannot_be_written_is_refused_before_the_block(kind, tmp_path):
    path = tmp_path / "parent" / "out"
    if kind == "a folder in its place":
        path.mkdir(parents=True)
    if kind == "a file above":
        (tmp_path / "parent").touch()
    with pytest.raises(StorageError, match="out: cannot be written") as refused, writing_atomically(path):
        raise AssertionError("the block has begun")
    assert str(refused.value).endswith(OTHER_OUTPUT)
    assert not list(tmp_path.rglob("*.rpt-draft"))


def test_a_disk_that_is_full_in_the_middle_of_the_work_is_reported_with_the_path(tmp_path):
    path = tmp_path / "out"
    path.write_text("earlier")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"out: cannot be written \(File too large\)"):
            write_and_raise(path, [b"x" * 1000] * 1000, AssertionError("all is written"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "earlier"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_checked_without_a_trace(tmp_path):
    check_folder(tmp_path / "a" / "b", OTHER_OUTPUT)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as refused:
        check_folder(tmp_path / "file" / "b", OTHER_OUTPUT)
    assert str(refused.value) == f"{tmp_path}/file/b: cannot be written (Not a directory). {OTHER_OUTPUT}"


def test_each_caller_gives_its_own_advice(tmp_path):
    path = tmp_path / "missing" / "file"
    for advice in (TRAIN_ON, "Name another file."):
        with pytest.raises(StorageError) as refused:
            write_atomic(path, b"", advice=advice)
        assert str(refused.value) == f"{path}: cannot be written (No such file or directory). {advice}"
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="--output"), folder_at_once(tmp_path / "file" / "out"):
        pass
