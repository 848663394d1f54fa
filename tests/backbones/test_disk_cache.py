"""A cache of tensors on disk returns the same bits, and uses no file that is damaged or belongs to other facts."""

import errno
import multiprocessing
import os
import random
import shutil
import tempfile

import pytest
import torch
from safetensors.torch import load_file

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.disk_cache import DAY, HEADER, DiskCache
from rpt.backbones.lines import TextLine

FACTS = {"weights": "0a1b", "dtype": "float32", "content": "hidden states before layer 1"}
ROOM = 2**20
LINE = TextLine((5, 6, 7), (0, 0, 1), ((8,), (9, 10)))


def states(number, dtype=torch.float32):
    return torch.randn(4, 8, generator=torch.Generator().manual_seed(number)).to(dtype)


def filled(root, count=1, max_bytes=ROOM):
    """Return a cache with the states of some texts, and the file of each text."""
    cache, files = DiskCache(root, FACTS, max_bytes), []
    for number in range(count):
        before = {*cache.folder.glob("*.safetensors")}
        cache.write((number,), states(number))
        files += [*{*cache.folder.glob("*.safetensors")} - before]
    return cache, files


def size_of(root):
    return sum(path.stat().st_size for path in root.rglob("*.safetensors"))


def fill(root, start, seed, max_bytes):
    """Read or write 60 texts in a random order. The tests call this function in new processes."""
    cache, order = DiskCache(root, FACTS, max_bytes), list(range(60))
    random.Random(seed).shuffle(order)
    start.wait()
    for number in order:
        kept = BoundedCache(0, cache).of((number,), lambda number=number: states(number))
        assert torch.equal(kept, states(number))
    assert cache.warnings() == [] or cache.is_full


