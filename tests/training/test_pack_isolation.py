"""Runs of a pack do not affect each other: in exact mode to the last bit, if a run fails, and if memory runs out."""

import copy
import json
from itertools import count
from pathlib import Path

import pytest
import torch

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.errors import WeightsError
from rpt.runs import RunFailed, train
from rpt.scoring.head import HeadScorer
from rpt.system.out_of_memory import OutOfMemory
from rpt.training.module import PromptTuner
from rpt.training.run import Run
from tests.support.packs import EARLY_STOPPING, FAMILIES, RUNS, early_stopping_steps, files

WILD = ["encoder=plain", "lr=1e6", "weight_decay=0.01", "seed=5"]
"""A run whose table grows by 1e4 at every step, until it overflows."""


@pytest.mark.slow  # about 10 s each
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("backbone", FAMILIES)
def test_exact_packing_gives_every_run_the_bytes_that_it_has_alone(backbone, dtype, pack):
    shared = [*EARLY_STOPPING, "packing.exact=true", f"backbone.dtype={dtype}"]
    together = train(pack("packed", backbone, *shared))
    assert len(early_stopping_steps(together)) > 1
    alone = [train([config])[0] for config in pack("alone", backbone, *shared)]
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.folder.name == theirs.folder.name
        assert files(ours) == files(theirs)
        assert ours.record.best == theirs.record.best
        assert ours.record.scores == theirs.record.scores
    assert len({files(outcome)["metrics.csv"] for outcome in together}) == len(RUNS)
    assert {outcome.record.pack.exact for outcome in together} == {True}


def test_a_run_that_turns_to_nan_leaves_the_bits_of_the_others_in_exact_mode(pack):
    shared = ["packing.exact=true", "trainer.epochs=3"]
    failed, *together = train(pack("packed", "tiny_bert", *shared, runs={"wild": WILD, **RUNS}))
    assert failed.record.status == "failed"
    assert failed.record.error == "its loss is not a number"
    assert 0 < failed.record.steps < 12
    for ours, config in zip(together, pack("alone", "tiny_bert", *shared), strict=True):
        assert files(ours) == files(train([config])[0])


@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_stopped_run_keeps_the_bits_of_prompt_and_optimizer_while_others_train(exact, pack, monkeypatch):
    stopped, ended = {}, {}
    observe, restore_best = Run.observe, Run.restore_best

    def kept(run):
        return copy.deepcopy((run.trainable.state_dict(), run.optimizer.state_dict()["state"]))

    def stopping(run, *evaluation):
        observe(run, *evaluation)
        if run.has_stopped:
            stopped.setdefault(run, kept(run))

    def ending(run):
        ended[run] = kept(run)
        restore_best(run)

    monkeypatch.setattr(Run, "observe", stopping)
    monkeypatch.setattr(Run, "restore_best", ending)
    outcomes = train(pack("packed", "tiny_bert", *EARLY_STOPPING, f"packing.exact={exact}"))
    last = max(outcome.record.steps for outcome in outcomes)
    assert early_stopping_steps(outcomes) - {last}
    for run, state in stopped.items():
        assert len(state[1]) == len(list(run.trainable.parameters()))  # it has trained: there is a state of each
        torch.testing.assert_close(ended[run], state, rtol=0, atol=0)


def test_an_encoder_that_raises_fails_its_run_and_leaves_the_bits_of_the_others(pack, monkeypatch):
    sound = train(pack("sound", "tiny_bert", "packing.exact=true"))
    steps, encode = {}, Run.encode

    def breaks(run):
        steps[run] = steps.get(run, 0) + 1
        if len(run.trainable()) == 100 and steps[run] == 3:
            raise ValueError("no such state")
        return encode(run)

    monkeypatch.setattr(Run, "encode", breaks)
    sick = train(pack("sick", "tiny_bert", "packing.exact=true"))
    assert [outcome.record.status for outcome in sick] == ["finished", "failed", "finished", "finished"]
    assert sick[1].record.error == "ValueError: no such state"
    assert "in breaks" in sick[1].record.traceback
    with pytest.raises(RunFailed, match=r"ValueError: no such state\. The traceback is in its run\.json\.$"):
        sick[1].check()
    assert sick[1].record.steps == 2
    for index in (0, 2, 3):
        assert files(sick[index]) == files(sound[index])


def test_an_encoder_that_raises_in_the_evaluation_fails_its_run_alone(pack, monkeypatch):
    configs = pack("sick", "tiny_bert")
    from rpt.training.run import Trainable

    fold = Trainable.fold

    def breaks(trainable):
        if len(trainable()) == 2:
            raise ValueError("cannot fold")
        return fold(trainable)

    monkeypatch.setattr(Trainable, "fold", breaks)
    outcomes = train(configs)
    assert [outcome.record.status for outcome in outcomes] == ["finished", "finished", "failed", "finished"]
    assert outcomes[2].record.error == "ValueError: cannot fold"


def test_a_forward_that_does_not_fit_the_memory_is_cut_and_blames_no_run(pack, monkeypatch):
    fits = train(pack("fits", "tiny_bert", "backbone.dtype=float64"))
    losses, most = HeadScorer.losses, 700  # tokens, padding included

    def out_of_memory(self, backbone, inserted, rows, heads):
        if inserted.mask.numel() > most and len(rows.row) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return losses(self, backbone, inserted, rows, heads)

    monkeypatch.setattr(HeadScorer, "losses", out_of_memory)
    cut = train(pack("cut", "tiny_bert", "backbone.dtype=float64"))
    for ours, theirs in zip(cut, fits, strict=True):
        assert ours.record.status == "finished"
        assert any(text.startswith("out of memory: forwards were cut to 512") for text in ours.record.warnings)
        assert ours.record.loss == pytest.approx(theirs.record.loss, abs=1e-8)
        assert ours.record.scores == theirs.record.scores


