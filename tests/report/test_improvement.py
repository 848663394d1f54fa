"""The probability of a higher score is computed from runs at equal tasks, points and seeds."""

import numpy as np
import pytest

from rpt.report.measure.comparisons import compare_all
from rpt.report.measure.improvement import improvements
from rpt.report.read.collect import collect
from tests.support.report_fixture import write_run, write_study

SMALL = {"methods": ("plain", "residual"), "rates": (0.003, 0.03), "diverged": ()}


def share(pairs):
    """Return the share of pairs of runs in which the first scores higher, averaged over points; a tie counts half."""
    shares = [np.mean((first[:, None] > other) + 0.5 * (first[:, None] == other)) for first, other in pairs]
    return pytest.approx(np.mean(shares))


def test_encoders_and_baselines_are_compared_at_equal_points_and_seeds(tmp_path):
    write_study(tmp_path, **SMALL)
    write_run(tmp_path, "encoder=residual", "lr=0.003", "seed=7", "group=learning_rate")
    study = collect(tmp_path)
    plain, head = improvements(study)
    curves = {curve.method: curve for curve in study.curves}
    scores = [curves["residual"].points[0].scores[:3], curves["residual"].points[1].scores]
    assert (plain.leader, plain.other, plain.tasks, plain.num_points) == ("residual", "plain", ("cb",), 2)
    assert plain.probability.value == share(zip(scores, curves["plain"].scores, strict=True))
    assert plain.probability.seeds == 3
    assert (head.other, head.num_points) == ("head alone", 2)
    assert head.probability.value == share((values, study.baseline_points[0].scores) for values in scores)


def test_an_encoder_without_the_axis_has_the_same_runs_at_every_point(tmp_path):
    for seed in range(3):
        write_run(tmp_path, "encoder=plain", f"seed={seed}")
        for width in (5, 50):
            write_run(tmp_path, "encoder=residual", f"encoder.bottleneck_dim={width}", f"seed={seed}")
    study = collect(tmp_path)
    (found,) = improvements(study)
    (sweep,) = [pair for pair in compare_all(study, study.curves) if pair.where == "sweep"]
    assert (found.other, found.num_points) == (sweep.second, sweep.num_points) == ("plain", 2)
    curves = {curve.method: curve for curve in study.curves}
    pairs = ((scores, curves["plain"].scores[0]) for scores in curves["residual"].scores)
    assert found.probability.value == share(pairs)


def test_a_baseline_without_randomness_is_paired_with_all_seeds(tmp_path):
    write_run(tmp_path, "encoder=none", "backbone=smollm2", "group=g")
    for seed in range(3):
        write_run(tmp_path, "encoder=residual", "backbone=smollm2", "prompt.unit=vocab", f"seed={seed}", "group=g")
    study = collect(tmp_path)
    (found,) = improvements(study)
    assert (found.other, found.probability.seeds) == ("zero-shot", 3)
    assert found.probability.value == share([(study.points[0].scores, study.baseline_points[0].scores)])
    assert found.probability.has_interval


def test_several_tasks_have_a_mean_for_each_unit_of_the_prompt(tmp_path):
    for task in ("cb", "rte"):
        for encoder in ("plain", "residual"):
            for unit in ("raw", "vocab"):
                for seed in range(3):
                    write_run(tmp_path, f"task={task}", f"encoder={encoder}", f"prompt.unit={unit}", f"seed={seed}")
    found = {(row.tasks, row.setting["prompt.unit"]): row for row in improvements(collect(tmp_path))}
    assert len(found) == 6
    for unit in ("raw", "vocab"):
        cb, rte, over = (found[tasks, unit].probability.value for tasks in (("cb",), ("rte",), ("cb", "rte")))
        assert over == pytest.approx((cb + rte) / 2)


def test_there_is_no_mean_over_tasks_if_a_task_lacks_the_other_encoder(tmp_path):
    write_study(tmp_path, **SMALL, baselines=False)
    for seed in range(3):
        write_run(tmp_path, "task=rte", "encoder=residual", "lr=0.03", f"seed={seed}", "group=learning_rate")
    assert [row.tasks for row in improvements(collect(tmp_path))] == [("cb",)]
