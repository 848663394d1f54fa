"""Runs of a pack do not affect each other: bit for bit in exact mode, when a run fails, and when memory runs out."""

import copy
import json
from itertools import count
from pathlib import Path

import pytest
import torch

from rpt.config.check import check
from rpt.errors import RunFailed, WeightsError
from rpt.runs import train
from rpt.scoring.head import HeadScorer
from rpt.system.out_of_memory import OutOfMemory
from rpt.training.module import PromptTuner
from rpt.training.run import Run
from tests.support.composed import compose
from tests.support.packs import EARLY_STOPPING, FAMILIES, RUNS, early_stopping_steps, files

DIVERGING = ["encoder=plain", "lr=1e6", "weight_decay=0.01", "seed=5"]
"""Overrides of a run whose table grows by a factor of 1e4 at every step, until it overflows."""

CONSTANT = ["encoder=plain", "lr=1e-12", "seed=6", "trainer.patience=3"]
"""Overrides of a run whose prompt does not change. With a language model it stops early after its fourth epoch."""


@pytest.mark.slow  # about 10 s each
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("backbone", FAMILIES)
def test_exact_packing_gives_every_run_the_bytes_that_it_has_alone(backbone, dtype, pack):
    shared = [*EARLY_STOPPING, "packing.exact=true", f"backbone.dtype={dtype}"]
    runs = {**RUNS, "constant": CONSTANT}
    packed = train(pack("packed", backbone, *shared, runs=runs))
    assert len(early_stopping_steps(packed)) > 1
    alone = [train([config])[0] for config in pack("alone", backbone, *shared, runs=runs)]
    for outcome, expected in zip(packed, alone, strict=True):
        assert outcome.folder.name == expected.folder.name
        assert files(outcome) == files(expected)
        assert outcome.record.best == expected.record.best
        assert outcome.record.scores == expected.record.scores
    assert len({files(outcome)["metrics.csv"] for outcome in packed}) == len(runs)
    assert {outcome.record.pack.exact for outcome in packed} == {True}


@pytest.mark.slow
def test_a_run_whose_loss_becomes_nan_does_not_change_the_others_in_exact_mode(pack):
    shared = ["packing.exact=true", "trainer.epochs=3"]
    failed, *packed = train(pack("packed", "tiny_bert", *shared, runs={"diverging": DIVERGING, **RUNS}))
    assert failed.record.status == "failed"
    assert failed.record.error == "its loss is not a number"
    assert 0 < failed.record.steps < 12
    for outcome, config in zip(packed, pack("alone", "tiny_bert", *shared), strict=True):
        assert files(outcome) == files(train([config])[0])


@pytest.mark.slow
@pytest.mark.parametrize("exact", ["true", "false"])
def test_the_state_of_a_stopped_run_does_not_change_while_others_train(exact, pack, monkeypatch):
    stopped, ended = {}, {}
    observe, restore_best = Run.observe, Run.restore_best

    def copied_state(run):
        return copy.deepcopy((run.trainable.state_dict(), run.optimizer.state_dict()["state"]))

    def stopping(run, *evaluation):
        observe(run, *evaluation)
        if run.has_finished:
            stopped.setdefault(run, copied_state(run))

    def ending(run):
        ended[run] = copied_state(run)
        restore_best(run)

    monkeypatch.setattr(Run, "observe", stopping)
    monkeypatch.setattr(Run, "restore_best", ending)
    outcomes = train(pack("packed", "tiny_bert", *EARLY_STOPPING, f"packing.exact={exact}"))
    last = max(outcome.record.steps for outcome in outcomes)
    assert early_stopping_steps(outcomes) - {last}
    for run, state in stopped.items():
        assert len(state[1]) == len(list(run.trainable.parameters()))  # a trained parameter has an optimizer state
        torch.testing.assert_close(ended[run], state, rtol=0, atol=0)


@pytest.mark.slow
def test_an_encoder_that_raises_fails_its_run_and_does_not_change_the_others(pack, monkeypatch):
    undisturbed = train(pack("undisturbed", "tiny_bert", "packing.exact=true"))
    steps, encode = {}, Run.encode

    def breaks(run):
        steps[run] = steps.get(run, 0) + 1
        if len(run.trainable()) == 100 and steps[run] == 3:
            raise ValueError("no such state")
        return encode(run)

    monkeypatch.setattr(Run, "encode", breaks)
    failing = train(pack("failing", "tiny_bert", "packing.exact=true"))
    assert [outcome.record.status for outcome in failing] == ["finished", "failed", "finished", "finished"]
    assert failing[1].record.error == "ValueError: no such state"
    assert "in breaks" in failing[1].record.traceback
    with pytest.raises(RunFailed, match=r"ValueError: no such state\. The traceback is in its run\.json\.$"):
        failing[1].check()
    assert failing[1].record.steps == 2
    for index in (0, 2, 3):
        assert files(failing[index]) == files(undisturbed[index])


@pytest.mark.slow
def test_an_encoder_that_raises_in_the_evaluation_fails_only_its_own_run(pack, monkeypatch):
    configs = pack("failing", "tiny_bert")
    from rpt.training.trainable import Trainable

    fold = Trainable.fold

    def breaks(trainable):
        if len(trainable()) == 2:
            raise ValueError("cannot fold")
        return fold(trainable)

    monkeypatch.setattr(Trainable, "fold", breaks)
    outcomes = train(configs)
    assert [outcome.record.status for outcome in outcomes] == ["finished", "finished", "failed", "finished"]
    assert outcomes[2].record.error == "ValueError: cannot fold"