def records(configs):
    """The records of a pack's runs, in the order of their folders."""
    [folder] = {config.output_dir for config in configs}
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*/run.json"))]


def test_another_error_of_the_shared_forward_ends_the_pack_and_blames_it_on_no_run(pack, monkeypatch):
    calls, losses = count(1), HeadScorer.losses

    def breaks(*arguments):
        if next(calls) == 4 + 2:  # of the second epoch, behind a checkpoint
            raise RuntimeError("shapes do not fit")
        return losses(*arguments)

    monkeypatch.setattr(HeadScorer, "losses", breaks)
    configs = pack("broken", "tiny_bert", "trainer.token_budget=100000")  # a step is one forward
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(configs)
    assert {record["status"] for record in records(configs)} == {"interrupted"}
    assert {record["error"] for record in records(configs)} == {"RuntimeError: shapes do not fit"}
    assert {record["resumed_step"] for record in records(configs)} == {0}
    assert [outcome.record.status for outcome in train(configs)] == ["finished"] * len(RUNS)
    assert {record["resumed_step"] for record in records(configs)} == {4}


def test_runs_over_a_backbone_that_changed_have_failed_for_nothing_goes_on_from_there(pack, monkeypatch):
    step = PromptTuner.training_step

    def changes(self, batch, batch_idx):
        step(self, batch, batch_idx)
        with torch.no_grad():
            next(self.backbone.parameters()).add_(1e-3)

    monkeypatch.setattr(PromptTuner, "training_step", changes)
    configs = pack("changed", "tiny_bert")
    with pytest.raises(WeightsError, match=r"^the frozen backbone has changed during training, so the score is"):
        train(configs)
    assert {record["status"] for record in records(configs)} == {"failed"}


GPU = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
CPU = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: 2147483648 bytes"
SMALLER = "Before its first checkpoint a pack can be made smaller: hydra.launcher.pack_size=2."


@pytest.mark.parametrize("part", ["encode", "step"])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError(GPU), RuntimeError(CPU)], ids=["gpu", "cpu"])
def test_memory_that_runs_out_in_a_runs_own_part_is_not_the_runs_fault(part, error, pack, monkeypatch):
    configs, act, calls = pack("full", "tiny_bert"), getattr(Run, part), count(1)

    def out_of_memory(run):
        if next(calls) == 2:  # in the first step, by the second run
            raise error
        return act(run)

    monkeypatch.setattr(Run, part, out_of_memory)
    with pytest.raises(OutOfMemory) as caught:
        train(configs)
    advice = f"Free some memory, then run the same command again: it continues. {SMALLER}"
    assert str(caught.value) == f"out of memory ({error}). {advice}"
    assert {record["status"] for record in records(configs)} == {"interrupted"}
    assert {record["error"] for record in records(configs)} == {f"OutOfMemory: {caught.value}"}


def out_of_memory_over(most, monkeypatch):
    """Let no forward of an evaluation have more tokens than this, padding included; returns those that were made."""
    score, made = HeadScorer.score, []

    def limited(self, backbone, inserted, rows, heads):
        if inserted.mask.numel() > most:
            raise torch.OutOfMemoryError(GPU)
        made.append(len(rows.row))
        return score(self, backbone, inserted, rows, heads)

    monkeypatch.setattr(HeadScorer, "score", limited)
    return made


def test_an_evaluation_that_does_not_fit_the_memory_is_cut_and_blames_no_run(pack, monkeypatch):
    fits = train(pack("fits", "tiny_bert", "backbone.dtype=float64"))
    made = out_of_memory_over(500, monkeypatch)
    cut = train(pack("cut", "tiny_bert", "backbone.dtype=float64"))
    assert 1 < max(made) < 20  # of the 20 reported rows
    said = "out of memory: forwards of evaluations were cut, which changes the last bits"
    for ours, theirs in zip(cut, fits, strict=True):
        assert said in ours.record.warnings
        assert said not in theirs.record.warnings
        assert ours.record.loss == pytest.approx(theirs.record.loss, abs=1e-8)
        assert ours.record.scores == theirs.record.scores


def test_a_row_of_an_evaluation_that_does_not_fit_the_memory_ends_the_pack(pack, monkeypatch):
    out_of_memory_over(60, monkeypatch)
    configs = pack("full", "tiny_bert")
    with pytest.raises(OutOfMemory, match=r"^out of memory \(CUDA out of memory\. "):
        train(configs)
    assert {record["status"] for record in records(configs)} == {"interrupted"}


@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_run_that_trains_nothing_rides_along_and_is_scored(exact, tiny_llama, tiny_cb, tmp_path):
    def configs(folder):
        shared = [*tiny_llama, *tiny_cb, "trainer=debug", "trainer.token_budget=400", f"packing.exact={exact}"]
        return [check(compose([*shared, one, f"output_dir={tmp_path / folder}"])) for one in ("encoder=none", "lr=0.1")]

    together = train(configs("packed"))
    alone = [train([config])[0] for config in configs("alone")]
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.folder.name == theirs.folder.name
        for key in ("status", "steps", "scores", "best"):
            if key != "best" or exact == "true":
                assert getattr(ours.record, key) == getattr(theirs.record, key), key
    assert together[0].record.best is None
    assert together[0].record.steps == 0
