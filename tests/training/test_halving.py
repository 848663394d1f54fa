"""Successive halving stops the worse points of a competition, and changes no bit of the runs that go on."""

import math

import pytest

from rpt.runs import RunStopped, train, train_configs
from rpt.training.halving import Competitor, Standing, Stop, decide, most_rungs, num_left, rung_epochs
from tests.support.packs import curve, files

RATES = (0.3, 0.0001, 0.1, 0.01)


def competitor(point, competition="residual", rungs=(1, 2), keep=0.5):
    return Competitor(competition, point, rungs, keep)


def ranks(competitors, standings, epoch=1):
    """Return the rank of each run that stops, by its index."""
    return {index: stop.rank for index, stop in decide(competitors, standings, epoch).items()}


@pytest.mark.parametrize(
    ("epochs", "rungs", "keep", "expected"),
    [
        (10, 3, 0.5, (2, 3, 5)),
        (16, 3, 0.5, (2, 4, 8)),
        (27, 3, 1 / 3, (1, 3, 9)),
        (100, 1, 0.07, (7,)),
        (5, 3, 0.5, (1, 2, 3)),
    ],
)
def test_rungs_are_at_geometric_shares_of_the_training_rounded_up(epochs, rungs, keep, expected):
    assert rung_epochs(epochs, rungs, keep) == expected


@pytest.mark.parametrize(
    ("epochs", "keep", "most"), [(1, 0.5, 0), (2, 0.5, 1), (5, 0.5, 3), (10, 0.5, 4), (10, 0.95, 0)]
)
def test_more_rungs_than_the_stated_number_would_share_an_epoch(epochs, keep, most):
    assert most_rungs(epochs, keep) == most
    assert len({*rung_epochs(epochs, most + 1, keep), epochs}) < most + 2


def test_the_share_that_goes_on_is_rounded_up():
    assert [num_left(12, 0.5, rung) for rung in range(1, 6)] == [6, 3, 2, 1, 1]
    assert num_left(100, 0.07, 1) == 7


def test_no_run_stops_between_the_rungs():
    competitors = [competitor(str(number)) for number in range(4)]
    standings = [Standing(0.1 * number, 1.0) for number in range(4)]
    assert ranks(competitors, standings, 3) == {}
    assert ranks(competitors, standings, 1) == {1: 3, 0: 4}
    assert decide(competitors, standings, 1)[0] == Stop(1, 2, 1, 0.5, 4, 4, 0.0)


def test_a_point_is_judged_by_the_mean_of_its_runs_and_a_failed_run_counts_as_zero():
    competitors = [competitor("a"), competitor("b"), competitor("a"), competitor("b")]
    assert ranks(competitors, [Standing(0.9, 1.0), Standing(0.6, 1.0), Standing(0.2, 1.0), Standing(0.6, 1.0)]) == {
        0: 2,
        2: 2,
    }
    assert ranks(competitors, [Standing(0.9, 1.0), Standing(0.8, 1.0), Standing(None), Standing(0.2, 1.0)]) == {
        0: 2,
        2: 2,
    }


def test_equal_scores_are_ranked_by_the_loss_and_then_by_the_order():
    competitors = [competitor("a"), competitor("b"), competitor("c")]
    standings = [Standing(0.5, 0.7), Standing(0.5, 0.6), Standing(0.5, 0.7)]
    assert ranks(competitors, standings) == {2: 3}
    assert ranks(competitors[:2], standings) == {0: 2}


def test_stopped_points_and_other_competitions_take_no_part():
    competitors = [competitor("a"), competitor("b"), competitor("c"), competitor("d"), competitor("e", "plain"), None]
    standings = [Standing(0.9), Standing(0.8), Standing(0.7, is_stopped=True), Standing(0.6, is_stopped=True)]
    standings += [Standing(0.1), Standing(0.0)]
    decisions = decide(competitors, standings, 2)
    assert {index: (stop.rung, stop.rank, stop.competitors) for index, stop in decisions.items()} == {1: (2, 2, 2)}


@pytest.fixture
def halved(configure, tiny_cb, tmp_path):
    """Make the configurations and the competitors of four learning rates, with rungs after epochs 1 and 2 of 4."""

    def make(folder, *overrides):
        shared = [*tiny_cb, "encoder=residual", "trainer.epochs=4", *overrides, f"output_dir={tmp_path / folder}"]
        configs = [configure(*shared, f"lr={rate}") for rate in RATES]
        return configs, [competitor(str(rate)) for rate in RATES]

    return make


