"""A text over the limit loses only the end of its passage."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.backbones.load import load_tokenizer
from rpt.backbones.texts import text_tokenizer
from rpt.data.encode import drop_from_end, encode_pairs, encode_texts, render
from rpt.errors import DataError
from rpt.tasks.example import Example

LANGUAGE = ["tiny_t5", "tiny_llama"]
TEMPLATE = "choice: {kept} passage: {passage} question: {question}?\nAnswer:"
WORDS = ["rain", "the", "Unbelievably", "co-operate", "1984", "it's", "(so)", "naïve", "and"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=25).map(" ".join)
quick = settings(max_examples=60)


def example(idx=7, choices=("no", "yes"), **fields):
    return Example(idx=idx, fields=fields, choices=choices, target=0)


def candidate(example, index):
    return {**example.fields, "choice": example.choices[index]}


def pairs(tokenizer, examples, limit, candidate=None, second="{question}"):
    return encode_pairs(tokenizer, examples, "{passage}", second, limit, candidate)


@pytest.fixture(scope="session")
def backbones(tiny_t5, tiny_llama):
    """Tokenizers of sources and answers for a tiny language model of each family, by the fixture of the model."""

    def load(overrides, family):
        path = next(value.partition("=")[2] for value in overrides if value.startswith("backbone.path="))
        return text_tokenizer(family, load_tokenizer(Path(path), family))

    return {"tiny_t5": load(tiny_t5, "seq2seq"), "tiny_llama": load(tiny_llama, "causal")}


def written(backbone, examples, limit, template=TEMPLATE, cut="passage"):
    return encode_texts(backbone, examples, template, cut, limit)


# Tests of pairs


@quick
@given(texts, texts, st.integers(8, 60))
def test_a_pair_keeps_its_second_text_and_the_beginning_of_its_first(minilm_tokenizer, passage, question, limit):
    def bare(text):
        return minilm_tokenizer(text, add_special_tokens=False)["input_ids"]

    first, second = bare(passage), bare(question)
    cls, sep = minilm_tokenizer.cls_token_id, minilm_tokenizer.sep_token_id
    room = limit - 3 - len(second)
    row = example(passage=passage, question=question)
    if room < 1 and len(first) > room:
        with pytest.raises(DataError, match=r"row idx 7: its second text leaves no room"):
            pairs(minilm_tokenizer, [row], limit)
        return
    found = pairs(minilm_tokenizer, [row], limit)
    assert found.inputs == [[[cls, *first[:room], sep, *second, sep]]]
    assert found.num_cut == (len(first) > room)


def test_each_choice_is_in_a_pair_of_its_own_and_is_never_truncated(minilm_tokenizer):
    rows = [
        example(idx=1, choices=("a dog", "the old grey cat", "Ann"), passage="rain " * 20),
        example(idx=2, choices=("yes", "no"), passage="sun " * 3),
    ]
    found = pairs(minilm_tokenizer, rows, 12, candidate, second="it was {choice}")
    read = [[minilm_tokenizer.decode(ids) for ids in row] for row in found.inputs]
    assert read == [
        [
            "[CLS] rain rain rain rain rain [SEP] it was a dog [SEP]",
            "[CLS] rain rain rain [SEP] it was the old grey cat [SEP]",
            "[CLS] rain rain rain rain rain rain [SEP] it was ann [SEP]",
        ],
        ["[CLS] sun sun sun [SEP] it was yes [SEP]", "[CLS] sun sun sun [SEP] it was no [SEP]"],
    ]
    assert [len(ids) for ids in found.inputs[0]] == [12, 12, 12]
    assert (found.num_cut, found.cut_share, found.lengths) == (1, 0.5, [12, 9])


def test_a_pair_has_no_target_text_and_one_term_of_the_loss(minilm_tokenizer):
    found = pairs(minilm_tokenizer, [example(passage="rain", question="wet")], 12)
    assert (found.outputs, found.choices, found.longest_output, found.terms(0)) == ([[]], [[]], 0, 1)


def test_a_choice_over_the_limit_is_refused_with_its_row(minilm_tokenizer):
    rows = [example(idx=(3, 4), choices=("yes", "no " * 12), passage="rain")]
    with pytest.raises(DataError) as caught:
        pairs(minilm_tokenizer, rows, 12, candidate, second="{choice}")
    message = (
        "row idx (3, 4): its second text leaves no room for the first in 12 tokens. Set backbone.text_limit higher."
    )
    assert str(caught.value) == message


# Tests of source texts


def squeezed(text):
    """Remove characters that a tokenizer may lose: white space, unknown characters, and a character cut in half."""
    return re.sub(r"[^!-~]", "", text)


@pytest.mark.parametrize("family", LANGUAGE)
@quick
@given(kept=texts, passage=texts, question=texts, room=st.integers(3, 60))
def test_a_source_loses_only_the_end_of_its_passage(family, backbones, kept, passage, question, room):
    backbone, row = backbones[family], example(kept=kept, passage=passage, question=question)
    rows = [example(kept=kept, passage="", question=question), row]
    [[bare], [whole]] = written(backbone, rows, 10_000).inputs
    limit = len(bare) + room
    found = written(backbone, [row], limit)
    [[ids]] = found.inputs
    assert len(ids) == min(limit, len(whole))
    assert found.num_cut == (len(whole) > limit)
    head, tail = squeezed(f"choice: {kept} passage: "), squeezed(f" question: {question}?\nAnswer:")
    read = squeezed(backbone.tokenizer.decode(ids, skip_special_tokens=True))
    assert read.startswith(head)
    assert read.endswith(tail)
    assert squeezed(passage).startswith(read[len(head) : len(read) - len(tail)])


@pytest.mark.parametrize("family", LANGUAGE)
def test_a_truncated_source_is_its_template_with_a_shorter_passage(family, backbones):
    backbone = backbones[family]
    row = example(kept="the sun", passage="It rained all day, and " * 9 + "then it was over", question="was it wet")
    [[whole]] = written(backbone, [row], 10_000).inputs
    [[ids]] = written(backbone, [row], len(whole) - 30).inputs
    read = backbone.tokenizer.decode(ids, skip_special_tokens=True)
    head, question = read.split(" question:")
    assert question.split() == ["was", "it", "wet?", "Answer:"]
    assert head.startswith("choice: the sun passage: It rained all day, and It rained")
    assert "over" not in head
    assert row.fields["passage"].startswith(head.removeprefix("choice: the sun passage: "))


def test_a_truncated_source_of_t5_ends_with_one_end_token(backbones):
    backbone = backbones["tiny_t5"]
    row = example(kept="a", passage="rain " * 60, question="b")
    for limit in (40, 50, 60):
        [[ids]] = written(backbone, [row], limit).inputs
        assert (len(ids), ids[-1], ids.count(backbone.tokenizer.eos_token_id)) == (limit, 1, 1)


@pytest.mark.parametrize("family", LANGUAGE)
@pytest.mark.parametrize(
    ("cut", "named"),
    [(None, "the task's format names no field to cut"), ("kept", "cutting the field kept does not suffice")],
)
def test_a_source_that_cannot_be_truncated_to_the_limit_is_refused(family, cut, named, backbones):
    row = example(idx=(5, 1), kept="a", passage="rain " * 60, question="b")
    [[whole]] = written(backbones[family], [row], 10_000).inputs
    with pytest.raises(DataError) as caught:
        written(backbones[family], [row], 20, cut=cut)
    assert str(caught.value) == (
        f"row idx (5, 1): has {len(whole)} tokens, but 20 are allowed, and {named}. Set backbone.text_limit higher."
    )


@pytest.mark.parametrize("family", LANGUAGE)
def test_the_target_text_is_the_right_choice_and_ends_with_the_end_token(family, backbones):
    backbone = backbones[family]
    rows = [example(idx=1, passage="a"), example(idx=2, choices=("it rained", "no"), passage="b " * 40)]
    found = written(backbone, rows, 20, template="{passage}")
    decode = backbone.tokenizer.decode
    read = [[decode(ids, skip_special_tokens=True).strip() for ids in row] for row in found.choices]
    assert read == [["no", "yes"], ["it rained", "no"]]
    assert found.outputs == [row[0] for row in found.choices]
    assert {ids[-1] for row in found.choices for ids in row} == {backbone.tokenizer.eos_token_id}
    assert [found.terms(row) for row in (0, 1)] == [len(ids) for ids in found.outputs]
    assert found.longest_output == max(len(ids) for row in found.choices for ids in row)
    assert found.lengths == [len(text) + len(ids) for [text], ids in zip(found.inputs, found.outputs, strict=True)]
    assert (found.num_cut, found.cut_share) == (1, 0.5)


def test_only_the_causal_family_has_a_space_before_the_answer(backbones):
    for family, expected in (("tiny_llama", " yes<|endoftext|>"), ("tiny_t5", "yes</s>")):
        backbone = backbones[family]
        [[ids]] = backbone.answers(backbone.sources(["Answer:"]), [["yes"]])
        assert backbone.tokenizer.decode(ids) == expected


def test_rendering_returns_the_position_of_the_passage():
    fields = {"a": "rain", "b": "{sun}"}
    assert render("x {a} {{y}} {b}.", fields, "b") == ("x rain {y} {sun}.", (11, 16))
    assert render("x {a} {b}", fields, None) == ("x rain {sun}", None)


@given(st.lists(st.integers(0, 3), max_size=20), st.data())
def test_tokens_are_dropped_from_the_end_of_a_span(widths, data):
    ends = [sum(widths[: at + 1]) for at in range(len(widths))]
    offsets = [(end - width, end) for end, width in zip(ends, widths, strict=True)]
    total = sum(widths)
    start = data.draw(st.integers(0, total))
    end = data.draw(st.integers(start, total))
    count = data.draw(st.integers(1, 20))
    inside = [at for at, (low, high) in enumerate(offsets) if start <= low < high <= end]
    kept = drop_from_end(offsets, (start, end), count)
    if len(inside) <= count:
        assert kept is None
    else:
        assert kept == [at for at in range(len(widths)) if at not in inside[-count:]]
