"""Each run of a pack has the results that it has when it is trained alone."""

import itertools
import json
import math

import pytest
import torch
from safetensors.torch import load_file

from rpt.errors import ConfigError
from rpt.runs import RunFailed, train
from rpt.training.run import Run
from tests.support.packs import EARLY_STOPPING, FAMILIES, RUNS, RUNS_AT_LOW_RATES, curve, early_stopping_steps, files

THREE = [
    ["encoder=residual", "init=vocab", "prompt.length=5", "lr=0.01", "seed=1"],
    ["encoder=lstm", "encoder.hidden_dim=16", "init=normal", "prompt.length=9", "lr=0.003", "seed=2"],
    ["encoder=mlp", "encoder.dropout=0.2", "init=labels", "prompt.length=3", "lr=0.03", "seed=3"],
]


@pytest.fixture
def three(configure, tiny_cb, tmp_path):
    """Configurations of three runs that differ in all that runs of a pack may differ in."""

    def make(folder, *shared):
        return [configure(*tiny_cb, *own, *shared, f"output_dir={tmp_path / folder}") for own in THREE]

    return make


def predictions(outcome):
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    return [(line["idx"], line["predicted"], line["right"]) for line in map(json.loads, lines)]


@pytest.fixture
def first_step(assemble, loop, monkeypatch):
    """Take a pack's first step; returns its runs, and loss and gradient of each that had them, by its index."""
    seen, step = {}, Run.step

    def spy(run):
        seen[run] = torch.cat([one.grad.flatten() for one in run.trainable.parameters() if one.grad is not None])
        return step(run)

    monkeypatch.setattr(Run, "step", spy)

    def take(configs, spoil=lambda runs: None):
        tuner, data = assemble(*configs)
        for run in tuner.runs:  # heads start at zero, from which nothing reaches the prompt
            torch.manual_seed(0)
            torch.nn.init.normal_(run.trainable.head.linear.weight)
        spoil(tuner.runs)
        loop(tuner).training_step(next(iter(data.train_dataloader())), 0)
        of_runs = enumerate(zip(tuner.runs, tuner.last_step, strict=True))
        return tuner.runs, {index: (values["loss"], seen[run]) for index, (run, values) in of_runs if run in seen}

    return take


def rows_of(step, num_runs):
    """Row numbers of each run in a step."""
    return [step.row[step.run == run].tolist() for run in range(num_runs)]


@pytest.mark.parametrize("backbone", FAMILIES)
def test_initial_bits_and_data_order_are_those_alone(backbone, pack, assemble):
    configs = pack("runs", backbone)
    packed, data = assemble(*configs)
    orders = [rows_of(step, len(configs)) for step in data.train_dataloader()]
    for index, config in enumerate(configs):
        alone, its_data = assemble(config)
        ours, theirs = packed.runs[index].trainable.state_dict(), alone.runs[0].trainable.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert [rows[index] for rows in orders] == [step.row.tolist() for step in its_data.train_dataloader()]
    assert len({tuple(rows) for rows in orders[0]}) == 4  # their seeds order the rows in four ways


@pytest.mark.slow  # about 10 s each
@pytest.mark.parametrize("backbone", FAMILIES)
def test_in_float64_whole_trainings_packed_and_alone_agree_to_1e8(backbone, pack):
    shared = [*EARLY_STOPPING, "backbone.dtype=float64"]
    runs = RUNS_AT_LOW_RATES if backbone == "tiny_t5" else RUNS
    packed = train(pack("packed", backbone, *shared, runs=runs))
    assert len(early_stopping_steps(packed)) > 1
    assert max(curve(packed[0])["train/grad_norm"]) > packed[0].record.config["clip_norm"]
    alone = [train([config])[0] for config in pack("alone", backbone, *shared, runs=runs)]
    for ours, theirs in zip(packed, alone, strict=True):
        assert ours.folder.name == theirs.folder.name
        assert ours.record.pack.size == 4
        mine, its = curve(ours), curve(theirs)
        assert len(mine["train/loss"]) == ours.record.steps
        for name in its:
            assert mine[name] == pytest.approx(its[name], abs=1e-8), name
        prompts = [load_file(one.folder / "prompt.safetensors")["prompt"] for one in (ours, theirs)]
        assert prompts[0].dtype == torch.float64
        torch.testing.assert_close(prompts[0], prompts[1], rtol=0, atol=1e-8)
        steps = [(outcome.record.best.epoch, outcome.record.best.step) for outcome in (ours, theirs)]
        assert steps[0] == steps[1]
        assert predictions(ours) == predictions(theirs)
        assert ours.record.scores == theirs.record.scores
        for key in ("steps", "tokens", "parameters"):
            assert getattr(ours.record, key) == getattr(theirs.record, key), key


def test_in_float32_the_first_step_is_that_of_the_run_alone(three, first_step):
    configs = three("runs")
    _, together = first_step(configs)
    for index, config in enumerate(configs):
        (loss, gradient), (loss_alone, gradient_alone) = together[index], first_step([config])[1][0]
        assert loss == pytest.approx(loss_alone, rel=1e-6)
        assert float((gradient - gradient_alone).norm() / gradient_alone.norm()) < 1e-4