def fill_at_once(root, max_bytes):
    """Fill a folder in two processes at the same time, and return their exit codes."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    workers = [context.Process(target=fill, args=(root, start, seed, max_bytes)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    return [worker.exitcode for worker in workers]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_tensor_is_read_with_its_bits_by_another_process(dtype, tmp_path):
    for key, tensor in ((LINE, states(0, dtype)), ((5, 6, 7), states(1, dtype).expand(2, 4, 8).transpose(1, 2))):
        DiskCache(tmp_path, FACTS, ROOM).write(key, tensor)
        later = DiskCache(tmp_path, FACTS, ROOM).read(key)
        assert later.dtype == dtype
        assert torch.equal(later, tensor)


@pytest.mark.parametrize("key", [(5, 6), LINE._replace(segments=(0, 1, 1)), LINE._replace(answers=((8,), (9,)))])
def test_another_text_is_not_found(key, tmp_path):
    cache = DiskCache(tmp_path, FACTS, ROOM)
    cache.write(LINE, states(0))
    assert cache.read(key) is None


@pytest.mark.parametrize("other", [{"weights": "0a1c"}, {"dtype": "bfloat16"}, {"content": "keys and values"}])
def test_tensors_of_other_facts_have_another_folder_and_are_never_used(other, tmp_path):
    cache, [file] = filled(tmp_path)
    elsewhere = DiskCache(tmp_path, FACTS | other, ROOM)
    assert elsewhere.folder != cache.folder
    assert elsewhere.read((0,)) is None
    elsewhere.write((0,), states(9))
    [other_file] = elsewhere.folder.glob("*.safetensors")
    shutil.copy(file, other_file)  # a file of other facts under the right name
    assert elsewhere.read((0,)) is None
    assert "1 damaged or unreadable file" in elsewhere.warnings()[0]


def empty(content):
    return b""


def cut_in_the_header(content):
    return content[:100]


def cut_in_the_values(content):
    return content[:-5]


def flipped_value(content):
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


def noise(content):
    return b"\xff" * len(content)


@pytest.mark.parametrize("damage", [empty, cut_in_the_header, cut_in_the_values, flipped_value, noise])
def test_a_damaged_file_is_computed_again_and_replaced(damage, tmp_path):
    _, [file] = filled(tmp_path)
    content = file.read_bytes()
    file.write_bytes(damage(content))
    cache = BoundedCache(0, DiskCache(tmp_path, FACTS, ROOM))
    for _ in range(2):
        assert torch.equal(cache.of((0,), lambda: states(0)), states(0))
    assert cache.num_computed == 1
    assert file.read_bytes() == content
    [warning] = cache.disk.warnings()
    assert warning.endswith("had 1 damaged or unreadable file, whose texts were computed again")


def test_a_write_that_was_killed_leaves_no_text_and_its_temporary_file_is_removed_later(tmp_path):
    cache, [file] = filled(tmp_path)
    drafts = [cache.folder / f".{'0' * 64}.safetensors.{name}.rpt-draft" for name in ("aaaaaaaa", "bbbbbbbb")]
    for draft in drafts:
        draft.write_bytes(file.read_bytes()[:50])
    past = drafts[0].stat().st_mtime - DAY - 60
    os.utime(drafts[0], (past, past))
    later = DiskCache(tmp_path, FACTS, ROOM)
    assert later.read((1,)) is None
    assert later.warnings() == []
    assert not drafts[0].exists()
    assert drafts[1].exists()  # it may belong to a process that is writing


def test_a_full_disk_ends_the_writes_and_not_the_computation(tmp_path, monkeypatch):
    disk, _ = filled(tmp_path)
    attempts = []

    def full(**_):
        attempts.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", full)
    cache = BoundedCache(0, disk)
    for number in (0, 1, 2):
        assert torch.equal(cache.of((number,), lambda number=number: states(number)), states(number))
    assert cache.num_computed == 2
    assert len(attempts) == 1
    [warning] = disk.warnings()
    assert "could not be written (No space left on device)" in warning


def test_files_stay_within_the_limit_which_all_backbones_share(tmp_path):
    _, [file] = filled(tmp_path)
    size = file.stat().st_size
    assert size <= states(0).numel() * 4 + HEADER
    limit = 3 * size + HEADER
    disk, files = filled(tmp_path / "full", 5, limit)
    assert len(files) == 3
    assert size_of(tmp_path / "full") == disk.num_bytes <= limit
    assert "has reached its limit" in disk.warnings()[0]
    other = DiskCache(tmp_path / "full", FACTS | {"weights": "0a1c"}, limit)
    assert other.capacity == limit - 3 * size
    other.write((0,), states(0))
    assert other.read((0,)) is None


@pytest.mark.parametrize("max_bytes", [ROOM, 10_000])
def test_two_processes_fill_a_folder_at_once(max_bytes, tmp_path):
    assert fill_at_once(tmp_path, max_bytes) == [0, 0]
    cache = DiskCache(tmp_path, FACTS, max_bytes)
    kept = [number for number in range(60) if cache.read((number,)) is not None]
    assert cache.warnings() == []
    assert len(kept) == len([*cache.folder.glob("*.safetensors")])
    assert all(torch.equal(cache.read((number,)), states(number)) for number in kept)
    if max_bytes == ROOM:
        assert len(kept) == 60
    else:
        assert 0 < size_of(tmp_path) <= max_bytes


def test_memory_comes_before_the_disk(tmp_path):
    cache = BoundedCache(128, DiskCache(tmp_path, FACTS, ROOM))  # room for one text
    for number in (0, 1):
        cache.of((number,), lambda number=number: states(number))
    [first] = [file for file in cache.disk.folder.glob("*.safetensors") if states(0).equal(*load_file(file).values())]
    first.unlink()
    for number in (0, 1):
        assert torch.equal(cache.of((number,), lambda number=number: states(number)), states(number))
    assert cache.num_computed == 2
    assert cache.num_bytes == 128
    assert cache.close()
    cache.of((0,), lambda: states(0))
    assert cache.num_computed == 3
    assert not cache.close()
