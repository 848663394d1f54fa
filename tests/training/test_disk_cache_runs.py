"""Runs with the cache of texts on disk: the same bits as without the cache, no repeated computation, and refusals."""

import errno
import os
import tempfile

import pytest
import torch
from safetensors.torch import load_file

import rpt
from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.causal import CausalBackbone
from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.lines import TextLine
from rpt.errors import ConfigError
from rpt.runs import train
from rpt.training.build_checks import tell_of_large_texts
from tests.support.packs import files

PLACES = [("tiny_bert", "backbone.prompt_layer=1"), ("tiny_llama", "backbone.prompt_at=end")]
PLAIN = {"plain": ["encoder=plain"]}
PAIR = {"first": ["encoder=plain", "seed=0"], "second": ["encoder=residual", "seed=1"]}
EXACT = "packing.exact=true"


@pytest.fixture
def cached(tmp_path):
    """Overrides of a run that keeps no states of texts in memory and all of them on disk."""
    return [f"backbone.text_cache_dir={tmp_path / 'cache'}", "backbone.text_cache_memory=0MiB"]


@pytest.fixture
def caches(monkeypatch):
    """List of all caches of texts that are made during the test."""
    made, init = [], BoundedCache.__init__

    def recorded(self, *arguments):
        init(self, *arguments)
        made.append(self)

    monkeypatch.setattr(BoundedCache, "__init__", recorded)
    return made


def distinct_texts(data, family):
    """Return the token ids of the texts whose states are constant. A decoder computes the last token in each step."""
    texts = {tuple(ids) for split in data.encoded.values() for row in split.inputs for ids in row}
    return texts if family == "tiny_bert" else {ids[:-1] for ids in texts}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "place"), PLACES)
def test_later_sweeps_compute_no_text_and_have_the_bits_of_runs_without_the_cache(
    family, place, pack, cached, caches, tmp_path
):
    without = train(pack("without", family, place, EXACT, runs=PAIR))
    filling = train(pack("filling", family, place, EXACT, *cached, runs=PAIR))
    stored = [*(tmp_path / "cache").glob("texts-*/*.safetensors")]
    assert caches[1].num_computed == caches[0].num_computed == len(stored) > 40
    again = train(pack("again", family, place, EXACT, cached[0], runs=PAIR))
    [alone] = train(pack("alone", family, place, *cached, runs={"second": PAIR["second"]}))
    assert [cache.num_computed for cache in caches[2:]] == [0, 0]
    assert [cache.num_bytes > 0 for cache in caches] == [True, False, True, False]
    for outcomes in (filling, again):
        assert [files(outcome) for outcome in outcomes] == [files(outcome) for outcome in without]
        assert [outcome.record.warnings for outcome in outcomes] == [outcome.record.warnings for outcome in without]
    assert files(alone) == files(without[1])
    assert alone.record.identity_hash == without[1].record.identity_hash


