"""The seed determines the held-out and the drawn rows: whole lines and groups, with the wanted number per class."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpt.data.splits import draw, few_shot, hold_out
from rpt.errors import DataError
from rpt.tasks.example import Example

SEEDS = st.integers(0, 2**32 - 1)
# Labels of answers, in a list for each question, in a list for each passage.
PASSAGES = st.lists(
    st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=5), min_size=1, max_size=4), min_size=2, max_size=12
)


def example(idx, target, group=None, choices=("a", "b", "c")):
    return Example(idx=idx, fields={"premise": f"p{idx}"}, choices=choices, target=target, group=group)


def rows_of(targets):
    return [example(number, target) for number, target in enumerate(targets)]


def answers_of(passages):
    """Make examples of MultiRC: one for each answer, grouped by question."""
    return [
        example((line, question, answer), label, (line, question), ("no", "yes"))
        for line, questions in enumerate(passages)
        for question, labels in enumerate(questions)
        for answer, label in enumerate(labels)
    ]


def queries_of(counts):
    """Make examples of ReCoRD: one for each query. The target is an index into the candidates, not a class."""
    return [example((line, query), query % 3) for line, count in enumerate(counts) for query in range(count)]


def idx_of(examples):
    return [row.idx for row in examples]


def per_class(examples):
    return Counter(row.target for row in examples)


# Tests of held-out rows


@given(st.lists(st.integers(0, 2), min_size=1, max_size=80), st.floats(0.01, 0.99), SEEDS)
def test_held_out_rows_are_disjoint_stratified_and_repeat(targets, share, seed):
    counts, examples = Counter(targets), rows_of(targets)
    if min(counts.values()) < 2:
        with pytest.raises(DataError, match=r"^train has only one row of label '[abc]', so none can be held out\."):
            hold_out(examples, share, seed, stratified=True)
        return
    train, held = hold_out(examples, share, seed, stratified=True)
    assert sorted(idx_of(train + held)) == idx_of(examples)
    assert all(idx_of(part) == sorted(idx_of(part)) for part in (train, held))
    for label, count in counts.items():
        of_label = sum(row.target == label for row in held)
        assert 1 <= of_label <= count - 1
        assert abs(of_label - share * count) <= 1
    assert hold_out(examples, share, seed, stratified=True) == (train, held)


@given(PASSAGES, st.floats(0.01, 0.99), SEEDS, st.booleans())
def test_no_line_of_the_release_is_in_both_parts(passages, share, seed, stratified):
    examples = answers_of(passages)
    # If every passage has a single answer, rows are stratified one by one and not by line.
    if stratified and len(passages) == len(examples):
        return
    train, held = hold_out(examples, share, seed, stratified=stratified)
    lines = [{row.idx[0] for row in part} for part in (train, held)]
    assert not lines[0] & lines[1]
    assert sorted(idx_of(train + held)) == idx_of(examples)
    assert 1 <= len(lines[1]) <= len(passages) - 1
    if not stratified:
        assert abs(len(lines[1]) - share * len(passages)) <= 1


@given(st.lists(st.integers(1, 3), min_size=2, max_size=40), SEEDS)
def test_targets_that_are_no_classes_are_not_counted(counts, seed):
    examples = queries_of(counts)
    train, held = hold_out(examples, 0.5, seed, stratified=False)
    assert not {row.idx[0] for row in train} & {row.idx[0] for row in held}
    assert len({row.idx[0] for row in held}) == min(max(round(len(counts) / 2), 1), len(counts) - 1)


def test_a_split_of_one_line_is_refused():
    with pytest.raises(DataError) as caught:
        hold_out(answers_of([[[0, 1], [1]]]), 0.2, 0, stratified=True)
    assert (
        str(caught.value) == "train has only one line, so none can be held out. Add rows, or set data.max_rows higher."
    )


def test_the_error_names_a_class_without_a_label_text_by_its_number():
    rows = [example(0, 0, choices=("It rained.", "It snowed.")), example(1, 1, choices=("He fell.", "He ran."))]
    with pytest.raises(DataError, match=r"^train has only one row of label 0, so none can be held out\."):
        hold_out(rows, 0.2, 0, stratified=True)


def test_different_seeds_hold_out_different_rows():
    examples = rows_of(number % 2 for number in range(100))
    held = [set(idx_of(hold_out(examples, 0.2, seed, stratified=True)[1])) for seed in (0, 1)]
    assert held[0] != held[1]


def test_the_held_out_rows_are_those_of_version_0_1():
    # The expected rows were drawn by rpt 0.1.0. Records and golden losses depend on them.
    examples = rows_of(number % 3 for number in range(40))
    assert idx_of(hold_out(examples, 0.2, 0, stratified=True)[1]) == [1, 13, 14, 18, 20, 23, 25, 36, 39]


# Tests of few-shot draws


@given(st.lists(st.integers(0, 2), min_size=1, max_size=80), st.integers(1, 12), SEEDS)
def test_exactly_k_rows_of_every_class_are_drawn(targets, k, seed):
    counts, examples = Counter(targets), rows_of(targets)
    if min(counts.values()) < k:
        with pytest.raises(
            DataError, match=rf"^data\.k_per_class = {k}: train has \d+ rows? of label '[abc]'; at most"
        ):
            draw(examples, k, seed, stratified=True)
        return
    drawn = draw(examples, k, seed, stratified=True)
    assert per_class(drawn) == dict.fromkeys(counts, k)
    assert idx_of(drawn) == sorted(idx_of(drawn))
    assert draw(examples, k, seed, stratified=True) == drawn


@given(PASSAGES, st.integers(1, 6), SEEDS)
def test_whole_questions_are_drawn_until_every_class_has_k_answers(passages, k, seed):
    examples = answers_of(passages)
    counts = per_class(examples)
    if min(counts.values()) < k:
        return
    drawn = draw(examples, k, seed, stratified=True)
    questions = {row.group for row in drawn}
    assert drawn == [row for row in examples if row.group in questions]
    assert all(count >= k for count in per_class(drawn).values())
    assert set(per_class(drawn)) == set(counts)
    # No question is drawn in excess: without the last question, a class has fewer than k answers.
    assert any(
        min((per_class([row for row in drawn if row.group != question])[label] for label in counts), default=0) < k
        for question in questions
    )


@pytest.mark.slow
@given(st.one_of(PASSAGES, st.lists(st.integers(0, 2), min_size=2, max_size=80)), SEEDS)
def test_the_rows_of_a_smaller_k_are_among_those_of_a_larger_k(rows, seed):
    # beartype draws a random element of a list to check, which is not allowed in a strategy. So examples are made here.
    examples = answers_of(rows) if isinstance(rows[0], list) else rows_of(rows)
    most = min(per_class(examples).values())
    drawn = [set(idx_of(draw(examples, k, seed, stratified=True))) for k in range(1, most + 1)]
    assert all(fewer <= more for fewer, more in pairwise(drawn))


@given(st.lists(st.integers(1, 3), min_size=2, max_size=40), SEEDS)
def test_if_targets_are_no_classes_k_rows_are_drawn_in_total(counts, seed):
    examples = queries_of(counts)
    k = random.Random(seed).randint(1, len(examples))
    assert len(draw(examples, k, seed, stratified=False)) == k


def test_k_rows_of_each_class_are_drawn_from_the_training_and_from_the_held_out_rows():
    examples = rows_of(number % 3 for number in range(90))
    train, held = few_shot(*hold_out(examples, 0.5, 0, stratified=True), 5, 0, stratified=True)
    assert per_class(train) == per_class(held) == {0: 5, 1: 5, 2: 5}
    assert not set(idx_of(train)) & set(idx_of(held))


def test_different_seeds_draw_different_rows():
    examples = rows_of(number % 2 for number in range(100))
    drawn = {str(idx_of(draw(examples, 5, seed, stratified=True))) for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize(
    ("train", "held", "stratified", "reason"),
    [
        (
            [0, 0, 0, 1, 1],
            [0, 0, 0, 1, 1, 1],
            True,
            "train has 2 rows of label 'b'; at most 2 can be drawn. Set data.k_per_class=2 or lower.",
        ),
        (
            [0, 0, 0, 1, 1, 1],
            [0, 0, 0, 1],
            True,
            "the held-out part of train has 1 row of label 'b'; at most 1 can be drawn. "
            "Set data.k_per_class=1 or lower (the held-out part, which selects the checkpoint, is half of train).",
        ),
        (
            [0, 0, 0, 1, 1, 1],
            [0, 0, 0],
            True,
            "the held-out part of train has 0 rows of label 'b'; at most 0 can be drawn. "
            "Leave data.k_per_class out (the held-out part, which selects the checkpoint, is half of train).",
        ),
        ([0, 1], [0, 1, 2, 2], False, "train has 2 rows; at most 2 can be drawn. Set data.k_per_class=2 or lower."),
        ([], [], True, "train has 0 rows; at most 0 can be drawn. Leave data.k_per_class out."),
    ],
)
def test_too_few_rows_of_a_class_are_refused_with_the_largest_possible_k(train, held, stratified, reason):
    with pytest.raises(DataError) as caught:
        few_shot(rows_of(train), rows_of(held), 3, 0, stratified=stratified)
    assert str(caught.value) == f"data.k_per_class = 3: {reason}"


def test_the_largest_k_in_the_error_message_can_be_drawn():
    parts = answers_of([[[0, 1], [1, 1]], [[0, 0, 1]]]), answers_of([[[0, 1, 1]], [[0, 1]]])
    with pytest.raises(DataError, match="at most 2 can be drawn"):
        few_shot(*parts, 3, 0, stratified=True)
    assert all(min(per_class(part).values()) >= 2 for part in few_shot(*parts, 2, 0, stratified=True))


def test_rows_with_different_choices_and_equal_targets_are_one_class():
    rows = [example(number, number % 2, choices=(f"x{number}", f"y{number}")) for number in range(20)]
    assert per_class(draw(rows, 4, 0, stratified=True)) == {0: 4, 1: 4}
    with pytest.raises(DataError, match=r"^data\.k_per_class = 11: train has 10 rows of label 0; at most 10"):
        draw(rows, 11, 0, stratified=True)
