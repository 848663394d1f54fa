"""Flags of Lightning's Trainer: their effect, resumed runs with flags, and flags that are refused."""

import inspect

import lightning
import pytest
import torch

from rpt.config.check import check
from rpt.config.trainer_flags import REFUSED, LightningFlags, limited
from rpt.errors import ConfigError
from rpt.runs import train
from rpt.tracking.identity import setting
from tests.support.composed import compose
from tests.support.resuming import contents

FLAG = "+trainer.lightning"


def test_every_flag_of_lightning_is_offered_or_refused():
    flags = set(inspect.signature(lightning.Trainer).parameters)
    assert flags == REFUSED.keys() | LightningFlags.model_fields.keys()
    assert not REFUSED.keys() & LightningFlags.model_fields.keys()


@pytest.mark.parametrize(("limit", "count"), [(None, 10), (3, 3), (20, 10), (0.35, 3), (0.01, 1), (1.0, 10)])
def test_a_limit_is_a_number_or_a_share(limit, count):
    assert limited(10, limit) == count


@pytest.mark.parametrize("flag", sorted(REFUSED))
def test_a_flag_that_breaks_a_guarantee_is_refused_with_the_reason(flag):
    with pytest.raises(ConfigError) as refused:
        check(compose([f"{FLAG}.{flag}=1"]))
    assert str(refused.value) == f"trainer.lightning.{flag} = 1: {REFUSED[flag]}."


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("limit_train_batch=1", "trainer.lightning.limit_train_batch = 1: no such key. Did you mean limit_train_"),
        ("limit_val_batches=0", "trainer.lightning.limit_val_batches"),
        ("limit_val_batches=1.5", "trainer.lightning.limit_val_batches"),
        ("accelerator=tpu", "trainer.lightning.accelerator = tpu: must be 'auto', 'cpu', 'gpu' or 'cuda'."),
    ],
)  # fmt: skip
def test_a_wrong_flag_is_refused(flags, message):
    with pytest.raises(ConfigError) as refused:
        check(compose([f"{FLAG}.{flags}"]))
    assert str(refused.value).startswith(message)


def identity(*flags):
    return setting(check(compose([f"{FLAG}.{flag}" for flag in flags])), "", "")


def test_only_flags_that_can_change_the_score_belong_to_the_identity():
    plain = identity()
    assert identity("profiler=simple", "detect_anomaly=true", "log_every_n_steps=1", "accelerator=cpu") == plain
    for flag in ("limit_train_batches=1", "limit_val_batches=0.5", "limit_test_batches=1", "deterministic=true"):
        assert identity(flag) != plain
    assert identity("fast_dev_run=2") == setting(
        check(
            compose(["trainer.epochs=1", *(f"{FLAG}.limit_{split}_batches=2" for split in ("train", "val", "test"))])
        ),
        "",
        "",
    )


@pytest.mark.slow
def test_limits_shorten_epochs_and_evaluations_and_are_resumed(configure, tiny_cb, monkeypatch):
    limits = [f"{FLAG}.limit_train_batches=3", f"{FLAG}.limit_val_batches=1", f"{FLAG}.limit_test_batches=0.5"]
    options = [*tiny_cb, *limits, "trainer.eval_token_budget=200", "trainer.checkpoint_steps=1", "trainer.epochs=3"]
    [whole] = train([configure(*options)])
    assert whole.check().record.steps == 9
    predictions = (whole.folder / "predictions.jsonl").read_text().splitlines()
    assert 0 < len(predictions) < 20
    expected = contents(whole.folder)

    from rpt.training.run import Run

    step = Run.step

    def killed(run):
        if run.steps == 5:
            raise KeyboardInterrupt
        return step(run)

    monkeypatch.setattr(Run, "step", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train([configure(*options, "rerun=true")])
    monkeypatch.setattr(Run, "step", step)
    [resumed] = train([configure(*options)])
    assert resumed.record.resumed_step == 5
    assert contents(resumed.folder) == expected


@pytest.mark.slow
def test_a_limit_applies_to_each_run_of_a_pack(pack):
    limits = [f"{FLAG}.limit_train_batches=2", f"{FLAG}.limit_val_batches=1", "packing.exact=true"]
    outcomes = train(pack("together", "tiny_bert", *limits)[:2])
    alone = [outcome for config in pack("alone", "tiny_bert", *limits)[:2] for outcome in train([config])]
    for packed, single in zip(outcomes, alone, strict=True):
        assert packed.check().record.steps == single.check().record.steps == 4
        assert contents(packed.folder) == contents(single.folder)


def test_flags_reach_lightnings_trainer(configure, tiny_cb):
    flags = ["profiler=simple", "detect_anomaly=true", "deterministic=true", "fast_dev_run=true"]
    [outcome] = train([configure(*tiny_cb, *(f"{FLAG}.{flag}" for flag in flags))])
    assert outcome.check().record.steps == 1
    assert "training_step" in (outcome.folder / "fit-profile.txt").read_text()
    assert not torch.are_deterministic_algorithms_enabled()
