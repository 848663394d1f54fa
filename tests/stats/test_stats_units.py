"""The units of a run: their mean is the score, and each is the jackknife pseudo-value of one row or group."""

import importlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.config.schema import PairFormat, TaskConfig
from rpt.report.read.units import unit_scores
from rpt.scoring.predictions import Predictions, prediction_lines
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import METRICS, evaluate
from tests.support.samples import sample_rows

CONFIGS = {
    path.stem: TaskConfig.model_validate(yaml.safe_load(path.read_text()))
    for path in sorted((Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
}


def read_back_lines(examples, answers):
    """Return the lines of a run's predictions as they are read from the file."""
    lines = prediction_lines(Predictions(examples, answers, [[]] * len(answers), torch.zeros(len(answers))))
    return [json.loads(json.dumps(line)) for line in lines]


def guesses(examples, seed):
    """Yield random answers: the right choice, a random choice, or none of the choices."""
    rng = random.Random(seed)
    for example in examples:
        choice = rng.choice([example.target, rng.randrange(len(example.choices)), None])
        yield Answer(choice, "off the mark" if choice is None else example.choices[choice])


def examples_of(name, official):
    """Return a task's examples of sample rows, under the official protocol or the paper's."""
    config = CONFIGS[name]
    form = config.formats.encoder if official else config.paper.seq2seq
    module, _, reader = config.reader.rpartition(".")
    framing = "choice" if isinstance(form, PairFormat) else form.framing
    options = {"name": name, "fields": config.fields, "labels": config.labels}
    task = getattr(importlib.import_module(module), reader)(**options, choices=form.choices, framing=framing)
    rows = sample_rows(config.folder)["val"][:150]
    return list(task.examples((f"f:{line}", row) for line, row in enumerate(rows, 1)))


@pytest.mark.parametrize("official", [True, False], ids=["official", "paper"])
@pytest.mark.parametrize("name", CONFIGS)
def test_units_of_every_task_have_the_score_as_their_mean(name, official):
    assert len(CONFIGS) == 8
    config, examples = CONFIGS[name], examples_of(name, official)
    metrics = config.metrics if official else config.paper.metrics
    answers = list(guesses(examples, 0))
    units = unit_scores(read_back_lines(examples, answers), metrics)
    assert units.mean() == pytest.approx(evaluate(metrics, examples, answers)["score"], rel=1e-12)
    groups = {example.group if example.group is not None else example.idx for example in examples}
    assert len(units) == len(groups)
    assert units.std() > 0


@st.composite
def drawn_columns(draw):
    """Draw targets, choices and groups of a few rows. The last two rows belong to no group."""
    rows = draw(st.integers(3, 12))
    columns = ([0, 1, 2], [0, 1, 2, None], [None, 0, 1, (1, 2)])
    targets, chosen, groups = (
        draw(st.lists(st.sampled_from(column), min_size=rows, max_size=rows)) for column in columns
    )
    return targets, chosen, [*groups[:-2], None, None]


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40)
@given(columns=drawn_columns())
def test_units_are_jackknife_pseudo_values(metric, columns):
    targets, chosen, groups = columns
    texts = ("the roe", "roe bob", "bob bob")
    examples = [
        Example(idx=idx, fields={}, choices=texts, target=target, group=group)
        for idx, (target, group) in enumerate(zip(targets, groups, strict=True))
    ]
    answers = [Answer(choice, "bob" if choice is None else texts[choice]) for choice in chosen]
    keys = [("row", idx) if group is None else ("group", group) for idx, group in enumerate(groups)]
    scores_without = []
    for unit in dict.fromkeys(keys):
        kept = [idx for idx, key in enumerate(keys) if key != unit]
        scores_without.append(METRICS[metric]([examples[idx] for idx in kept], [answers[idx] for idx in kept]))
    score, count = METRICS[metric](examples, answers), len(scores_without)
    expected = [score + (count - 1) * (np.mean(scores_without) - without) for without in scores_without]
    assert unit_scores(read_back_lines(examples, answers), [metric]) == pytest.approx(expected, abs=1e-9)


def test_units_of_accuracy_are_1_for_right_and_0_for_wrong_answers():
    examples = [Example(idx=idx, fields={}, choices=("yes", "no"), target=0) for idx in range(3)]
    answers = [Answer(0, "yes"), Answer(1, "no"), Answer(None, "perhaps")]
    assert unit_scores(read_back_lines(examples, answers), ["accuracy"]) == pytest.approx([1, 0, 0], abs=1e-12)


def test_the_value_of_a_single_unit_is_the_score():
    lines = read_back_lines([Example(idx=0, fields={}, choices=("yes", "no"), target=1)], [Answer(1, "no")])
    assert unit_scores(lines, ["accuracy", "f1_macro", "f1a", "em", "f1"]) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("lines", "metrics", "message"),
    [
        ([], ["accuracy"], "there is no line"),
        ([{"predicted": "a", "target": "a", "right": True}], ["accuracy"], "line 1 has no choice"),
    ],
)
def test_missing_lines_and_lines_without_a_needed_key_are_refused(lines, metrics, message):
    with pytest.raises(ValueError, match=message):
        unit_scores(lines, metrics)


def test_an_unknown_metric_is_refused_with_the_list_of_metrics():
    lines = read_back_lines([Example(idx=0, fields={}, choices=("yes", "no"), target=1)], [Answer(1, "no")])
    with pytest.raises(ValueError, match=r"bleu: no such metric\. There are accuracy, f1_macro"):
        unit_scores(lines, ["bleu"])
