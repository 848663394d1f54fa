"""The reader of WSC: marks in the text, spans that are not at their index, and three framings."""

import pytest

from rpt.data.jsonl import read_rows
from rpt.errors import DataError
from rpt.tasks.example import Answer
from rpt.tasks.metrics import evaluate
from rpt.tasks.wsc import Wsc

TEXT = "The tall man asked Bob 's sister if he could help."
OPTIONS = {"name": "wsc", "fields": ("text",), "labels": (False, True), "choices": ("False", "True")}
CHOICE, REFERENT, POSITIVES = (Wsc(**OPTIONS, framing=framing) for framing in ("choice", "referent", "positives"))


def row(phrase="The tall man", at=0, pronoun="he", pronoun_at=8, text=TEXT, label=True, idx=0):
    target = {"span1_index": at, "span1_text": phrase, "span2_index": pronoun_at, "span2_text": pronoun}
    return {"text": text, "target": target, "idx": idx, "label": label}


def only_example(task, values):
    [example] = task.examples([("f:1", values)])
    return example


# Tests of marks


def test_one_text_has_both_spans_marked_and_another_the_pronoun_only():
    fields = only_example(CHOICE, row()).fields
    assert fields["marked"] == "#The tall man# asked Bob 's sister if *he* could help."
    assert fields["marked_pronoun"] == "The tall man asked Bob 's sister if *he* could help."
    assert (fields["span1_text"], fields["span1_index"]) == ("The tall man", "0")
    assert (fields["span2_text"], fields["span2_index"]) == ("he", "8")


@pytest.mark.parametrize(
    ("values", "marked"),
    [
        (row("Ann", 0, "her", 3, "Ann's cat left her."), "#Ann#'s cat left *her*."),
        (row("the cat", 0, '"it', 3, 'The cat said "it is."'), '#The cat# said *"it* is."'),
        (row("Their dog", 0, "their", 0, "Their dog ran."), "#*Their* dog# ran."),
        (row("a cat.", 0, "it", 2, "A cat so it ran."), "#A cat# so *it* ran."),
        (row("a  cat\nthere", 0, "it", 3, "A cat there it ran."), "#A cat there# *it* ran."),
    ],
)
def test_marks_enclose_the_letters_of_the_span_without_suffixes_and_punctuation(values, marked):
    assert only_example(CHOICE, values).fields["marked"] == marked


def test_a_span_that_is_not_at_its_index_is_marked_at_its_only_occurrence():
    assert only_example(CHOICE, row(pronoun_at=9)).fields["marked_pronoun"].count("if *he* could") == 1


def test_a_span_that_occurs_nowhere_or_twice_is_marked_at_its_index():
    assert only_example(CHOICE, row(pronoun="she")).fields["marked_pronoun"] == TEXT.replace("he could", "*he* could")
    twice = row("Ann", 1, "he", 4, "Ann and Ann say he left.")
    assert only_example(CHOICE, twice).fields["marked"] == "Ann #and# Ann say *he* left."
    last = row("Ann or Bob", 4, "he", 3, "Ann says that he left.")
    assert only_example(CHOICE, last).fields["marked"] == "Ann says that *he* #left.#"


# Tests of refused rows


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"span1_index": 11}, "target.span1_index = 11 must be the number of one of the text's 11 words, 0 to 10."),
        ({"span2_index": -1}, "target.span2_index = -1 must be the number of one of the text's 11 words, 0 to 10."),
        ({"span2_index": "8"}, "target.span2_index = '8' is not a whole number."),
        ({"span1_text": ""}, "target.span1_text = '' is not a text."),
    ],
)
def test_a_wrong_span_is_named_with_its_line(change, reason):
    values = row()
    values["target"] |= change
    with pytest.raises(DataError) as caught:
        only_example(CHOICE, values)
    assert str(caught.value) == f"f:1: {reason}"