def test_a_pack_of_one_repeats_to_the_last_bit(three):
    first, second = ([train([config])[0] for config in three(folder)[:1]] for folder in ("one", "two"))
    assert files(first[0]) == files(second[0])


def same_bits(ours, theirs):
    """Whether two steps of a run have bitwise equal loss and gradient."""
    return ours[0] == theirs[0] and torch.equal(ours[1], theirs[1])


def test_rows_that_are_no_numbers_leave_the_bits_of_the_other_runs_alone(three, first_step):
    def poison(runs):
        with torch.no_grad():
            runs[1].trainable.prompt.table.fill_(math.nan)

    sound, without = first_step(three("runs"))
    sick, beside = first_step(three("runs"), poison)
    assert [run.status for run in sound] == ["running"] * 3
    assert [run.status for run in sick] == ["running", "failed", "running"]
    assert sick[1].error == "its loss is not a number"
    assert all(same_bits(beside[index], without[index]) for index in (0, 2))


def test_an_encoder_that_raises_leaves_the_others_the_bits_of_a_pack_without_it(three, first_step):
    def breaks(*_):
        raise ValueError("no such state")

    configs = three("runs")
    sick, beside = first_step(configs, lambda runs: runs[1].trainable.prompt.encoder.register_forward_pre_hook(breaks))
    _, without = first_step([configs[0], configs[2]])
    assert [run.status for run in sick] == ["running", "failed", "running"]
    assert sick[1].error == "ValueError: no such state"
    assert beside.keys() == {0, 2}
    assert same_bits(beside[0], without[0])
    assert same_bits(beside[2], without[1])


def test_a_run_that_diverges_is_marked_and_the_others_finish_as_alone(three, configure, tiny_cb, tmp_path):
    float64 = "backbone.dtype=float64"
    wild = configure(*tiny_cb, "encoder=plain", "lr=1e300", float64, f"output_dir={tmp_path / 'packed'}")
    sound = three("packed", float64)[0]
    outcomes = train([wild, sound])
    with pytest.raises(RunFailed, match=r"-plain-.*Lower lr, or set clip_norm=1\."):
        outcomes[0].check()
    assert outcomes[1].check() is outcomes[1]
    records = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "packed").glob("*/run.json")}
    [failed] = [record for record in records.values() if record["status"] == "failed"]
    [finished] = [record for record in records.values() if record["status"] == "finished"]
    assert failed["config"]["lr"] == 1e300
    assert "not a number" in failed["error"] or "gradient norm" in failed["error"]
    assert "scores" not in failed
    assert failed["steps"] < finished["steps"] == 8
    alone = train(three("alone", float64)[:1])[0]
    assert finished["loss"] == pytest.approx(alone.record.loss, abs=1e-8)
    assert finished["best"] == {**alone.record.values()["best"], "held_out": pytest.approx(alone.record.best.held_out)}
    again = train([wild, sound])  # asked again, it says the same and does not spoil the finished one
    assert [outcome.record.status for outcome in again] == ["failed", "finished"]


def test_runs_that_stop_early_keep_their_own_patience(three):
    outcomes = train(three("packed", "trainer.epochs=6", "trainer.patience=1", "head_lr=0.01"))
    assert len({outcome.record.steps for outcome in outcomes}) > 1
    for outcome in outcomes:
        column = curve(outcome)
        evaluations = list(zip(column["held_out/score"], (-loss for loss in column["held_out/loss"]), strict=True))
        rises = [new > old for old, new in itertools.pairwise(evaluations)]
        assert rises in ([True] * 5, [True] * (len(rises) - 1) + [False])  # up to the first that is no better
        assert outcome.record.steps == len(column["train/loss"]) == 4 * len(evaluations)
        assert outcome.record.best.epoch == 1 + rises.count(True)


def test_runs_of_one_pack_have_each_a_patience_of_its_own(pack):
    shared = ["packing.exact=true", "trainer.epochs=6"]
    runs = {most: [*RUNS["plain"], f"trainer.patience={most}"] for most in (1, 2)}
    together = train(pack("packed", "tiny_bert", *shared, runs=runs))
    ends = [outcome.record.steps for outcome in together]
    assert ends[0] < ends[1] < 24
    for ours, config in zip(together, pack("alone", "tiny_bert", *shared, runs=runs), strict=True):
        assert files(ours) == files(train([config])[0])


@pytest.mark.parametrize(
    "other", ["trainer.batch_size=4", "backbone.pooling=cls", "data.split_seed=1", "packing.exact=true"]
)
def test_runs_that_do_not_share_what_a_pack_shares_are_refused(other, configure, tiny_cb, tmp_path):
    key, _, value = other.partition("=")
    with pytest.raises(ConfigError, match=rf"^{key} = {value}: is .* for another run of the pack\."):
        train([configure(*tiny_cb), configure(*tiny_cb, other)])
    assert not (tmp_path / "runs").exists()


def test_a_warm_up_longer_than_the_training_is_refused(configure, tiny_cb):
    advice = r"must be less than the 8 steps of this training\. Set warmup_steps=0\."
    with pytest.raises(ConfigError, match=rf"^warmup_steps = 8: {advice}$"):
        train([configure(*tiny_cb, "warmup_steps=8")])
