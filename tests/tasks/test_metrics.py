"""Metrics equal those of scikit-learn and values computed by hand, and have the properties of every score."""

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


def choice_rows(targets, predicted, num_choices=2, groups=None):
    """Return examples and answers from indices of choices. None is an answer that matches no choice."""
    groups = groups or [None] * len(targets)
    rows = [
        example(idx, target, num_choices, group)
        for idx, (target, group) in enumerate(zip(targets, groups, strict=True))
    ]
    answers = [Answer(choice, "off" if choice is None else f"c{choice}") for choice in predicted]
    return rows, answers


def text_rows(*pairs):
    """Return examples with several right texts, and a written answer to each."""
    rows = [example(idx, 0, answers=right) for idx, (right, _) in enumerate(pairs)]
    return rows, [Answer(None, drawn_texts) for _, drawn_texts in pairs]


@st.composite
def drawn_columns(draw):
    """Draw targets, chosen choices, number of choices and groups. A class may be absent from targets or answers.

    The test itself makes the examples of them. Beartype checks a randomly chosen element of each list, and Hypothesis
    forbids other random numbers while it draws.
    """
    num_choices, rows = draw(st.integers(2, 11)), draw(st.integers(1, 40))
    classes = [sorted(draw(st.sets(st.integers(0, num_choices - 1), min_size=1))) for _ in range(2)]
    columns = (classes[0], [*classes[1], None], [None, 0, 1, (1, 2)])
    targets, predicted, groups = (
        draw(st.lists(st.sampled_from(column), min_size=rows, max_size=rows)) for column in columns
    )
    return targets, predicted, num_choices, groups


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
drawn_texts = st.lists(st.tuples(st.lists(texts, min_size=1, max_size=3).map(tuple), texts), min_size=1, max_size=8)


# Tests of metrics of classes


@given(drawn_columns())
def test_accuracy_equals_that_of_scikit_learn_and_an_answer_of_no_class_is_wrong(columns):
    targets, predicted, num_choices, _ = columns
    rows, answers = choice_rows(*columns)
    expected = accuracy_score(targets, [num_choices if choice is None else choice for choice in predicted])
    assert METRICS["accuracy"](rows, answers) == pytest.approx(expected, rel=1e-12)


@given(drawn_columns())
def test_macro_f1_equals_that_of_scikit_learn_over_the_classes_that_occur(columns):
    targets, predicted, num_choices, _ = columns
    rows, answers = choice_rows(*columns)
    occurring = sorted({*targets, *predicted} - {None})
    numbers = [num_choices if choice is None else choice for choice in predicted]
    expected = f1_score(targets, numbers, labels=occurring, average="macro", zero_division=0)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(expected, rel=1e-12)


@given(drawn_columns())
def test_f1a_equals_the_binary_f1_of_scikit_learn_over_all_rows(columns):
    targets, predicted, num_choices, _ = columns
    rows, answers = choice_rows(*columns)
    numbers = [num_choices if choice is None else choice for choice in predicted]
    expected = f1_score(targets, numbers, labels=[1], average="macro", zero_division=1)
    assert METRICS["f1a"](rows, answers) == pytest.approx(expected, rel=1e-12)


@given(drawn_columns())
def test_macro_f1_equals_the_default_of_scikit_learn(columns):
    targets, predicted, num_choices, groups = columns
    predicted = [0 if choice is None else choice for choice in predicted]
    rows, answers = choice_rows(targets, predicted, num_choices, groups)
    expected = f1_score(targets, predicted, average="macro")
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(expected, rel=1e-12)


@given(drawn_columns())
def test_f1a_equals_that_of_the_published_multirc_script(columns):
    targets, predicted, _, _ = columns
    rows, answers = choice_rows(*columns)
    # Precision is 1 where no answer was chosen, and recall is 1 where no answer is right.
    chosen, right = [choice == 1 for choice in predicted], [target == 1 for target in targets]
    both = sum(is_chosen and is_right for is_chosen, is_right in zip(chosen, right, strict=True))
    precision = both / sum(chosen) if any(chosen) else 1.0
    recall = both / sum(right) if any(right) else 1.0
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert METRICS["f1a"](rows, answers) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("predicted", "score"), [([0, 0, 0], 1.0), ([0, 1, 0], 0.0), ([0, None, 0], 1.0)])
def test_f1a_of_rows_without_a_right_answer(predicted, score):
    assert METRICS["f1a"](*choice_rows([0, 0, 0], predicted)) == score


def test_every_metric_has_a_text_of_its_rule_for_the_record():
    assert list(RULES) == list(METRICS)