@pytest.mark.parametrize("task", [CHOICE, REFERENT, POSITIVES], ids=lambda task: task.framing)
def test_a_missing_span_and_a_wrong_label_are_named_in_every_framing(task):
    values = row(label=False)
    del values["target"]["span1_text"]
    with pytest.raises(DataError) as caught:
        only_example(task, values)
    schema = "text, target: {span1_index, span1_text, span2_index, span2_text}, idx, label"
    assert str(caught.value) == f"f:1: lacks the field 'target.span1_text'; a wsc row has {schema}."
    with pytest.raises(DataError, match=r"^f:1: unknown label 1; allowed are False, True\.$"):
        only_example(task, row(label=1))
    with pytest.raises(DataError, match=r"^f:1: target = 'he' is not a JSON object\.$"):
        only_example(task, {**row(), "target": "he"})


# Tests of the referent framing


def test_the_referent_framing_trains_on_positives_and_evaluates_all_rows():
    rows = [row(), row("Bob", 4, label=False, idx=1)]
    examples = list(REFERENT.examples((f"f:{values['idx']}", values) for values in rows))
    assert [(example.gold, example.target) for example in examples] == [("The tall man", 1), ("Bob", 0)]
    assert REFERENT.training(examples) == examples[:1]
    answers = [REFERENT.read(example, "tall man") for example in examples]
    assert answers == [Answer(1, "tall man"), Answer(0, "tall man")]
    assert evaluate(["accuracy"], examples, answers) == {"accuracy": 1.0, "score": 1.0}
    assert REFERENT.majority(examples) == [Answer(0, "False")] * 2


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        ("The tall man", 1),
        ("man", 1),
        ("that very tall man", 1),
        ("the short man", 0),
        ("the man's", 0),
        ("Bob", 0),
        ("the", None),
        (" ", None),
    ],
)
def test_a_part_of_the_phrase_or_an_extension_of_it_means_true(written, choice):
    assert REFERENT.read(only_example(REFERENT, row()), written) == Answer(choice, written)


def test_the_owner_in_a_possessive_phrase_does_not_match_the_phrase():
    example = only_example(REFERENT, row("Bob 's sister", 4))
    assert REFERENT.read(example, "Bob").choice == 0
    assert REFERENT.read(example, "Bob 's sister").choice == 1


# Tests of the published code's framing


def test_the_published_framing_keeps_positive_rows_and_the_first_word_of_the_phrase():
    rows = [row(), row("Bob", 4, label=False, idx=1), row("tall man", 1, idx=2)]
    examples = list(POSITIVES.examples((f"f:{values['idx']}", values) for values in rows))
    assert [(example.idx, example.target, example.gold) for example in examples] == [(0, 1, "The"), (2, 1, "tall")]
    assert POSITIVES.training(examples) == examples


@pytest.mark.parametrize(("written", "choice"), [("The", 1), ("", 1), ("a.", 1), ("The tall", 0), ("man", 0)])
def test_an_article_matches_an_output_that_is_empty_or_an_article(written, choice):
    assert POSITIVES.read(only_example(POSITIVES, row()), written) == Answer(choice, written)


def test_the_majority_answer_of_the_published_framing_is_the_most_frequent_word():
    rows = [row("tall man", 1, idx=0), row("Bob", 4, idx=1), row("Bob", 4, idx=2)]
    examples = list(POSITIVES.examples((f"f:{values['idx']}", values) for values in rows))
    assert POSITIVES.majority(examples) == [Answer(0, "bob"), Answer(1, "bob"), Answer(1, "bob")]


@pytest.mark.shared
@pytest.mark.parametrize("split", ["train", "val"])
def test_both_spans_of_every_official_row_are_marked(split, shared_dir):
    for place, values in read_rows(shared_dir / "superglue" / "WSC" / f"{split}.jsonl"):
        [example] = CHOICE.examples([(place, values)])
        fields = example.fields
        assert [fields["marked"].count(mark) - fields["text"].count(mark) for mark in "#*"] == [2, 2]
        assert fields["marked"].replace("#", "").replace("*", "") == fields["text"]
        assert fields["marked_pronoun"].split("*")[1].lower() == fields["span2_text"].lower()
