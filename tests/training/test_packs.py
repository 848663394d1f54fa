"""Each run of a pack has the same results as when it is trained alone."""

import itertools
import json
import math

import pytest
import torch
from safetensors.torch import load_file

from rpt.errors import ConfigError, RunFailed
from rpt.runs import train
from rpt.training.run import Run
from tests.support.packs import EARLY_STOPPING, FAMILIES, RUNS, RUNS_AT_LOW_RATES, curve, early_stopping_steps, files

THREE = [
    ["encoder=residual", "init=vocab", "prompt.length=5", "lr=0.01", "seed=1"],
    ["encoder=lstm", "encoder.hidden_dim=16", "init=normal", "prompt.length=9", "lr=0.003", "seed=2"],
    ["encoder=mlp", "encoder.dropout=0.2", "init=labels", "prompt.length=3", "lr=0.03", "seed=3"],
]


@pytest.fixture
def three(configure, tiny_cb, tmp_path):
    """Make the configurations of three runs that differ in every key that may differ within a pack."""

    def make(folder, *shared):
        return [configure(*tiny_cb, *own, *shared, f"output_dir={tmp_path / folder}") for own in THREE]

    return make


def predictions(outcome):
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    return [(line["idx"], line["predicted"], line["right"]) for line in map(json.loads, lines)]


@pytest.fixture
def first_step(assemble, loop, monkeypatch):
    """Take the first training step of a pack.

    The fixture's function returns the runs, and by the index of each run that took a step its loss and flat gradient.
    """
    gradients, step = {}, Run.step

    def spy(run):
        parameters = run.trainable.parameters()
        gradients[run] = torch.cat([value.grad.flatten() for value in parameters if value.grad is not None])
        return step(run)

    monkeypatch.setattr(Run, "step", spy)

    def take(configs, spoil=lambda runs: None):
        tuner, data = assemble(*configs)
        for run in tuner.runs:  # no gradient reaches the prompt through a head whose weights are zero
            torch.manual_seed(0)
            torch.nn.init.normal_(run.trainable.head.linear.weight)
        spoil(tuner.runs)
        loop(tuner).training_step(next(iter(data.train_dataloader())), 0)
        of_runs = enumerate(zip(tuner.runs, tuner.last_step, strict=True))
        return tuner.runs, {
            index: (values["loss"], gradients[run]) for index, (run, values) in of_runs if run in gradients
        }

    return take


def rows_of(step, num_runs):
    """Return the row numbers of each run in a step."""
    return [step.row[step.run == run].tolist() for run in range(num_runs)]


@pytest.mark.parametrize("backbone", FAMILIES)
def test_initial_state_and_data_order_equal_those_of_the_run_alone(backbone, pack, assemble):
    configs = pack("runs", backbone)
    packed, data = assemble(*configs)
    orders = [rows_of(step, len(configs)) for step in data.train_dataloader()]
    for index, config in enumerate(configs):
        alone, data_alone = assemble(config)
        state, state_alone = packed.runs[index].trainable.state_dict(), alone.runs[0].trainable.state_dict()
        assert state.keys() == state_alone.keys()
        assert all(torch.equal(state[name], state_alone[name]) for name in state)
        assert [rows[index] for rows in orders] == [step.row.tolist() for step in data_alone.train_dataloader()]
    assert len({tuple(rows) for rows in orders[0]}) == 4  # the four seeds give four orders of the rows


@pytest.mark.slow  # about 10 s each
@pytest.mark.parametrize("backbone", FAMILIES)
def test_in_float64_trainings_in_a_pack_and_alone_agree_to_1e_8(backbone, pack):
    shared = [*EARLY_STOPPING, "backbone.dtype=float64"]
    runs = RUNS_AT_LOW_RATES if backbone == "tiny_t5" else RUNS
    outcomes = train(pack("packed", backbone, *shared, runs=runs))
    assert len(early_stopping_steps(outcomes)) > 1
    assert max(curve(outcomes[0])["train/grad_norm"]) > outcomes[0].record.config["clip_norm"]
    outcomes_alone = [train([config])[0] for config in pack("alone", backbone, *shared, runs=runs)]
    for packed, alone in zip(outcomes, outcomes_alone, strict=True):
        assert packed.folder.name == alone.folder.name
        assert packed.record.pack.size == 4
        values, expected = curve(packed), curve(alone)
        assert len(values["train/loss"]) == packed.record.steps
        for name in expected:
            assert values[name] == pytest.approx(expected[name], abs=1e-8), name
        prompts = [load_file(outcome.folder / "prompt.safetensors")["prompt"] for outcome in (packed, alone)]
        assert prompts[0].dtype == torch.float64
        torch.testing.assert_close(prompts[0], prompts[1], rtol=0, atol=1e-8)
        steps = [(outcome.record.best.epoch, outcome.record.best.step) for outcome in (packed, alone)]
        assert steps[0] == steps[1]
        assert predictions(packed) == predictions(alone)
        assert packed.record.scores == alone.record.scores
        for key in ("steps", "tokens", "parameters"):
            assert getattr(packed.record, key) == getattr(alone.record, key), key