@pytest.mark.slow
def test_a_forward_pass_that_runs_out_of_memory_is_split_and_fails_no_run(pack, monkeypatch):
    fits = train(pack("fits", "tiny_bert", "backbone.dtype=float64"))
    losses, max_tokens = HeadScorer.losses, 700  # number of tokens with padding

    def out_of_memory(self, backbone, inserted, rows, heads):
        if inserted.mask.numel() > max_tokens and len(rows.row) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return losses(self, backbone, inserted, rows, heads)

    monkeypatch.setattr(HeadScorer, "losses", out_of_memory)
    cut = train(pack("cut", "tiny_bert", "backbone.dtype=float64"))
    for outcome, expected in zip(cut, fits, strict=True):
        assert outcome.record.status == "finished"
        assert any(text.startswith("out of memory: forward passes were cut to 512") for text in outcome.record.warnings)
        assert outcome.record.loss == pytest.approx(expected.record.loss, abs=1e-8)
        assert outcome.record.scores == expected.record.scores


def records(configs):
    """Return the records of a pack's runs in the order of their folder names."""
    [folder] = {config.output_dir for config in configs}
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*/run.json"))]


@pytest.mark.slow
def test_another_error_in_the_shared_forward_pass_interrupts_the_pack_and_fails_no_run(pack, monkeypatch):
    calls, losses = count(1), HeadScorer.losses

    def breaks(*arguments):
        if next(calls) == 4 + 2:  # in the second epoch, after a checkpoint
            raise RuntimeError("shapes do not fit")
        return losses(*arguments)

    monkeypatch.setattr(HeadScorer, "losses", breaks)
    configs = pack("broken", "tiny_bert", "trainer.token_budget=100000")  # a step is one forward pass
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(configs)
    assert {record["status"] for record in records(configs)} == {"interrupted"}
    assert {record["error"] for record in records(configs)} == {"RuntimeError: shapes do not fit"}
    assert {record["resumed_step"] for record in records(configs)} == {0}
    assert [outcome.record.status for outcome in train(configs)] == ["finished"] * len(RUNS)
    assert {record["resumed_step"] for record in records(configs)} == {4}


@pytest.mark.slow
def test_a_changed_backbone_fails_all_runs_of_the_pack(pack, monkeypatch):
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


@pytest.mark.slow
@pytest.mark.parametrize("part", ["encode", "step"])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError(GPU), RuntimeError(CPU)], ids=["gpu", "cpu"])
def test_out_of_memory_in_the_encoder_or_optimizer_of_a_run_interrupts_the_pack(part, error, pack, monkeypatch):
    configs, act, calls = pack("full", "tiny_bert"), getattr(Run, part), count(1)

    def out_of_memory(run):
        if next(calls) == 2:  # in the first step, the second run
            raise error
        return act(run)

    monkeypatch.setattr(Run, part, out_of_memory)
    with pytest.raises(OutOfMemory) as caught:
        train(configs)
    advice = f"Free some memory, then run the same command again: it continues. {SMALLER}"
    assert str(caught.value) == f"out of memory ({error}). {advice}"
    assert {record["status"] for record in records(configs)} == {"interrupted"}
    assert {record["error"] for record in records(configs)} == {f"OutOfMemory: {caught.value}"}


def limit_evaluation(max_tokens, monkeypatch):
    """Raise an out-of-memory error in every forward pass of an evaluation with more than `max_tokens` tokens.

    Returns:
        List to which each other forward pass appends its number of rows.
    """
    score, num_rows = HeadScorer.score, []

    def limited(self, backbone, inserted, rows, heads):
        if inserted.mask.numel() > max_tokens:
            raise torch.OutOfMemoryError(GPU)
        num_rows.append(len(rows.row))
        return score(self, backbone, inserted, rows, heads)

    monkeypatch.setattr(HeadScorer, "score", limited)
    return num_rows


@pytest.mark.slow
def test_an_evaluation_that_runs_out_of_memory_is_split_and_fails_no_run(pack, monkeypatch):
    fits = train(pack("fits", "tiny_bert", "backbone.dtype=float64"))
    num_rows = limit_evaluation(500, monkeypatch)
    cut = train(pack("cut", "tiny_bert", "backbone.dtype=float64"))
    assert 1 < max(num_rows) < 20  # there are 20 reported rows
    warning = "out of memory: forward passes of evaluations were cut, so the last bits differ"
    for outcome, expected in zip(cut, fits, strict=True):
        assert warning in outcome.record.warnings
        assert warning not in expected.record.warnings
        assert outcome.record.loss == pytest.approx(expected.record.loss, abs=1e-8)
        assert outcome.record.scores == expected.record.scores


@pytest.mark.slow
def test_an_evaluation_in_which_a_single_row_runs_out_of_memory_interrupts_the_pack(pack, monkeypatch):
    limit_evaluation(60, monkeypatch)
    configs = pack("full", "tiny_bert")
    with pytest.raises(OutOfMemory, match=r"^out of memory \(CUDA out of memory\. "):
        train(configs)
    assert {record["status"] for record in records(configs)} == {"interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_run_without_trainable_parameters_can_be_in_a_pack(exact, tiny_llama, tiny_cb, tmp_path):
    def configs(folder):
        shared = [*tiny_llama, *tiny_cb, "trainer=debug", "trainer.token_budget=400", f"packing.exact={exact}"]
        shared.append(f"output_dir={tmp_path / folder}")
        return [check(compose([*shared, own])) for own in ("encoder=none", "lr=0.1")]

    packed = train(configs("packed"))
    alone = [train([config])[0] for config in configs("alone")]
    for outcome, expected in zip(packed, alone, strict=True):
        assert outcome.folder.name == expected.folder.name
        for key in ("status", "steps", "scores", "best"):
            if key != "best" or exact == "true":
                assert getattr(outcome.record, key) == getattr(expected.record, key), key
    assert packed[0].record.best is None
    assert packed[0].record.steps == 0
