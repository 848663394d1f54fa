"""Points of a sweep are assigned to competitions of successive halving, or the sweep is refused before training."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from rpt.errors import ConfigError
from rpt.sweep.halving import with_competitors
from rpt.sweep.plan import Limits, plan
from rpt.sweep.point import Point
from rpt.sweep.prepare import Prepared
from rpt.sweep.settings import Settings
from rpt.tracking.run_state import RunState

KEY = "hydra.launcher.halving"


@pytest.fixture
def runs(configure):
    """Make runs of eight epochs from overrides without reading or writing files. A run is named by its number."""

    def make(*points):
        configs = [configure("trainer.epochs=8", *point.split()) for point in points]
        return [Prepared(Point(n, {}, str(n)), config, f"id{n}", Path(str(n))) for n, config in enumerate(configs)]

    return make


def halved(runs, **options):
    pack_size = options.pop("pack_size", 64)
    return with_competitors(runs, Settings.of({"halving": {"rungs": 2, **options}, "pack_size": pack_size}))


def groups(runs, name):
    """Return the numbers of the competing runs, grouped by their competition or their point."""
    numbers = {}
    for run in runs:
        if run.point.competitor is not None:
            numbers.setdefault(getattr(run.point.competitor, name), []).append(run.point.number)
    return list(numbers.values())


def test_a_worker_receives_the_place_of_a_point(runs):
    point = halved(runs("lr=1", "lr=2"))[0].point
    assert pickle.loads(pickle.dumps(point)).competitor == point.competitor
    assert point.competitor is not None


def test_halving_is_off_by_default(runs):
    made = runs("lr=1", "lr=2")
    assert with_competitors(made, Settings()) == made


def test_points_of_an_encoder_compete_and_seeds_of_a_point_are_judged_together(runs):
    points = [
        f"encoder={encoder} lr={rate} seed={seed}"
        for encoder in ("plain", "residual")
        for rate in (1, 2)
        for seed in (0, 1)
    ]
    made = halved(runs(*points, "encoder=none", "encoder=none seed=1"))
    assert groups(made, "competition") == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert groups(made, "point") == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [run.point.competitor for run in made[8:]] == [None, None]
    assert made[0].point.competitor.rungs == (2, 4)


def test_orders_of_the_rows_are_seeds_and_other_keys_are_points(runs):
    made = halved(runs("", "data.order_seed=5", "prompt.length=3", "init=normal", "output_dir=other"))
    assert groups(made, "competition") == [[0, 1, 2, 3, 4]]
    assert groups(made, "point") == [[0, 1, 4], [2], [3]]


@pytest.mark.parametrize("other", ["task=rte", "trainer.batch_size=4", "report.method=variant"])
def test_runs_that_differ_in_a_key_of_the_pack_or_in_their_method_do_not_compete(other, runs):
    made = halved(runs("lr=1", "lr=2", f"lr=1 {other}", f"lr=2 {other}"))
    assert groups(made, "competition") == [[0, 1], [2, 3]]


def test_the_keys_that_separate_competitions_can_be_named(runs):
    points = [
        f"encoder={encoder} init={init} lr={rate}"
        for encoder in ("plain", "residual")
        for init in ("vocab", "normal")
        for rate in (1, 2)
    ]
    made = runs(*points)
    assert groups(halved(made, separate=["encoder", "init"]), "competition") == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert groups(halved(made, separate=["lr"]), "competition") == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert groups(halved(made, separate=[]), "competition") == [list(range(8))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rungs": 0}, rf"{KEY}\.rungs = 0: must be greater than 0\."),
        ({"keep": 0.0}, rf"{KEY}\.keep = 0\.0: must be greater than 0\."),
        ({"keep": 1.0}, rf"{KEY}\.keep = 1\.0: must be less than 1\."),
        ({"rung": 3}, rf"{KEY}\.rung = 3: no such key\. Did you mean rungs\?"),
        ({"rungs": 5}, rf"{KEY}\.rungs = 5: trainer\.epochs=8 has room for 3 rungs .* Set {KEY}\.rungs=3, or"),
        (
            {"keep": 0.95},
            rf"{KEY}\.rungs = 2: trainer\.epochs=8 has no room for a rung .* Train longer, or lower keep\.",
        ),
        ({"separate": ["encoder", "lrr"]}, rf"{KEY}\.separate = .*: no run has the key lrr\. Did you mean lr\?"),
        ({"pack_size": 3}, r"hydra\.launcher\.pack_size = 3: 4 runs compete, .* Set hydra\.launcher\.pack_size=4\."),
    ],
)
def test_wrong_options_are_refused_with_what_to_do(options, message, runs):
    with pytest.raises(ConfigError, match=message):
        halved(runs(*(f"lr={rate}" for rate in (1, 2, 3, 4))), **options)


@pytest.mark.parametrize(
    "points", [["seed=0", "seed=1"], ["encoder=plain", "encoder=residual"], ["encoder=none", "encoder=none head_lr=1"]]
)
def test_a_sweep_in_which_no_point_would_stop_is_refused(points, runs):
    with pytest.raises(ConfigError, match=rf"{KEY}\.rungs = 2: no rung would stop a point"):
        halved(runs(*points))


def test_a_later_batch_of_a_search_may_have_no_rivals(runs):
    made = [replace(run, point=replace(run.point, number=run.point.number + 8)) for run in runs("seed=0", "seed=1")]
    assert groups(halved(made), "competition") == [[8, 9]]


def test_runs_with_callbacks_are_refused(runs):
    made = runs("lr=1", "lr=2 callbacks=lr_monitor")
    with pytest.raises(ConfigError, match=r"^callbacks = .*: keep a run out of every pack"):
        halved(made)


def numbers(packs):
    return [[run.point.number for run in pack] for pack in packs]


def test_a_plan_keeps_each_competition_in_one_pack(runs):
    points = [f"encoder={encoder} lr={rate}" for rate in (1, 2, 3) for encoder in ("plain", "residual")]
    made = halved(runs(*points, "encoder=none"))
    states = {run.identity_hash: RunState("missing") for run in made}
    assert numbers(plan(made, states, Limits(64, None, lambda config: 0, workers=2))) == [[0, 2, 4], [1, 3, 5, 6]]
    assert numbers(plan(made, states, Limits(3, None, lambda config: 0))) == [[0, 2, 4], [1, 3, 5], [6]]


def test_a_competition_that_does_not_fit_memory_is_refused(runs):
    made = halved(runs("lr=1", "lr=2", "lr=3"))
    states = {run.identity_hash: RunState("missing") for run in made}
    assert numbers(plan(made, states, Limits(64, 3 * 2**20, lambda config: 2**20))) == [[0, 1, 2]]
    with pytest.raises(ConfigError, match=r"3 runs compete in one pack\. Their trainable states take 3\.0 MiB"):
        plan(made, states, Limits(64, 2 * 2**20, lambda config: 2**20))
