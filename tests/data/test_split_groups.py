"""Rows with the same text are held out together, and about the wanted share of each class is held out."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpt.data.groups import groups_of
from rpt.data.splits import hold_out
from rpt.errors import DataError
from rpt.tasks.example import Example

SEEDS = st.integers(0, 2**32 - 1)


def example(idx, target):
    return Example(idx=idx, fields={"premise": f"p{idx}"}, choices=("a", "b", "c"), target=target)


def rows_of(targets):
    return [example(number, target) for number, target in enumerate(targets)]


def idx_of(examples):
    return [row.idx for row in examples]


def per_class(examples):
    return Counter(row.target for row in examples)


# For each row the number of its text, which several rows may share, and its label.
TEXTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=2, max_size=80)


def rows_with_texts(texts_and_labels):
    """Make rows from numbers of texts and labels. Equal texts may differ in white space and capital letters."""
    return [
        replace(example(idx, label), fields={"premise": f" {'Tt'[idx % 2]}ext {text}", "hypothesis": str(idx)})
        for idx, (text, label) in enumerate(texts_and_labels)
    ]


def texts_of(examples):
    return {row.fields["premise"].strip().lower() for row in examples}


@given(TEXTS, st.floats(0.01, 0.99), SEEDS, st.booleans())
def test_no_text_is_in_both_parts_and_no_part_is_empty(made, share, seed, stratified):
    examples = rows_with_texts(made)
    if len(texts_of(examples)) in (
        1,
        len(examples),
    ):  # a single text cannot be held out, and unique texts form no groups
        return
    train, held = hold_out(examples, share, seed, stratified=stratified, same_side=("premise",))
    assert train
    assert held
    assert not texts_of(train) & texts_of(held)
    assert sorted(idx_of(train + held)) == idx_of(examples)
    assert hold_out(examples, share, seed, stratified=stratified, same_side=("premise",)) == (train, held)


@pytest.mark.slow
@given(st.lists(st.integers(0, 2), min_size=60, max_size=200), st.floats(0.1, 0.5), SEEDS)
def test_no_further_group_of_rows_would_bring_the_classes_nearer_to_their_shares(targets, share, seed):
    # Two of three rows have the same text.
    made = [(number - (number % 3 == 1), target) for number, target in enumerate(targets)]
    train, held = hold_out(rows_with_texts(made), share, seed, stratified=True, same_side=("premise",))
    totals, counts = Counter(targets), Counter(per_class(held))
    goals = {target: max(min(max(round(share * total), 1), total - 1), 0) for target, total in totals.items()}

    def distance(of_classes):
        return sum((of_classes[target] - goal) ** 2 for target, goal in goals.items())

    groups = defaultdict(Counter)
    for example in train:
        groups[example.fields["premise"].strip().lower()][example.target] += 1
    for group in groups.values():
        with_group = counts + group
        if all(with_group[target] < totals[target] for target in group):  # every class keeps training rows
            assert distance(with_group) >= distance(counts)


def test_a_class_of_two_rows_is_in_both_parts():
    # The second class has two rows. Each has the same text as several rows of the first class.
    made = [(text, 0) for text in range(8) for _ in range(6)] + [(0, 1), (1, 1)]
    for seed in range(20):
        parts = hold_out(rows_with_texts(made), 0.2, seed, stratified=True, same_side=("premise",))
        assert [per_class(part)[1] for part in parts] == [1, 1]


@pytest.mark.parametrize("same_side", [(), ("premise", "hypothesis")])
def test_equal_rows_are_in_one_part(same_side):
    fields = [{"premise": f"p{number % 30}", "hypothesis": f"h{number % 30}"} for number in range(60)]
    examples = [replace(row, fields=texts) for row, texts in zip(rows_of([0, 1] * 30), fields, strict=True)]
    train, held = hold_out(examples, 0.2, 0, stratified=True, same_side=same_side)
    assert not {row.fields["premise"] for row in train} & {row.fields["premise"] for row in held}
    assert len(held) == 12


def test_rows_with_a_common_text_in_different_fields_are_one_group():
    pairs = [("a", "b"), ("c", "d"), ("b", "e"), ("f", "g"), ("E ", "h")]
    examples = [
        replace(example(idx, 0), fields={"one": first, "two": second}) for idx, (first, second) in enumerate(pairs)
    ]
    assert groups_of(examples, ("one", "two")) == [[0, 2, 4], [1], [3]]
    assert groups_of(examples, ("one",)) == groups_of(examples, ()) == [[0], [1], [2], [3], [4]]


def test_a_same_side_field_that_a_row_lacks_is_refused():
    with pytest.raises(
        DataError, match=r"^row idx 0: has no text 'text', which task\.same_side names; it has premise\.$"
    ):
        hold_out(rows_of([0, 1, 0, 1]), 0.2, 0, stratified=True, same_side=("text",))


def test_rows_of_one_text_cannot_be_held_out():
    with pytest.raises(DataError) as caught:
        hold_out(rows_with_texts([(0, 0), (0, 1), (0, 1)]), 0.2, 0, stratified=True, same_side=("premise",))
    assert (
        str(caught.value) == "train has only one text, so none can be held out. Add rows, or set data.max_rows higher."
    )
