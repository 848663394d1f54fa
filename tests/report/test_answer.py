"""The sentences of a report claim only what its numbers support, and answer the question of the study."""

import math

import pytest

from rpt.report.figures import draw
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import measure
from rpt.report.page.page import render
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.say.answer import Paragraph, answer, overall
from rpt.report.say.headline import headline
from rpt.report.say.sentences import CANNOT_TELL, above_majority, against_baseline, difference, interval
from rpt.report.tables.study import tables
from rpt.stats.estimate import Comparison, Estimate
from tests.support.report_fixture import by_name, write_run

SURE = {"run_std": 0.01, "rows": 200}
"""Options of runs with so little noise that differences in skill are significant."""


def pair(low, high, p_holm=0.01, second="plain", where="sweep", task="cb", first="residual", needed=12):
    middle = (low + high) / 2
    compared = Comparison(Estimate(middle, low, high, 3), p_holm / 2, (0.2, 0.3, 0.4))
    return Pair(task, first, second, where, {}, compared, p_holm, needed, 56, 5)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_are_no_intervals_and_the_reason_is_given_once(tmp_path, seeds):
    for seed in range(seeds):
        write_run(tmp_path, "encoder=none", f"seed={seed}")
        for encoder, skill in (("plain", 0.5), ("mlp", 0.6), ("residual", 0.9)):
            for rate in (0.01, 0.1):
                write_run(tmp_path, f"encoder={encoder}", f"lr={rate}", f"seed={seed}", skill=skill)
    study = collect(tmp_path)
    diagnoses = diagnose(study)
    numbers = measure(study, diagnoses)
    all_tables = tables(study, numbers, diagnoses)
    assert not any(
        isinstance(cell, Estimate) and cell.has_interval for table in all_tables for row in table.rows for cell in row
    )
    assert not {"p", "p_holm", "verdict"} & {column.name for table in all_tables for column in table.columns}
    assert not any("95 %" in table.caption for table in all_tables)
    text = " ".join(map(str, answer(study, numbers)))
    assert text.count("With fewer than 3 seeds, the report cannot say") == 1
    assert "[" not in text
    assert CANNOT_TELL not in text
    assert "residual scores +" in text
    figures = draw(study, numbers, diagnoses)
    assert not any("95 %" in figure.caption for figure in figures)
    words = answer(study, numbers)
    first = headline(study, numbers, words)
    page = render(study, all_tables, words, figures, diagnoses, headline=first, out=tmp_path / "report", command="x")
    assert page.count("With fewer than 3 seeds, the report cannot say") == 1
    assert 'class="interval">[' not in page


def test_a_difference_that_rounds_to_zero_has_no_minus_sign():
    tiny = Estimate(-0.0001, -0.0002, 0.0, 3)
    assert interval(tiny, 100.0, 1, "+") == "+0.0 [0.0, 0.0]"
    assert interval(tiny, 100.0, 2, "+") == "-0.01 [-0.02, 0.00]"


def test_a_study_with_large_differences_is_answered(tmp_path):
    for seed in range(4):
        for encoder, skill in (("plain", 0.45), ("residual", 0.92)):
            for rate in (0.01, 0.1):
                write_run(
                    tmp_path, f"encoder={encoder}", f"lr={rate}", f"seed={seed}", skill=skill, run_std=0.01, rows=200
                )
    study = collect(tmp_path)
    parts = answer(study, measure(study))
    assert parts[0] == Paragraph("", ["Averaged over the sweep, residual scores higher than plain."])
    text = str(parts[1])
    assert text.startswith("cb: Ranked by the score, averaged over the sweep: residual ")
    assert "residual scores higher than plain, averaged over 2 points of the sweep: +" in text
    assert "Score at the worst learning rate: plain " in text
    assert "0 of 8 of residual" in text
    assert str(parts[-1]).startswith("SAMPLE DATA: not a SuperGLUE score.")


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict", "words"),
    [
        (0.01, 0.05, 0.01, "higher", "residual scores higher than plain, averaged over 5 points of the sweep: "
         "+3.0 points [1.0, 5.0], p 0.010 after Holm's correction."),
        (-0.05, -0.01, 0.0001, "lower", "residual scores lower than plain, averaged over 5 points of the sweep: "
         "-3.0 points [-5.0, -1.0], p below 0.001 after Holm's correction."),
        (-0.01, 0.05, 0.2, "open", "The data cannot tell whether residual scores higher than plain, averaged over 5 "
         "points of the sweep: +2.0 points [-1.0, 5.0], p 0.200 after Holm's correction. Estimated from these runs, "
         "about 12 seeds would show a difference of one point on 56 examples."),
        (0.01, 0.05, 0.06, "open", "The data cannot tell whether residual scores higher than plain, averaged over 5 "
         "points of the sweep: +3.0 points [1.0, 5.0], p 0.060 after Holm's correction. Estimated from these runs, "
         "about 12 seeds would show a difference of one point on 56 examples."),
    ],
)  # fmt: skip
def test_a_difference_is_claimed_only_if_interval_and_p_value_support_it(low, high, p, verdict, words):
    compared = pair(low, high, p)
    assert compared.verdict == verdict
    assert difference(compared) == words


def test_the_sentence_on_several_tasks_counts_verdicts():
    pairs = [pair(0.01, 0.02, task="cb"), pair(-0.02, 0.02, 0.9, task="rte"), pair(-0.03, -0.01, task="wic")]
    assert overall("residual", pairs) == (
        "Against plain, of 3 tasks: residual scores higher in 1, residual scores lower in 1, the data cannot tell in 1."
    )