@pytest.mark.slow
def test_a_damaged_file_and_a_full_disk_slow_a_run_and_change_no_bit(pack, cached, caches, tmp_path, monkeypatch):
    place = "backbone.prompt_layer=1"
    [first] = train(pack("first", "tiny_bert", place, *cached, runs=PLAIN))
    damaged, missing, *_ = sorted((tmp_path / "cache").glob("texts-*/*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    missing.unlink()
    make = tempfile.mkstemp

    def full(dir, **names):
        if "texts-" in str(dir) and "facts" not in names["prefix"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make(dir=dir, **names)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    [again] = train(pack("again", "tiny_bert", place, *cached[:1], runs=PLAIN))
    assert files(again) == files(first)
    assert caches[1].num_computed == 2
    found = [warning for warning in again.record.warnings if warning.startswith("the text cache ")]
    assert [warning.split(" ", 4)[4] for warning in found] == [
        "had 1 damaged or unreadable file, whose texts were computed again",
        "could not be written (No space left on device), so texts are computed again",
    ]


@pytest.mark.parametrize(("family", "place"), PLACES)
def test_the_estimate_equals_the_bytes_in_memory_and_on_disk(family, place, pack, assemble, tmp_path, capsys):
    folder = tmp_path / "cache"
    tuner, data = assemble(*pack("runs", family, place, f"backbone.text_cache_dir={folder}", runs=PLAIN))
    texts, cached, cache = distinct_texts(data, family), tuner.split or tuner.backbone, tuner.text_cache
    size = sum(map(len, texts)) * cached.bytes_of_token
    capsys.readouterr()
    for ids in texts:
        if family == "tiny_bert":
            line = TextLine(ids, (0,) * len(ids))
            tuner.split.read([line], len(ids))
        else:
            tuner.backbone.texts.context([torch.tensor(ids)])
    assert cache.num_bytes == size
    stored = [tensor for file in folder.glob("texts-*/*.safetensors") for tensor in load_file(file).values()]
    assert sum(tensor.numel() * tensor.element_size() for tensor in stored) == size
    for memory, disk, is_noted in ((size, 0, False), (size - 1, 0, True), (0, 2 * size, False)):
        cache.max_bytes, cache.disk.max_bytes, cache.disk.num_bytes = memory, disk, 0
        for file in folder.glob("texts-*/*.safetensors"):
            file.unlink()
        tell_of_large_texts(cached, data.encoded)
        assert ("of all texts" in capsys.readouterr().out) == is_noted


def test_a_backbone_of_another_dtype_or_layer_has_another_folder(pack, assemble, tmp_path):
    cache = f"backbone.text_cache_dir={tmp_path / 'cache'}"
    settings = [("backbone.dtype=float32", 1), ("backbone.dtype=float64", 1)]
    for dtype, layer in settings:
        assemble(*pack("runs", "tiny_bert", cache, dtype, f"backbone.prompt_layer={layer}", runs=PLAIN))
    assemble(*pack("runs", "tiny_llama", cache, "backbone.prompt_at=end", runs=PLAIN))
    assemble(*pack("runs", "tiny_llama", cache, "backbone.prompt_layer=1", runs=PLAIN))
    assert len([*(tmp_path / "cache").glob("texts-*/facts.json")]) == 4


def test_a_run_whose_prompt_changes_all_states_writes_no_cache(pack, assemble, cached, tmp_path):
    tuner, _ = assemble(*pack("runs", "tiny_llama", *cached, runs=PLAIN))
    assert tuner.text_cache is None
    assert not (tmp_path / "cache").exists()


def test_a_folder_on_a_full_disk_is_refused_before_training(pack, cached, monkeypatch):
    configs = pack("runs", "tiny_llama", "backbone.prompt_at=end", *cached, runs=PLAIN)
    make = tempfile.mkstemp

    def full(dir, **names):
        if "texts-" in str(dir):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make(dir=dir, **names)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    monkeypatch.setattr(CausalBackbone, "read", None)  # a training step would raise a TypeError
    with pytest.raises(ConfigError, match=r"^backbone\.text_cache_dir = .*cannot be written \(No space left on dev"):
        train(configs)


def test_a_folder_below_a_file_is_refused_before_the_backbone_is_loaded(pack, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(FrozenBackbone, "__init__", None)
    with pytest.raises(ConfigError) as refused:
        pack("runs", "tiny_bert", f"backbone.text_cache_dir={file}/cache", runs=PLAIN)
    advice = f"nothing can be written in {file}. Set it to a writable folder, or to null."
    assert str(refused.value) == f"backbone.text_cache_dir = {file}/cache: {advice}"


@pytest.mark.slow
def test_a_loaded_run_does_not_write_to_the_folder_that_its_record_names(pack, cached, tmp_path):
    [outcome] = train(pack("runs", "tiny_bert", "backbone.prompt_layer=1", *cached, runs=PLAIN))
    assert outcome.record.config["backbone"]["text_cache_dir"] == str(tmp_path / "cache")
    run = rpt.load(outcome.folder)
    assert run.config.backbone.text_cache_dir is None
    assert run.module.text_cache.disk is None
