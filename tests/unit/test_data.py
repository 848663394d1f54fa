"""Rows become examples, splits, tokens and batches; a damaged row is refused with its file and line."""

import json
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rpt.data.batches import WINDOW, cuts, epoch_batches, num_batches
from rpt.data.encode import encode_pairs, pad
from rpt.data.files import read_rows
from rpt.data.sources import jsonl_source, sample_source
from rpt.data.splits import hold_out
from rpt.errors import DataError
from rpt.tasks.example import Example

ROW = {"premise": "It rained.", "hypothesis": "It was wet.", "idx": 0, "label": "neutral"}
AGAIN = "Download the file again, or mend the line."

lengths_of_rows = st.lists(st.integers(1, 300), min_size=1, max_size=200)


def example(idx, target):
    return Example(idx=idx, fields={"premise": "p", "hypothesis": "h"}, choices=("a", "b", "c"), target=target)


def write_release(root, train=(ROW,), val=(ROW,)):
    (root / "CB").mkdir(parents=True)
    for split, rows in (("train", train), ("val", val)):
        (root / "CB" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(root)


# Rows and their files


def test_rows_come_with_their_file_and_line(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": 0}\n\n{"idx": 1}\n')
    assert list(read_rows(path)) == [(f"{path}:1", {"idx": 0}), (f"{path}:3", {"idx": 1})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"idx": 1', f"is not JSON (Expecting ',' delimiter, column 1). {AGAIN}"),
        ("idx", f"is not JSON (Expecting value, column 1). {AGAIN}"),
        ("[1, 2]", f"holds a JSON array, where one object per line is expected. {AGAIN}"),
        ("null", f"holds a JSON null, where one object per line is expected. {AGAIN}"),
        ("1.5", f"holds a JSON number, where one object per line is expected. {AGAIN}"),
        (
            '{"premise": "\\ud800"}',
            "cannot be taken ('utf-8' codec can't encode character '\\ud800' in position 13: surrogates not "
            f"allowed). {AGAIN}",
        ),
    ],
)
def test_a_line_that_is_no_row_is_named(line, reason, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": 0}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value) == f"{path}:2: {reason}"


def test_a_number_too_long_to_read_is_named(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": ' + "9" * 5000 + "}\n")
    with pytest.raises(DataError, match=r"train\.jsonl:1: cannot be taken \(Exceeds the limit"):
        list(read_rows(path))


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes('{"premise": "é"}'.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value) == f"{path}: is not UTF-8 text (invalid continuation byte). Download the file again."


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as caught:
        list(read_rows(tmp_path / "train.jsonl"))
    assert str(caught.value) == f"{tmp_path / 'train.jsonl'}: cannot be read (No such file or directory)."


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_named(split, tmp_path):
    root = write_release(tmp_path / "data", **{split: ()})
    with pytest.raises(DataError) as caught:
        jsonl_source(root, "CB")
    path = tmp_path / "data" / "CB" / f"{split}.jsonl"
    assert str(caught.value) == f"{path}: is empty; the official CB/{split}.jsonl has one row a line."


def test_the_checksum_is_of_the_rows_and_not_of_their_spelling(tmp_path):
    one = jsonl_source(write_release(tmp_path / "one"), "CB")
    two = jsonl_source(write_release(tmp_path / "two", train=[dict(reversed(ROW.items()))]), "CB")
    three = jsonl_source(write_release(tmp_path / "three", train=[{**ROW, "premise": "It snowed."}]), "CB")
    swapped = jsonl_source(write_release(tmp_path / "four", train=[ROW, ROW], val=[ROW]), "CB")
    assert one.checksum == two.checksum
    assert len({one.checksum, three.checksum, swapped.checksum}) == 3


def test_sample_rows_are_the_same_for_the_same_seed():
    assert sample_source("cb", 0) == sample_source("cb", 0)
    assert sample_source("cb", 0).checksum != sample_source("cb", 1).checksum


# Holding out


@given(st.lists(st.integers(0, 2), min_size=1, max_size=80), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_held_out_rows_are_disjoint_stratified_and_repeat(targets, share, seed):
    counts = Counter(targets)
    examples = [example(index, target) for index, target in enumerate(targets)]
    if min(counts.values()) < 2:
        with pytest.raises(DataError, match=r"^train has one row of label '[abc]': none can be held out\. Two are"):
            hold_out(examples, share, seed)
        return
    train, held = hold_out(examples, share, seed)
    assert sorted(one.idx for one in train + held) == list(range(len(targets)))
    assert [one.idx for one in train] == sorted(one.idx for one in train)
    for label, count in counts.items():
        of_label = sum(one.target == label for one in held)
        assert 1 <= of_label <= count - 1
        assert abs(of_label - share * count) <= 1
    assert hold_out(examples, share, seed) == (train, held)


def test_another_seed_holds_out_other_rows():
    examples = [example(index, index % 2) for index in range(100)]
    held = [{one.idx for one in hold_out(examples, 0.2, seed)[1]} for seed in (0, 1)]
    assert held[0] != held[1]


# Batches


@given(lengths_of_rows, st.integers(1, 16), st.integers(0, 2**32 - 1), st.integers(0, 1000))
def test_every_row_comes_once_an_epoch(lengths, batch_size, seed, epoch):
    batches = epoch_batches(lengths, batch_size, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == num_batches(len(lengths), batch_size)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert epoch_batches(lengths, batch_size, seed, epoch) == batches


def test_epochs_and_seeds_have_orders_of_their_own():
    lengths = list(range(1, 101))
    orders = {str(epoch_batches(lengths, 8, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_rows_of_similar_length_go_together():
    lengths = [1 + 7 * index % 256 for index in range(WINDOW * 8)]  # one window
    spans = [
        max(lengths[row] for row in batch) - min(lengths[row] for row in batch)
        for batch in epoch_batches(lengths, 8, 0, 0)
    ]
    ordered = sorted(lengths)
    assert sum(spans) == sum(ordered[at + 7] - ordered[at] for at in range(0, len(ordered), 8))


@given(lengths_of_rows, st.integers(1, 2000))
def test_cuts_hold_each_position_once_within_the_budget(lengths, budget):
    forwards = cuts(lengths, budget)
    assert sorted(position for forward in forwards for position in forward) == list(range(len(lengths)))
    for forward in forwards:
        padded = len(forward) * max(lengths[position] for position in forward)
        assert padded <= budget or len(forward) == 1


# Tokens


def test_padding_is_on_the_right_and_masked():
    ids, mask = pad([[5, 6, 7], [8]], pad_id=9)
    assert torch.equal(ids, torch.tensor([[5, 6, 7], [8, 9, 9]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))


def encoded(tokenizer, limit, first="rain " * 5, second="sun " * 3):
    made = Example(idx=7, fields={"a": first, "b": second}, choices=("x", "y"), target=0)
    return encode_pairs(tokenizer, [made], "{a}", "{b}", limit)


def test_a_pair_is_encoded_as_the_backbone_reads_it(minilm_tokenizer):
    result = encoded(minilm_tokenizer, 11)
    assert minilm_tokenizer.decode(result.inputs[0][0]) == "[CLS] rain rain rain rain rain [SEP] sun sun sun [SEP]"
    assert (result.num_cut, result.cut_share, result.lengths) == (0, 0.0, [11])


def test_only_the_first_text_is_cut_and_the_cut_is_counted(minilm_tokenizer):
    result = encoded(minilm_tokenizer, 8)
    assert minilm_tokenizer.decode(result.inputs[0][0]) == "[CLS] rain rain [SEP] sun sun sun [SEP]"
    assert (result.num_cut, result.cut_share, result.lengths) == (1, 1.0, [8])


@given(st.integers(1, 30), st.integers(1, 8), st.integers(12, 40))
def test_no_row_is_over_the_limit_and_no_second_text_is_cut(minilm_tokenizer, firsts, seconds, limit):
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