def test_the_sentence_on_baselines_has_all_three_verdicts():
    pairs = [
        pair(0.01, 0.03, second="head alone", where="tuned"),
        pair(-0.03, -0.01, second="head alone", where="tuned", first="plain"),
        pair(-0.01, 0.02, 0.4, second="head alone", where="tuned", first="mlp"),
    ]
    assert against_baseline("head alone", pairs) == (
        "Difference in points from head alone, each tuned on the held-out rows, p after Holm's correction: residual "
        "+2.0 [1.0, 3.0] (p 0.010), plain -2.0 [-3.0, -1.0] (p 0.010), mlp +0.5 [-1.0, 2.0] (p 0.400); residual scores "
        "higher than head alone; plain scores lower than head alone; the data cannot tell whether mlp scores higher "
        "than head alone."
    )


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        (
            math.inf,
            " Estimated from these runs, no number of seeds would show a difference of one point on 56 examples.",
        ),
        (None, ""),
    ],
)
def test_a_number_of_seeds_is_given_only_if_more_seeds_would_suffice(needed, words):
    assert difference(pair(-0.01, 0.05, 0.2, needed=needed)).endswith(f"p 0.200 after Holm's correction.{words}")


def test_an_encoder_below_the_majority_baseline_is_named(tmp_path):
    for seed in range(4):
        for encoder, skill in (("plain", 0.1), ("residual", 0.92)):
            write_run(tmp_path, f"encoder={encoder}", f"seed={seed}", skill=skill, **SURE)
    numbers = measure(collect(tmp_path))
    rows = numbers.robustness
    line = f"the majority answer's {100 * rows[0].curve.points[0].majority:.1f}"
    expected = f"Tuned on the held-out rows, residual scored above {line}; plain scored below {line}."
    assert above_majority(rows, numbers.majority) == expected


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Study of three encoders with large differences, in which no other key varies."""
    root = tmp_path_factory.mktemp("three")
    for seed in range(4):
        for encoder, skill in (("plain", 0.4), ("mlp", 0.65), ("residual", 0.92)):
            write_run(root, f"encoder={encoder}", f"seed={seed}", skill=skill, **SURE)
    return collect(root)


def test_three_encoders_are_ranked_with_what_the_data_support(three):
    numbers = measure(three)
    scores = {row.method: f"{row.method} {100 * row.tuned.value:.1f} [" for row in numbers.robustness}
    (line,) = [line for line in answer(three, numbers)[1].sentences if line.startswith("Ranked by")]
    positions = [line.index(scores[method]) for method in ("residual", "mlp", "plain")]
    assert line.startswith("Ranked by the score, each tuned on the held-out rows: residual ")
    assert positions == sorted(positions)
    assert line.endswith(
        "; the data support 2 of 2 differences from residual (residual above plain, residual above mlp)."
    )


@pytest.mark.slow
def test_several_tasks_are_ranked_on_each_and_on_average(tmp_path):
    for seed in range(4):
        for task, skills in (("cb", (0.4, 0.92)), ("rte", (0.85, 0.85))):
            for encoder, skill in zip(("plain", "residual"), skills, strict=True):
                write_run(tmp_path, f"task={task}", f"encoder={encoder}", f"seed={seed}", skill=skill, **SURE)
    study = collect(tmp_path)
    numbers = measure(study)
    score_of = {(row.task, row.method): row.tuned.value for row in numbers.robustness}
    on_rte = "residual" if score_of["rte", "residual"] > score_of["rte", "plain"] else "plain"
    highest = "residual on cb and rte" if on_rte == "residual" else "residual on cb; plain on rte"
    ranked, mean, supported, counted = answer(study, numbers)[0].sentences
    assert ranked == f"Highest score, each tuned on the held-out rows: {highest}."
    first = 50 * (score_of["cb", "residual"] + score_of["rte", "residual"])
    assert mean.startswith(f"Ranked by the mean over 2 tasks: residual {first:.1f} [")
    assert supported == (
        "The data support 1 of 2 differences from residual (residual above plain on cb) after Holm's correction over "
        "the whole answer."
    )
    assert counted == f"Against plain, of 2 tasks: residual scores higher in 1, {CANNOT_TELL} in 1."


def test_a_study_of_inits_reports_the_spread_over_inits_and_over_seeds(tmp_path):
    for init, skill in (("vocab", 0.9), ("uniform", 0.6)):
        for seed in range(4):
            write_run(tmp_path, f"init={init}", f"seed={seed}", skill=skill, **SURE)
    study = collect(tmp_path)
    numbers = measure(study)
    [measured] = numbers.robustness
    means = measured.curve.scores.mean(axis=1)
    assert measured.apart.value == pytest.approx(means.max() - means.min())
    assert 0 < measured.apart.low < measured.apart.value < measured.apart.high
    assert measured.within.value == pytest.approx(measured.curve.scores.var(axis=1, ddof=1).mean() ** 0.5)
    text = " ".join(map(str, answer(study, numbers)))
    assert (
        f"Spread over initialisation, the best minus the worst, in points: residual {100 * measured.apart.value:.1f} ["
        in text
    )
    assert (
        f"Standard deviation over seeds of one initialisation, in points: residual {100 * measured.within.value:.1f} ["
        in text
    )
    (table,) = [table for table in tables(study, numbers, []) if table.name == "robustness"]
    (row,) = by_name(table)
    assert (row["spread_points"], row["spread_within"]) == (measured.apart, measured.within)