def test_in_float32_the_first_step_equals_that_of_the_run_alone(three, first_step):
    configs = three("runs")
    _, packed = first_step(configs)
    for index, config in enumerate(configs):
        (loss, gradient), (loss_alone, gradient_alone) = packed[index], first_step([config])[1][0]
        assert loss == pytest.approx(loss_alone, rel=1e-6)
        assert float((gradient - gradient_alone).norm() / gradient_alone.norm()) < 1e-4


def test_a_pack_of_one_run_is_reproducible_bit_for_bit(three):
    first, second = ([train([config])[0] for config in three(folder)[:1]] for folder in ("one", "two"))
    assert files(first[0]) == files(second[0])


def same_bits(first, second):
    """Whether two steps of a run have bitwise equal losses and gradients."""
    return first[0] == second[0] and torch.equal(first[1], second[1])


def test_a_prompt_of_nan_does_not_change_the_other_runs(three, first_step):
    def fill_with_nan(runs):
        with torch.no_grad():
            runs[1].trainable.prompt.table.fill_(math.nan)

    healthy, expected = first_step(three("runs"))
    failing, actual = first_step(three("runs"), fill_with_nan)
    assert [run.status for run in healthy] == ["running"] * 3
    assert [run.status for run in failing] == ["running", "failed", "running"]
    assert failing[1].error == "its loss is not a number"
    assert all(same_bits(actual[index], expected[index]) for index in (0, 2))


def test_other_runs_beside_an_encoder_that_raises_equal_those_of_a_pack_without_it(three, first_step):
    def breaks(*_):
        raise ValueError("no such state")

    configs = three("runs")
    failing, actual = first_step(
        configs, lambda runs: runs[1].trainable.prompt.encoder.register_forward_pre_hook(breaks)
    )
    _, expected = first_step([configs[0], configs[2]])
    assert [run.status for run in failing] == ["running", "failed", "running"]
    assert failing[1].error == "ValueError: no such state"
    assert actual.keys() == {0, 2}
    assert same_bits(actual[0], expected[0])
    assert same_bits(actual[2], expected[1])


@pytest.mark.slow
def test_a_run_that_diverges_fails_and_the_others_finish_as_alone(three, configure, tiny_cb, tmp_path):
    float64 = "backbone.dtype=float64"
    diverging = configure(*tiny_cb, "encoder=plain", "lr=1e300", float64, f"output_dir={tmp_path / 'packed'}")
    healthy = three("packed", float64)[0]
    outcomes = train([diverging, healthy])
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
    again = train([diverging, healthy])  # a second call gives the same statuses and keeps the finished run
    assert [outcome.record.status for outcome in again] == ["failed", "finished"]


@pytest.mark.slow
def test_each_run_of_a_pack_stops_early_at_its_own_epoch(three):
    outcomes = train(three("packed", "trainer.epochs=6", "trainer.patience=1", "head_lr=0.01"))
    assert len({outcome.record.steps for outcome in outcomes}) > 1
    for outcome in outcomes:
        column = curve(outcome)
        evaluations = list(zip(column["held_out/score"], (-loss for loss in column["held_out/loss"]), strict=True))
        rises = [new > old for old, new in itertools.pairwise(evaluations)]
        assert rises in ([True] * 5, [True] * (len(rises) - 1) + [False])  # only the last evaluation may be no better
        assert outcome.record.steps == len(column["train/loss"]) == 4 * len(evaluations)
        assert outcome.record.best.epoch == 1 + rises.count(True)


@pytest.mark.slow
def test_runs_of_one_pack_may_have_different_patience(pack):
    shared = ["packing.exact=true", "trainer.epochs=6"]
    runs = {patience: [*RUNS["plain"], f"trainer.patience={patience}"] for patience in (1, 2)}
    packed = train(pack("packed", "tiny_bert", *shared, runs=runs))
    ends = [outcome.record.steps for outcome in packed]
    assert ends[0] < ends[1] < 24
    for outcome, config in zip(packed, pack("alone", "tiny_bert", *shared, runs=runs), strict=True):
        assert files(outcome) == files(train([config])[0])


@pytest.mark.parametrize(
    "other", ["trainer.batch_size=4", "backbone.pooling=cls", "data.split_seed=1", "packing.exact=true"]
)
def test_runs_that_differ_in_a_shared_key_of_the_pack_are_refused(other, configure, tiny_cb, tmp_path):
    key, _, value = other.partition("=")
    with pytest.raises(ConfigError, match=rf"^{key} = {value}: is .* for another run of the pack\."):
        train([configure(*tiny_cb), configure(*tiny_cb, other)])
    assert not (tmp_path / "runs").exists()


def test_a_warm_up_longer_than_the_training_is_refused(configure, tiny_cb):
    advice = r"must be less than the 8 steps of this training\. Set warmup_steps=0\."
    with pytest.raises(ConfigError, match=rf"^warmup_steps = 8: {advice}$"):
        train([configure(*tiny_cb, "warmup_steps=8")])
