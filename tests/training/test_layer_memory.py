"""States of texts before a later layer: their cache in memory, and messages if they do not fit."""

import json

import pytest
import torch

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.split import Split
from rpt.errors import ConfigError
from rpt.runs import train
from rpt.scoring.head import HeadScorer
from rpt.scoring.language import RankScorer
from rpt.training.build_checks import tell_of_large_texts
from tests.support.composed import checked
from tests.support.models import WORDS, make_model, save_as_published
from tests.support.packs import files

LAYER = "backbone.prompt_layer=1"
END = "backbone.prompt_at=end"


def without_memory_for_states(monkeypatch, scorer, part):
    """Raise an out-of-memory error in a method of a scorer once the states of more than 10 texts are kept."""
    act, of, kept, errors = getattr(scorer, part), BoundedCache.of, [], []

    def counted(self, key, compute):
        kept[:] = [self]
        return of(self, key, compute)

    def limited(*arguments):
        if len(kept[0]._kept) > 10:
            errors.append(part)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return act(*arguments)

    monkeypatch.setattr(BoundedCache, "of", counted)
    monkeypatch.setattr(scorer, part, limited)
    return errors


@pytest.mark.slow
@pytest.mark.parametrize("part", ["losses", "score"])
@pytest.mark.parametrize(
    ("family", "place", "scorer"), [("tiny_bert", LAYER, HeadScorer), ("tiny_llama", END, RankScorer)]
)
def test_kept_states_are_dropped_before_forward_passes_are_cut(family, place, scorer, part, pack, monkeypatch):
    runs = {"plain": ["encoder=plain"]}
    [fits] = train(pack("fits", family, place, runs=runs))
    errors = without_memory_for_states(monkeypatch, scorer, part)
    [dropped] = train(pack("dropped", family, place, runs=runs))
    assert len(errors) == 1
    assert files(dropped) == files(fits)  # the same forward passes give the same bits
    slower = "memory ran out, and the states of texts were computed in each step from then on, which is slower"
    assert slower in dropped.record.warnings
    assert not any(warning.startswith(("out of memory", "memory ran out")) for warning in fits.record.warnings)
    assert not any(warning.startswith("out of memory") for warning in dropped.record.warnings)


def test_a_message_has_the_bytes_of_texts_that_do_not_fit_into_memory(pack, assemble, capsys):
    tuner, data = assemble(*pack("alone", "tiny_bert", LAYER, runs={"plain": ["encoder=plain"]}))
    texts = {tuple(ids) for split in data.encoded.values() for row in split.inputs for ids in row}
    size = sum(map(len, texts)) * tuner.split.width * tuner.backbone.embedding.element_size()
    tell_of_large_texts(Split(tuner.backbone, 1, max_bytes=size), data.encoded)
    assert "note: the states" not in capsys.readouterr().out
    tell_of_large_texts(Split(tuner.backbone, 1, max_bytes=size - 1), data.encoded)
    assert "note: the states of all texts before layer 1 take 0.0 GiB or more" in capsys.readouterr().out


def test_a_tokenizer_without_frequent_tokens_is_refused_before_training(tiny_cb, tmp_path):
    save_as_published("bert", make_model("bert"), tmp_path / "model")
    path = tmp_path / "model" / "tokenizer.json"
    content = json.loads(path.read_text())
    vocab = content["model"]["vocab"]
    content["model"]["vocab"] = {chr(0x4E00 + id) if token in WORDS else token: id for token, id in vocab.items()}
    path.write_text(json.dumps(content))
    named = ["backbone=local", "backbone.name=signs", f"backbone.path={tmp_path / 'model'}", "init=uniform"]
    few = ["trainer.epochs=1", "prompt.length=2", "trainer.device=cpu", f"output_dir={tmp_path / 'runs'}"]
    with pytest.raises(ConfigError, match=r"backbone\.prompt_layer = 1: needs the states of frequent tokens"):
        train([checked(["task=cb", *tiny_cb, *named, *few, LAYER, "prompt.unit=raw"])])
