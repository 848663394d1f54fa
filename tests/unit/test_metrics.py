"""Metrics against scikit-learn, and what is true of every score."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from rpt.metrics import METRICS, evaluate, majority

NAMES = tuple(METRICS)


@st.composite
def answers(draw):
    """Predictions and targets over some of the choices: classes may be absent in either or in both."""
    num_choices = draw(st.integers(2, 11))
    rows = draw(st.integers(1, 40))
    labels = {name: draw(st.sets(st.integers(0, num_choices - 1), min_size=1)) for name in ("predicted", "target")}
    drawn = {
        name: draw(st.lists(st.sampled_from(sorted(some)), min_size=rows, max_size=rows))
        for name, some in labels.items()
    }
    return torch.tensor(drawn["predicted"]), torch.tensor(drawn["target"]), num_choices


@given(answers())
def test_accuracy_is_scikit_learns(made):
    predicted, target, num_choices = made
    assert METRICS["accuracy"](predicted, target, num_choices) == accuracy_score(target, predicted)


@given(answers())
def test_macro_f1_is_scikit_learns_over_the_labels_that_occur(made):
    predicted, target, num_choices = made
    theirs = f1_score(target, predicted, average="macro", zero_division=0)
    assert METRICS["f1_macro"](predicted, target, num_choices) == pytest.approx(theirs, rel=1e-12)


@given(answers())
def test_every_metric_lies_between_0_and_1_and_the_score_is_their_mean(made):
    values = evaluate(NAMES, *made)
    assert set(values) == {*NAMES, "score"}
    assert all(0 <= value <= 1 for value in values.values())
    assert values["score"] == pytest.approx(math.fsum(values[name] for name in NAMES) / len(NAMES), rel=1e-12)


@given(answers())
def test_perfect_predictions_score_exactly_1(made):
    _, target, num_choices = made
    assert evaluate(NAMES, target, target, num_choices) == {"accuracy": 1.0, "f1_macro": 1.0, "score": 1.0}


@given(answers())
def test_renaming_the_classes_changes_no_metric(made):
    predicted, target, num_choices = made
    renamed = torch.arange(num_choices - 1, -1, -1)
    assert evaluate(NAMES, renamed[predicted], renamed[target], num_choices) == pytest.approx(
        evaluate(NAMES, predicted, target, num_choices)
    )


def test_majority_is_the_score_of_always_answering_the_most_frequent_label():
    target = torch.tensor([2, 2, 2, 0, 1])
    # F1 of the label that is always given: 2 * 3 / (2 * 3 + 2) = 0.75; the other two score 0.
    expected = {"accuracy": 0.6, "f1_macro": 0.25, "score": 0.425}
    assert majority(NAMES, target, 3) == pytest.approx(expected)


def test_majority_needs_no_row_of_every_label():
    # One class occurs and is always given; a class that neither occurs nor is given does not count.
    assert majority(NAMES, torch.tensor([1, 1]), 4) == {"accuracy": 1.0, "f1_macro": 1.0, "score": 1.0}
