"""Metrics equal scikit-learn's and hand-computed values, and have the properties of every score."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import METRICS, RULES, evaluate, is_right

NAMES = tuple(METRICS)
WORDS = ("the", "Ann", "roe", "Roe", "bob,", "New", "York")


def example(idx, target, num_choices=2, group=None, answers=()):
    choices = tuple(f"c{index}" for index in range(num_choices))
    return Example(idx=idx, fields={}, choices=choices, target=target, group=group, answers=answers)


def of_choices(targets, predicted, num_choices=2, groups=None):
    """Rows and answers by index of the choice; None is an answer that is none of them."""
    groups = groups or [None] * len(targets)
    rows = [
        example(idx, target, num_choices, group)
        for idx, (target, group) in enumerate(zip(targets, groups, strict=True))
    ]
    answers = [Answer(choice, "off" if choice is None else f"c{choice}") for choice in predicted]
    return rows, answers


def of_texts(*pairs):
    """Rows with several right texts, and what was written."""
    rows = [example(idx, 0, answers=right) for idx, (right, _) in enumerate(pairs)]
    return rows, [Answer(None, written) for _, written in pairs]


@st.composite
def drawn(draw):
    """Targets, choices, number of choices and groups: classes may be absent in either or in both.

    The rows are made of them in the test: beartype draws which element of a list it looks at, and Hypothesis lets
    nobody else draw while it does.
    """
    num_choices, rows = draw(st.integers(2, 11)), draw(st.integers(1, 40))
    some = [sorted(draw(st.sets(st.integers(0, num_choices - 1), min_size=1))) for _ in range(2)]
    columns = (some[0], [*some[1], None], [None, 0, 1, (1, 2)])
    targets, predicted, groups = (
        draw(st.lists(st.sampled_from(column), min_size=rows, max_size=rows)) for column in columns
    )
    return targets, predicted, num_choices, groups


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
written = st.lists(st.tuples(st.lists(texts, min_size=1, max_size=3).map(tuple), texts), min_size=1, max_size=8)


# Classes


@given(drawn())
def test_accuracy_is_scikit_learns_and_an_answer_of_no_class_is_wrong(made):
    targets, predicted, num_choices, _ = made
    rows, answers = of_choices(*made)
    theirs = accuracy_score(targets, [num_choices if choice is None else choice for choice in predicted])
    assert METRICS["accuracy"](rows, answers) == pytest.approx(theirs, rel=1e-12)


@given(drawn())
def test_macro_f1_is_scikit_learns_over_the_classes_that_occur(made):
    targets, predicted, num_choices, _ = made
    rows, answers = of_choices(*made)
    occurring = sorted({*targets, *predicted} - {None})
    numbers = [num_choices if choice is None else choice for choice in predicted]
    theirs = f1_score(targets, numbers, labels=occurring, average="macro", zero_division=0)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(theirs, rel=1e-12)


@given(drawn())
def test_f1a_is_scikit_learns_binary_f1_over_all_rows(made):
    targets, predicted, num_choices, _ = made
    rows, answers = of_choices(*made)
    numbers = [num_choices if choice is None else choice for choice in predicted]
    theirs = f1_score(targets, numbers, labels=[1], average="macro", zero_division=1)
    assert METRICS["f1a"](rows, answers) == pytest.approx(theirs, rel=1e-12)


@given(drawn())
def test_macro_f1_is_what_scikit_learn_gives_by_default(made):
    targets, predicted, num_choices, groups = made
    predicted = [0 if choice is None else choice for choice in predicted]
    rows, answers = of_choices(targets, predicted, num_choices, groups)
    theirs = f1_score(targets, predicted, average="macro")
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(theirs, rel=1e-12)


@given(drawn())
def test_f1a_is_that_of_the_script_that_multirc_is_published_with(made):
    targets, predicted, _, _ = made
    rows, answers = of_choices(*made)
    # Precision and recall are 1 where nothing was chosen, or nothing is right.
    chosen, right = [choice == 1 for choice in predicted], [target == 1 for target in targets]
    both = sum(one and other for one, other in zip(chosen, right, strict=True))
    precision = both / sum(chosen) if any(chosen) else 1.0
    recall = both / sum(right) if any(right) else 1.0
    theirs = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert METRICS["f1a"](rows, answers) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(("predicted", "score"), [([0, 0, 0], 1.0), ([0, 1, 0], 0.0), ([0, None, 0], 1.0)])
def test_f1a_of_rows_without_a_right_answer(predicted, score):
    assert METRICS["f1a"](*of_choices([0, 0, 0], predicted)) == score


def test_every_metric_has_a_rule_for_the_record():
    assert list(RULES) == list(METRICS)


def test_macro_f1_leaves_out_a_class_that_is_neither_right_nor_answered():
    # Neutral is absent: entailment 2*1/(2*1+0+1) = 2/3, contradiction 2*1/(2*1+1+0) = 2/3.
    rows, answers = of_choices([0, 0, 1], [0, 1, 1], num_choices=3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(2 / 3)
    # Answered once, it counts with 0.
    rows, answers = of_choices([0, 0, 1], [0, 2, 1], num_choices=3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_an_answer_of_no_class_adds_no_class_and_no_false_alarm():
    rows, answers = of_choices([0, 0, 1], [0, None, 1], num_choices=3)
    assert METRICS["accuracy"](rows, answers) == pytest.approx(2 / 3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx((2 / 3 + 1) / 2)
    assert METRICS["f1a"](rows, answers) == 1.0


# Groups


def test_multirc_pools_f1_over_answers_and_counts_questions_whose_answers_are_all_right():
    # Three questions, their rows interleaved; the second is wholly right, an answer of the first is off-label.
    groups = [(0, 0), (0, 1), (0, 0), (1, 0), (0, 1), (1, 0)]
    rows, answers = of_choices([1, 1, 0, 1, 0, 0], [1, 1, None, 0, 0, 1], groups=groups)
    # Choice 1: hits 2, false alarms 1, misses 1.
    assert evaluate(["f1a", "em"], rows, answers) == pytest.approx({"f1a": 2 / 3, "em": 1 / 3, "score": 1 / 2})


def test_a_row_of_no_group_is_judged_by_itself():
    rows, answers = of_choices([1, 1, 1, 1], [1, 0, 1, 0], groups=[None, None, 0, 0])
    assert METRICS["em"](rows, answers) == pytest.approx(1 / 3)


# Texts


@pytest.mark.parametrize(
    ("right", "text", "f1", "of_sets", "em"),
    [
        (("Ann Roe", "Roe"), "the roe.", 1, 1, 1),
        (("Ann Roe", "Roe"), "Ann", 2 / 3, 2 / 3, 0),
        (("New York",), "New Jersey", 0.5, 0.5, 0),
        (("Ann Roe",), "Bob", 0, 0, 0),
        (("Roe Roe",), "roe roe roe", 0.8, 0.4, 0),
        (("Roe Roe",), "roe roe", 1, 0.5, 1),
        (("The",), "a", 1, 1, 1),
        (("The",), "Roe", 0, 0, 0),
        (("Roe",), "", 0, 0, 0),
    ],
)
def test_a_text_is_scored_by_the_best_of_the_right_ones(right, text, f1, of_sets, em):
    rows, answers = of_texts((right, text))
    expected = {"f1": f1, "f1_of_sets": of_sets, "em": em, "score": (f1 + of_sets + em) / 3}
    assert evaluate(["f1", "f1_of_sets", "em"], rows, answers) == pytest.approx(expected)


def test_a_text_is_scored_by_the_right_choice_where_a_row_names_no_answers():
    row = replace(example(0, 1), choices=("Bob", "Ann Roe"))
    assert METRICS["f1"]([row], [Answer(None, "Ann")]) == pytest.approx(2 / 3)


def test_a_row_is_right_by_its_choice_or_by_one_of_its_texts():
    assert is_right(example(0, 1), Answer(1, "anything"))
    assert not is_right(example(0, 1), Answer(0, "c1"))
    assert not is_right(example(0, None), Answer(None, "c1"))
    assert is_right(example(0, 0, answers=("Roe", "Ann")), Answer(None, "ann."))
    assert not is_right(example(0, 0, answers=("Roe",)), Answer(0, "c0"))


# What is true of every metric


@given(drawn())
def test_every_metric_lies_between_0_and_1_and_the_score_is_their_mean(made):
    values = evaluate(NAMES, *of_choices(*made))
    assert set(values) == {*NAMES, "score"}
    assert all(0 <= value <= 1 for value in values.values())
    assert values["score"] == pytest.approx(math.fsum(values[name] for name in NAMES) / len(NAMES), rel=1e-12)


@given(written)
def test_every_metric_of_texts_lies_between_0_and_1(made):
    values = evaluate(("f1", "f1_of_sets", "em"), *of_texts(*made))
    assert all(0 <= value <= 1 for value in values.values())
    assert values["em"] <= values["f1"]
    assert values["f1_of_sets"] <= values["f1"]


@given(drawn())
def test_perfect_answers_score_exactly_1(made):
    rows, _ = of_choices(*made)
    answers = [Answer(row.target, row.gold) for row in rows]
    assert evaluate(NAMES, rows, answers) == dict.fromkeys((*NAMES, "score"), 1.0)


@given(written)
def test_perfect_texts_score_exactly_1(made):
    rows, _ = of_texts(*made)
    answers = [Answer(None, row.answers[-1]) for row in rows]
    assert evaluate(["f1", "em"], rows, answers) == {"f1": 1.0, "em": 1.0, "score": 1.0}


@given(drawn())
def test_renaming_the_classes_changes_no_metric_that_treats_them_alike(made):
    rows, answers = of_choices(*made)
    last = made[2] - 1
    renamed = [replace(row, choices=row.choices[::-1], target=last - row.target) for row in rows]
    same = [answer if answer.choice is None else replace(answer, choice=last - answer.choice) for answer in answers]
    names = [name for name in NAMES if name != "f1a"]
    assert evaluate(names, renamed, same) == pytest.approx(evaluate(names, rows, answers))


@given(drawn())
def test_the_order_of_the_rows_changes_no_metric(made):
    rows, answers = of_choices(*made)
    assert evaluate(NAMES, rows[::-1], answers[::-1]) == pytest.approx(evaluate(NAMES, rows, answers))
