"""The reader of MultiRC makes an example of each answer to each question of a passage."""

import pytest

from rpt.errors import DataError
from rpt.tasks.multirc import MultiRc

TASK = MultiRc(name="multirc", fields=(), labels=(0, 1), choices=("False", "True"))
SCHEMA = "idx and passage: {text, questions: a list of {question, idx, answers: a list of {text, idx, label}}}"


def answer(idx, label, text="Rain"):
    return {"text": text, "idx": idx, "label": label}


def passage(*questions, idx=7, text="<b>Sent 1: </b>It rained.<br>It stopped."):
    return {"idx": idx, "version": 1.1, "passage": {"text": text, "questions": list(questions)}}


def question(idx, *answers, text="What <i>fell</i>?"):
    return {"question": text, "idx": idx, "answers": list(answers)}


def examples(*rows):
    return list(TASK.examples((f"f:{line}", row) for line, row in enumerate(rows, 1)))


def test_each_answer_is_an_example_in_the_group_of_its_question():
    made = examples(passage(question(3, answer(5, 1), answer(6, 0, "Snow")), question(4, answer(5, 0))))
    assert [example.idx for example in made] == [(7, 3, 5), (7, 3, 6), (7, 4, 5)]
    assert [example.group for example in made] == [(7, 3), (7, 3), (7, 4)]
    assert [example.target for example in made] == [1, 0, 0]
    assert made[1].fields == {
        "passage": "Sent 1: It rained. It stopped.",
        "question": "What fell?",
        "answer": "Snow",
    }
    assert made[0].choices == ("False", "True")
    assert TASK.training(made) == made


def test_an_empty_answer_is_accepted_because_the_release_has_some():
    [made] = examples(passage(question(3, answer(5, 0, ""))))
    assert made.fields["answer"] == ""


def test_answers_of_different_passages_may_have_the_same_idx():
    assert len(examples(passage(question(0, answer(0, 1))), passage(question(0, answer(0, 1)), idx=8))) == 2
    with pytest.raises(DataError, match=r"^f:2: idx \(7, 0, 0\) was already used at f:1; each must be unique\.$"):
        examples(passage(question(0, answer(0, 1))), passage(question(0, answer(0, 0))))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (passage(question(3)), "passage.questions[0].answers = [] is not a list of one JSON object or more."),
        (passage(), "passage.questions = [] is not a list of one JSON object or more."),
        (
            passage(question(1, answer(0, 1)), question(3, answer(5, 2))),
            "unknown passage.questions[1].answers[0].label 2; allowed are 0, 1.",
        ),
        (
            passage(question(3, answer(5, 0), answer("6", 0))),
            "passage.questions[0].answers[1].idx = '6' is not a whole number.",
        ),
        (
            passage(question(3, answer(5, 0, None))),
            "passage.questions[0].answers[0].text = None is not a text.",
        ),
        (passage(question(3, answer(5, 0)), text=" "), "passage.text = ' ' is not a text."),
        (passage(question(3, answer(5, 0), text="")), "passage.questions[0].question = '' is not a text."),
        (
            {**passage(question(3, answer(5, 0))), "passage": "It rained."},
            "passage = 'It rained.' is not a JSON object.",
        ),
        (passage("What fell?"), "passage.questions = ['What fell?'] is not a list of one JSON object or more."),
        (
            passage({"question": "What fell?", "idx": 3}),
            f"lacks the field 'passage.questions[0].answers'; a multirc row has {SCHEMA}.",
        ),
        (
            passage(question(3, {"text": "Rain", "idx": 5})),
            f"lacks the field 'passage.questions[0].answers[0].label'; a multirc row has {SCHEMA}.",
        ),
    ],
)
def test_an_error_inside_a_passage_is_reported_with_the_path_of_its_field(row, reason):
    with pytest.raises(DataError) as caught:
        examples(row)
    assert str(caught.value) == f"f:1: {reason}"
