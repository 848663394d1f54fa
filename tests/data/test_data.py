"""Examples become tokens and batches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rpt.data.batches import WINDOW, cuts, epoch_batches, num_batches
from rpt.data.encode import encode_pairs, pad
from rpt.errors import DataError
from rpt.tasks.example import Example

lengths_of_rows = st.lists(st.integers(1, 300), min_size=1, max_size=200)


# Tests of batches


@given(lengths_of_rows, st.integers(1, 16), st.integers(0, 2**32 - 1), st.integers(0, 1000))
def test_every_row_occurs_once_in_an_epoch(lengths, batch_size, seed, epoch):
    batches = epoch_batches(lengths, batch_size, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == num_batches(len(lengths), batch_size)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert epoch_batches(lengths, batch_size, seed, epoch) == batches


def test_every_epoch_and_seed_has_another_order():
    lengths = list(range(1, 101))
    orders = {str(epoch_batches(lengths, 8, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_rows_of_similar_length_are_in_one_batch():
    lengths = [1 + 7 * index % 256 for index in range(WINDOW * 8)]  # as many rows as one window
    spans = [
        max(lengths[row] for row in batch) - min(lengths[row] for row in batch)
        for batch in epoch_batches(lengths, 8, 0, 0)
    ]
    ordered = sorted(lengths)
    assert sum(spans) == sum(ordered[at + 7] - ordered[at] for at in range(0, len(ordered), 8))


@given(lengths_of_rows, st.integers(1, 2000))
def test_forward_passes_have_each_position_once_within_the_token_budget(lengths, budget):
    forwards = cuts(lengths, budget)
    assert sorted(position for forward in forwards for position in forward) == list(range(len(lengths)))
    for forward in forwards:
        padded = len(forward) * max(lengths[position] for position in forward)
        assert padded <= budget or len(forward) == 1


# Tests of tokens


def test_padding_is_on_the_right_and_masked():
    ids, mask = pad([[5, 6, 7], [8]], pad_id=9)
    assert torch.equal(ids, torch.tensor([[5, 6, 7], [8, 9, 9]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))


def encoded(tokenizer, limit, first="rain " * 5, second="sun " * 3):
    row = Example(idx=7, fields={"a": first, "b": second}, choices=("x", "y"), target=0)
    return encode_pairs(tokenizer, [row], "{a}", "{b}", limit)


def test_a_pair_is_encoded_with_cls_and_sep_tokens(minilm_tokenizer):
    result = encoded(minilm_tokenizer, 11)
    assert minilm_tokenizer.decode(result.inputs[0][0]) == "[CLS] rain rain rain rain rain [SEP] sun sun sun [SEP]"
    assert (result.num_cut, result.cut_share, result.lengths) == (0, 0.0, [11])


def test_only_the_first_text_is_truncated_and_the_row_is_counted(minilm_tokenizer):
    result = encoded(minilm_tokenizer, 8)
    assert minilm_tokenizer.decode(result.inputs[0][0]) == "[CLS] rain rain [SEP] sun sun sun [SEP]"
    assert (result.num_cut, result.cut_share, result.lengths) == (1, 1.0, [8])


@given(st.integers(1, 30), st.integers(1, 8), st.integers(12, 40))
def test_no_row_is_over_the_limit_and_no_second_text_is_truncated(minilm_tokenizer, firsts, seconds, limit):
    [[ids]] = encoded(minilm_tokenizer, limit, "rain " * firsts, "sun " * seconds).inputs
    assert len(ids) == min(limit, firsts + seconds + 3)
    assert minilm_tokenizer.decode(ids).count("sun") == seconds


def test_a_second_text_over_the_limit_is_refused(minilm_tokenizer):
    with pytest.raises(DataError) as caught:
        encoded(minilm_tokenizer, 8, "rain", "sun " * 9)
    assert (
        str(caught.value)
        == "row idx 7: its second text leaves no room for the first in 8 tokens. Set backbone.text_limit higher."
    )
