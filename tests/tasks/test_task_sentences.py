"""The readers of COPA and WiC add texts to a row."""

import pytest

from rpt.errors import DataError
from rpt.tasks.copa import Copa
from rpt.tasks.wic import Wic

COPA = Copa(
    name="copa",
    fields=("premise", "choice1", "choice2", "question"),
    labels=(0, 1),
    choices=("{ending1}", "{ending2}"),
)
COPA_ROW = {
    "premise": "The kettle whistled.",
    "choice1": "I turned off the stove.",
    "choice2": "The water boiled.",
    "question": "cause",
    "idx": 0,
    "label": 1,
}
WIC = Wic(name="wic", fields=("word", "sentence1", "sentence2"), labels=(False, True), choices=("false", "true"))
WIC_ROW = {
    "word": "bank",
    "sentence1": "Banks are closed.",
    "sentence2": "We sat on the bank.",
    "start1": 0,
    "end1": 5,
    "start2": 14,
    "end2": 18,
    "idx": 0,
    "label": False,
}


def only_example(task, row):
    [example] = task.examples([("f:1", row)])
    return example


def test_copas_alternatives_continue_the_sentence_of_the_premise():
    example = only_example(COPA, COPA_ROW)
    assert example.choices == ("I turned off the stove.", "the water boiled.")
    assert example.target == 1
    assert "{stem} {connector} {ending2}".format_map(example.fields) == "The kettle whistled because the water boiled."


@pytest.mark.parametrize(
    ("question", "connector", "asks"),
    [("cause", "because", "What was the cause?"), ("effect", "so", "What happened as a result?")],
)
def test_copas_question_gives_a_connector_and_a_written_question(question, connector, asks):
    example = only_example(COPA, {**COPA_ROW, "question": question})
    assert (example.fields["connector"], example.fields["asks"]) == (connector, asks)


@pytest.mark.parametrize(
    ("choice", "ending"),
    [
        ("I'd left.", "I'd left."),
        ("It rained.", "it rained."),
        ("TV bored me.", "TV bored me."),
        (" A cat. ", "a cat."),
        ("Iron rusts.", "iron rusts."),
    ],
)
def test_copas_alternatives_begin_in_lower_case_unless_their_first_word_is_always_upper_case(choice, ending):
    assert only_example(COPA, {**COPA_ROW, "choice1": choice}).choices[0] == ending


def test_an_unknown_copa_question_is_refused():
    with pytest.raises(DataError) as caught:
        only_example(COPA, {**COPA_ROW, "question": "why"})
    assert str(caught.value) == "f:1: question = 'why' is unknown; allowed are 'cause', 'effect'."


def test_wics_word_is_marked_at_the_positions_of_the_row():
    fields = only_example(WIC, WIC_ROW).fields
    assert (fields["marked1"], fields["marked2"]) == ("*Banks* are closed.", "We sat on the *bank*.")
    assert [fields[name] for name in ("start1", "end1", "start2", "end2")] == ["0", "5", "14", "18"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start1": -1}, "start1 = -1 is outside of sentence1, 0 to 16."),
        ({"start2": 19}, "start2 = 19 is outside of sentence2, 0 to 18."),
        (
            {"end1": 0},
            "end1 = 0 must be after start1 in sentence1: 1 to 17, one past the word's last letter.",
        ),
        (
            {"end2": 20},
            "end2 = 20 must be after start2 in sentence2: 15 to 19, one past the word's last letter.",
        ),
        ({"start1": "0"}, "start1 = '0' is not a whole number."),
    ],
)
def test_wics_positions_must_lie_in_the_sentence(change, reason):
    with pytest.raises(DataError) as caught:
        only_example(WIC, {**WIC_ROW, **change})
    assert str(caught.value) == f"f:1: {reason}"


def test_a_wic_row_without_a_position_is_refused_with_the_name_of_the_field():
    with pytest.raises(DataError) as caught:
        only_example(WIC, {key: value for key, value in WIC_ROW.items() if key != "end2"})
    assert str(caught.value) == (
        "f:1: lacks the field 'end2'; a wic row has word, sentence1, sentence2, start1, end1, start2, end2, idx, label."
    )