@pytest.mark.slow
def test_runs_that_go_on_have_the_bits_of_a_pack_without_halving(halved):
    configs, competitors = halved("halved", "packing.exact=true")
    outcomes = train_configs(configs, None, competitors)
    full = train(halved("full", "packing.exact=true")[0])
    statuses = [outcome.record.status for outcome in outcomes]
    assert sorted(statuses) == ["finished", "stopped", "stopped", "stopped"]
    assert [outcome.folder.name for outcome in outcomes] == [outcome.folder.name for outcome in full]
    for outcome, expected in zip(outcomes, full, strict=True):
        columns, all_columns = curve(outcome), curve(expected)
        num_steps = outcome.record.steps
        assert columns["train/loss"] == all_columns["train/loss"][:num_steps]
        if outcome.record.status == "finished":
            assert files(outcome) == files(expected)
            assert (num_steps, outcome.record.halving.model_dump(exclude_unset=True)) == (16, {"rungs": 2, "keep": 0.5})
        else:
            stop = outcome.record.halving
            assert num_steps == len(columns["train/loss"]) == 4 * stop.epoch
            assert stop.score == max(columns["held_out/score"]) == outcome.record.best.held_out["score"]


@pytest.mark.slow
def test_the_decisions_follow_from_the_curves_of_the_full_sweep(halved):
    configs, competitors = halved("halved", "packing.exact=true")
    outcomes = train_configs(configs, None, competitors)
    columns = [curve(outcome) for outcome in train(halved("full", "packing.exact=true")[0])]
    expected = {}
    for epoch in (1, 2):
        standings = []
        for index, column in enumerate(columns):
            pairs = list(zip(column["held_out/score"], column["held_out/loss"], strict=True))[:epoch]
            score, loss = max(pairs, key=lambda pair: (pair[0], -pair[1]))
            standings.append(Standing(score, loss, index in expected))
        expected |= decide(competitors, standings, epoch)
    stops = {
        index: outcome.record.halving.model_dump()
        for index, outcome in enumerate(outcomes)
        if outcome.record.status == "stopped"
    }
    assert stops == {index: vars(stop) for index, stop in expected.items()}
    assert {stop["epoch"] for stop in stops.values()} == {1, 2}


def test_a_stopped_run_has_no_score_and_no_prompt(halved):
    configs, competitors = halved("halved")
    outcomes = train_configs(configs, None, competitors)
    stopped = next(outcome for outcome in outcomes if outcome.record.status == "stopped")
    assert stopped.record.scores == {}
    assert not stopped.record.has_ended
    assert not any((stopped.folder / name).exists() for name in ("predictions.jsonl", "prompt.safetensors", "adapter"))
    stop = stopped.record.halving
    sentence = f"stopped at rung {stop.rung} of 2, epoch {stop.epoch}, as rank {stop.rank} of {stop.competitors}"
    with pytest.raises(RunStopped, match=sentence):
        stopped.check()


@pytest.mark.slow
def test_without_halving_a_stopped_run_is_trained_anew_and_has_the_bits_of_a_new_run(halved):
    configs, competitors = halved("halved")
    outcomes = train_configs(configs, None, competitors)
    index, stopped = next((i, outcome) for i, outcome in enumerate(outcomes) if outcome.record.status == "stopped")
    [again] = train_configs([configs[index]], None, [competitors[index]])
    assert again.record == stopped.record
    [whole] = train([configs[index]])
    [new] = train([halved("new")[0][index]])
    assert whole.record.status == "finished"
    assert files(whole) == files(new)
    assert (whole.folder / "superseded" / "1" / "run.json").exists()


def test_a_run_that_early_stopping_has_finished_is_not_stopped(halved):
    configs, competitors = halved("halved", "trainer.epochs=6", "trainer.patience=1", "head_lr=0.01")
    late = [Competitor("residual", each.point, (5,), 0.3) for each in competitors]
    outcomes = train_configs(configs, None, late)
    for outcome in outcomes:
        evaluations = len(curve(outcome)["held_out/score"])
        if evaluations < 5:
            assert outcome.record.status == "finished"
            assert math.isfinite(outcome.score)
    assert any(len(curve(outcome)["held_out/score"]) < 5 for outcome in outcomes)
