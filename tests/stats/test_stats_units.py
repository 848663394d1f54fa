"""A run's units: their mean is the score, and each is what leaving it out changes."""

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


def told(examples, answers):
    """The lines of a run's predictions, as they are read back."""
    lines = prediction_lines(Predictions(examples, answers, [[]] * len(answers), torch.zeros(len(answers))))
    return [json.loads(json.dumps(line)) for line in lines]


def guesses(examples, seed):
    """Answers that are right more often than not, wrong at times, and at times none of the choices."""
    rng = random.Random(seed)
    for example in examples:
        choice = rng.choice([example.target, rng.randrange(len(example.choices)), None])
        yield Answer(choice, "off the mark" if choice is None else example.choices[choice])


def examples_of(name, official):
    """Sample rows as a task makes them, for the official protocol or the paper's."""
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
    units = unit_scores(told(examples, answers), metrics)
    assert units.mean() == pytest.approx(evaluate(metrics, examples, answers)["score"], rel=1e-12)
    groups = {example.group if example.group is not None else example.idx for example in examples}
    assert len(units) == len(groups)
    assert units.std() > 0


@st.composite
def drawn(draw):
    """Targets, choices and groups of a few rows; the last two rows are units of their own."""
    rows = draw(st.integers(3, 12))
    columns = ([0, 1, 2], [0, 1, 2, None], [None, 0, 1, (1, 2)])
    targets, chosen, groups = (
        draw(st.lists(st.sampled_from(column), min_size=rows, max_size=rows)) for column in columns
    )
    return targets, chosen, [*groups[:-2], None, None]


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40)
@given(made=drawn())
def test_units_are_the_pseudo_values_of_leaving_each_out(metric, made):
    targets, chosen, groups = made
    texts = ("the roe", "roe bob", "bob bob")
    examples = [
        Example(idx=at, fields={}, choices=texts, target=target, group=group)
        for at, (target, group) in enumerate(zip(targets, groups, strict=True))
    ]
    answers = [Answer(choice, "bob" if choice is None else texts[choice]) for choice in chosen]
    keys = [("row", at) if group is None else ("group", group) for at, group in enumerate(groups)]
    without = []
    for unit in dict.fromkeys(keys):
        kept = [at for at, key in enumerate(keys) if key != unit]
        without.append(METRICS[metric]([examples[at] for at in kept], [answers[at] for at in kept]))
    whole, count = METRICS[metric](examples, answers), len(without)
    expected = [whole + (count - 1) * (np.mean(without) - one) for one in without]
    assert unit_scores(told(examples, answers), [metric]) == pytest.approx(expected, abs=1e-9)


def test_units_of_accuracy_are_right_and_wrong():
    examples = [Example(idx=at, fields={}, choices=("yes", "no"), target=0) for at in range(3)]
    answers = [Answer(0, "yes"), Answer(1, "no"), Answer(None, "perhaps")]
    assert unit_scores(told(examples, answers), ["accuracy"]) == pytest.approx([1, 0, 0], abs=1e-12)


def test_a_single_unit_is_the_score():
    lines = told([Example(idx=0, fields={}, choices=("yes", "no"), target=1)], [Answer(1, "no")])
    assert unit_scores(lines, ["accuracy", "f1_macro", "f1a", "em", "f1"]) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("lines", "metrics", "message"),
    [
        ([], ["accuracy"], "there is no line"),
        ([{"predicted": "a", "target": "a", "right": True}], ["accuracy"], "line 1 has no choice"),
    ],
)
def test_lines_that_say_too_little_are_refused(lines, metrics, message):
    with pytest.raises(ValueError, match=message):
        unit_scores(lines, metrics)


def test_an_unknown_metric_is_refused_with_those_there_are():
    lines = told([Example(idx=0, fields={}, choices=("yes", "no"), target=1)], [Answer(1, "no")])
    with pytest.raises(ValueError, match=r"bleu: no such metric\. There are accuracy, f1_macro"):
        unit_scores(lines, ["bleu"])