def test_macro_f1_leaves_out_a_class_that_is_neither_right_nor_answered():
    # Class 2 does not occur. F1 of class 0 is 2*1/(2*1+0+1) = 2/3, F1 of class 1 is 2*1/(2*1+1+0) = 2/3.
    rows, answers = choice_rows([0, 0, 1], [0, 1, 1], num_choices=3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx(2 / 3)
    # Class 2 is answered once and never right. It counts with an F1 of 0.
    rows, answers = choice_rows([0, 0, 1], [0, 2, 1], num_choices=3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_an_answer_of_no_class_adds_no_class_and_no_false_positive():
    rows, answers = choice_rows([0, 0, 1], [0, None, 1], num_choices=3)
    assert METRICS["accuracy"](rows, answers) == pytest.approx(2 / 3)
    assert METRICS["f1_macro"](rows, answers) == pytest.approx((2 / 3 + 1) / 2)
    assert METRICS["f1a"](rows, answers) == 1.0


# Tests of metrics of groups


def test_multirc_pools_f1_over_answers_and_counts_questions_whose_answers_are_all_right():
    # The rows of three questions are interleaved. All answers to the second question are right. One answer to the
    # first question matches no choice.
    groups = [(0, 0), (0, 1), (0, 0), (1, 0), (0, 1), (1, 0)]
    rows, answers = choice_rows([1, 1, 0, 1, 0, 0], [1, 1, None, 0, 0, 1], groups=groups)
    # Choice 1 has 2 true positives, 1 false positive and 1 false negative.
    assert evaluate(["f1a", "em"], rows, answers) == pytest.approx({"f1a": 2 / 3, "em": 1 / 3, "score": 1 / 2})


def test_a_row_without_a_group_is_scored_as_a_group_of_its_own():
    rows, answers = choice_rows([1, 1, 1, 1], [1, 0, 1, 0], groups=[None, None, 0, 0])
    assert METRICS["em"](rows, answers) == pytest.approx(1 / 3)


# Tests of metrics of texts


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
def test_a_text_has_its_best_score_over_the_right_texts(right, text, f1, of_sets, em):
    rows, answers = text_rows((right, text))
    expected = {"f1": f1, "f1_of_sets": of_sets, "em": em, "score": (f1 + of_sets + em) / 3}
    assert evaluate(["f1", "f1_of_sets", "em"], rows, answers) == pytest.approx(expected)


def test_a_text_is_scored_against_the_right_choice_where_a_row_has_no_answers():
    row = replace(example(0, 1), choices=("Bob", "Ann Roe"))
    assert METRICS["f1"]([row], [Answer(None, "Ann")]) == pytest.approx(2 / 3)


def test_an_answer_is_right_by_its_choice_or_by_one_of_the_right_texts():
    assert is_right(example(0, 1), Answer(1, "anything"))
    assert not is_right(example(0, 1), Answer(0, "c1"))
    assert not is_right(example(0, None), Answer(None, "c1"))
    assert is_right(example(0, 0, answers=("Roe", "Ann")), Answer(None, "ann."))
    assert not is_right(example(0, 0, answers=("Roe",)), Answer(0, "c0"))


# Tests of properties of every metric


@given(drawn_columns())
def test_every_metric_lies_between_0_and_1_and_the_score_is_their_mean(columns):
    values = evaluate(NAMES, *choice_rows(*columns))
    assert set(values) == {*NAMES, "score"}
    assert all(0 <= value <= 1 for value in values.values())
    assert values["score"] == pytest.approx(math.fsum(values[name] for name in NAMES) / len(NAMES), rel=1e-12)


@given(drawn_texts)
def test_every_metric_of_texts_lies_between_0_and_1(pairs):
    values = evaluate(("f1", "f1_of_sets", "em"), *text_rows(*pairs))
    assert all(0 <= value <= 1 for value in values.values())
    assert values["em"] <= values["f1"]
    assert values["f1_of_sets"] <= values["f1"]


@given(drawn_columns())
def test_perfect_answers_score_exactly_1(columns):
    rows, _ = choice_rows(*columns)
    answers = [Answer(row.target, row.gold) for row in rows]
    assert evaluate(NAMES, rows, answers) == dict.fromkeys((*NAMES, "score"), 1.0)


@given(drawn_texts)
def test_perfect_texts_score_exactly_1(pairs):
    rows, _ = text_rows(*pairs)
    answers = [Answer(None, row.answers[-1]) for row in rows]
    assert evaluate(["f1", "em"], rows, answers) == {"f1": 1.0, "em": 1.0, "score": 1.0}


@given(drawn_columns())
def test_renaming_the_classes_changes_no_metric_that_is_symmetric_in_them(columns):
    rows, answers = choice_rows(*columns)
    last = columns[2] - 1
    renamed = [replace(row, choices=row.choices[::-1], target=last - row.target) for row in rows]
    moved = [answer if answer.choice is None else replace(answer, choice=last - answer.choice) for answer in answers]
    names = [name for name in NAMES if name != "f1a"]
    assert evaluate(names, renamed, moved) == pytest.approx(evaluate(names, rows, answers))


@given(drawn_columns())
def test_the_order_of_the_rows_changes_no_metric(columns):
    rows, answers = choice_rows(*columns)
    assert evaluate(NAMES, rows[::-1], answers[::-1]) == pytest.approx(evaluate(NAMES, rows, answers))
