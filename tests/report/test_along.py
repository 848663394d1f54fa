"""A report compares the values of the key that a study varies."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from rpt.report.figures import draw
from rpt.report.measure.along import asked_axes
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.say.answer import answer
from rpt.report.say.words import value_text
from rpt.report.tables.study import tables
from tests.support.report_fixture import by_name, write_run

SURE = {"run_std": 0.01, "rows": 200, "diagnostics": False}
"""Options of runs with so little noise that differences in skill are significant."""


@pytest.fixture(scope="module")
def clipping(tmp_path_factory):
    """The study of docs/first-study.md: gradient clipping helps plain and has no effect on residual."""
    root = tmp_path_factory.mktemp("clipping")
    for seed in range(3):
        for rate in (0.03, 3):
            for clip in ("null", "0.5"):
                setting = (f"lr={rate}", f"clip_norm={clip}", f"seed={seed}")
                write_run(root, "encoder=plain", *setting, skill=0.9 if clip == "0.5" else 0.4, **SURE)
                write_run(root, "encoder=residual", *setting, skill=0.7, **SURE)
    return collect(root)


def test_a_key_that_a_study_varies_besides_the_learning_rate_is_the_subject_of_its_answer(clipping):
    assert [axis.key for axis in clipping.axes] == ["lr", "clip_norm"]
    assert [axis.key for axis in asked_axes(clipping)] == ["clip_norm"]


def test_values_of_the_key_are_compared_for_each_encoder_averaged_over_the_other_axes(clipping):
    numbers = measure(clipping)
    found = [pair for pair in numbers.by_value if pair.axis == "clip_norm"]
    assert [(pair.first, pair.first_value, pair.second_value, pair.num_points) for pair in found] == [
        ("plain", 0.5, None, 2),
        ("residual", 0.5, None, 2),
    ]
    for pair in found:
        means = [
            np.mean(
                [run.score for run in clipping.runs if run.method == pair.first and run.values["clip_norm"] == value]
            )
            for value in (0.5, None)
        ]
        assert pair.comparison.difference.value == pytest.approx(means[0] - means[1])
        assert pair.family == "answer"
    assert [pair.verdict for pair in found] == ["higher", "open"]


def test_the_answer_starts_with_the_number_of_supported_differences(clipping):
    parts = answer(clipping, measure(clipping))
    assert any(
        sentence == "Along clip_norm, the data support 1 of 2 differences: plain with 0.5 above plain with null."
        for sentence in parts[0].sentences
    )
    (part,) = [part for part in parts if part.heading == "cb, along clip_norm"]
    assert part.sentences[0].startswith(
        "plain with clip_norm 0.5 scores higher than with null, averaged over 2 settings of the other axes: +"
    )
    assert part.sentences[1].startswith("The data cannot tell whether residual with clip_norm 0.5 scores higher")


@pytest.mark.slow
def test_the_key_has_a_table_and_a_figure_and_is_the_axis_of_the_main_figure(clipping):
    numbers = measure(clipping)
    by_table = {table.name: table for table in tables(clipping, numbers, [])}
    rows = [row for row in by_name(by_table["comparisons_by_value"]) if row["axis"] == "clip_norm"]
    assert [(row["encoder"], row["ours"], row["theirs"], row["settings"]) for row in rows] == [
        ("plain", "0.5", "null", 2),
        ("residual", "0.5", "null", 2),
    ]
    figures = {figure.name: figure for figure in draw(clipping, numbers, [])}
    assert next(iter(figures)) == "score-by-clip_norm"
    value = 100 * rows[0]["difference"].value
    assert f"plain: 0.5 - null {value:.1f} [" in figures["differences-by-clip_norm"].alt


def test_with_two_seeds_the_answer_is_a_difference_without_a_verdict(tmp_path):
    for seed in range(2):
        for clip, skill in (("null", 0.4), ("0.5", 0.9)):
            write_run(tmp_path, "encoder=plain", f"clip_norm={clip}", f"seed={seed}", skill=skill, **SURE)
    study = collect(tmp_path)
    text = " ".join(map(str, answer(study, measure(study))))
    assert re.search(
        r"plain with clip_norm 0\.5 scores \+\d+\.\d points compared with plain with null, all else equal\.", text
    )


def test_values_are_compared_with_the_smallest_and_the_answer_has_the_largest(tmp_path):
    for seed in range(3):
        for length, skill in ((2, 0.4), (10, 0.6), (50, 0.9)):
            write_run(tmp_path, f"prompt.length={length}", f"seed={seed}", skill=skill, **SURE)
    numbers = measure(collect(tmp_path))
    found = [(pair.first_value, pair.second_value, pair.family) for pair in numbers.by_value]
    assert found == [(10, 2, "exploratory"), (50, 2, "answer")]


def test_many_differences_without_a_verdict_have_one_sentence(tmp_path):
    for seed in range(3):
        for value, skill in (("labels", 0.5), ("normal", 0.5), ("uniform", 0.5), ("vocab", 0.9)):
            write_run(tmp_path, f"init={value}", f"seed={seed}", skill=skill, **SURE)
    study = collect(tmp_path)
    numbers = measure(study)
    verdicts = [pair.verdict for pair in numbers.by_value]
    assert len(verdicts) == 6
    assert verdicts.count("open") == 3
    text = " ".join(map(str, answer(study, numbers)))
    assert text.count(", all else equal: ") == 3
    assert text.count("In 3 comparisons along initialisation, the data cannot tell which value scores higher.") == 1


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("init", ("vocab", "uniform")),
        *(
            pytest.param(key, values, marks=pytest.mark.slow)
            for key, values in (
                ("clip_norm", ("null", 1.0)),
                ("prompt.length", (5, 20)), ("weight_decay", (0.0, 0.1)), ("lr", (0.01, 0.1)),
                ("trainer.epochs", (2, 5)), ("encoder.shared", ("true", "false")),
            )
        ),
    ],
)  # fmt: skip
def test_the_values_of_any_key_are_compared(tmp_path, key, values):
    for seed in range(3):
        for value, skill in zip(values, (0.4, 0.9), strict=True):
            write_run(tmp_path, f"{key}={value}", f"seed={seed}", skill=skill, **SURE)
    study = collect(tmp_path)
    numbers = measure(study)
    (pair,) = numbers.by_value
    is_second = value_text(pair.first_value) == value_text(values[1])
    assert (pair.axis, pair.family, pair.verdict) == (key, "answer", "higher" if is_second else "lower")
    text = " ".join(map(str, answer(study, numbers)))
    assert f"Along {study.axes[0].label}, the data support 1 of 1 difference: residual with" in text
    name = f"differences-by-{key.replace('.', '-')}"
    assert name in {figure.name for figure in draw(study, numbers, [])}


def test_comparisons_of_learning_rates_are_exploratory_in_a_study_of_encoders(tmp_path):
    for seed in range(3):
        for encoder in ("plain", "residual"):
            for rate in (0.01, 0.1):
                write_run(tmp_path, f"encoder={encoder}", f"lr={rate}", f"seed={seed}", **SURE)
    study = collect(tmp_path)
    numbers = measure(study)
    assert {(pair.axis, pair.family) for pair in numbers.by_value} == {("lr", "exploratory")}
    assert "Along" not in " ".join(map(str, answer(study, numbers)))


def test_the_documented_study_has_the_number_of_runs_of_its_grid():
    text = (Path(__file__).parents[2] / "docs" / "first-study.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml title=sweeps/clipping.yaml\n(.*?)```", text, re.S)
    params = yaml.safe_load(block)["hydra"]["sweeper"]["params"]
    counts = [
        int(found[1]) if (found := re.fullmatch(r"range\((\d+)\)", str(value))) else len(str(value).split(","))
        for value in params.values()
    ]
    (stated,) = re.findall(r"# .* (\d+) runs;", block)
    assert int(stated) == math.prod(counts)
