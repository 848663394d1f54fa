"""The reader of ReCoRD takes an article's entities as candidates. Several of them may be right."""

import pytest

from rpt.errors import DataError
from rpt.tasks.example import Answer
from rpt.tasks.metrics import evaluate
from rpt.tasks.record_task import Record

TEXT = 'Ann Roe met Bob. "Hello," said Roe to Bob.\n@highlight\nRoe met Bob\n@highlight\nBob left'
OPTIONS = {"name": "record", "fields": (), "labels": None, "choices": None}
CHOICE, JOINED = (Record(**OPTIONS, framing=framing) for framing in ("choice", "joined"))
SCHEMA = (
    "idx, passage: {text, entities: a list of {start, end}} and qas: a list of {query, idx, answers: a list of {text}}"
)


def span(text, nth=0):
    start = -1
    for _ in range(nth + 1):
        start = TEXT.index(text, start + 1)
    return {"start": start, "end": start + len(text) - 1}


ENTITIES = [span("Bob", 1), span("Bob"), span("Ann Roe"), span("Roe", 1), span("Roe", 2)]


def article(*qas, idx=7, text=TEXT, entities=ENTITIES):
    return {"source": "Daily", "idx": idx, "passage": {"text": text, "entities": entities}, "qas": list(qas)}


def query(idx, *answers, text="Then @placeholder spoke."):
    return {"query": text, "idx": idx, "answers": [{**span(answer), "text": answer} for answer in answers]}


def examples(task, *rows):
    return list(task.examples((f"f:{line}", row) for line, row in enumerate(rows, 1)))


def test_each_query_is_an_example_whose_candidates_are_the_entities_in_order_of_first_mention():
    made = examples(CHOICE, article(query(3, "Roe", "Ann Roe", "Roe"), query(4, "Bob")))
    assert [example.idx for example in made] == [(7, 3), (7, 4)]
    assert made[0].choices == ("Ann Roe", "Bob", "Roe")
    assert (made[0].answers, made[0].target, made[0].group) == (("Roe", "Ann Roe"), 2, None)
    assert made[1].fields["entities"] == "Ann Roe, Bob, Roe"
    assert made[1].fields["entities_by_semicolon"] == "Ann Roe; Bob; Roe"


def test_highlights_become_sentences_of_the_passage():
    [made] = examples(CHOICE, article(query(3, "Bob")))
    assert made.fields["passage"] == 'Ann Roe met Bob. "Hello," said Roe to Bob. Roe met Bob. Bob left'
    assert made.fields["text"] == TEXT


def test_a_query_gives_a_training_example_for_each_right_candidate():
    made = examples(CHOICE, article(query(3, "Roe", "Ann Roe"), query(4, "Bob")))
    trained = CHOICE.training(made)
    assert [(example.idx, example.gold) for example in trained] == [
        ((7, 3, 0), "Roe"),
        ((7, 3, 1), "Ann Roe"),
        ((7, 4, 0), "Bob"),
    ]
    assert CHOICE.is_stratified is False


def test_a_right_text_that_is_no_entity_counts_as_right_and_gives_no_training_example():
    [made] = examples(CHOICE, article(query(3, "Hello", "Bob")))
    assert (made.answers, made.gold) == (("Hello", "Bob"), "Bob")
    assert [example.gold for example in CHOICE.training([made])] == ["Bob"]
    assert evaluate(["em", "f1"], [made], [CHOICE.read(made, "hello")]) == {"em": 1.0, "f1": 1.0, "score": 1.0}


def test_a_candidate_replaces_every_placeholder_of_the_query():
    [made] = examples(CHOICE, article(query(3, "Bob", text="@placeholder and @placeholder's dog")))
    texts = CHOICE.candidate(made, 0)
    assert (texts["choice"], texts["filled"]) == ("Ann Roe", "Ann Roe and Ann Roe's dog")


@pytest.mark.parametrize(("text", "choice"), [(" BOB.", 1), ("the Roe", 2), ("Ann", None), ("", None)])
def test_a_written_text_is_matched_to_a_candidate_by_the_normalisation_of_the_metric(text, choice):
    [made] = examples(CHOICE, article(query(3, "Bob")))
    assert CHOICE.read(made, text) == Answer(choice, text)


def test_the_majority_answer_is_the_entity_mentioned_most_and_the_first_one_of_a_tie():
    [made] = examples(CHOICE, article(query(3, "Bob")))
    assert CHOICE.majority([made]) == [Answer(1, "Bob")]  # Bob and Roe have two mentions each, and Bob's are earlier
    [more] = examples(CHOICE, article(query(3, "Bob"), entities=ENTITIES[1:]))
    assert CHOICE.majority([more]) == [Answer(2, "Roe")]


def test_the_published_framing_writes_all_answers_and_compares_the_output_with_each():
    made = examples(JOINED, article(query(3, "Roe", "Ann Roe"), query(4, "Bob")))
    assert [(example.gold, example.target) for example in made] == [("Ann Roe; Roe", None), ("Bob", None)]
    assert JOINED.training(made) == made
    answers = [JOINED.read(example, example.gold) for example in made]
    assert [answer.choice for answer in answers] == [None, 1]
    # The words are compared as sets: "ann roe roe" and "ann roe" share 2 words of 3 + 2, so F1 is 2 * 2 / 5.
    assert evaluate(["f1_of_sets", "em"], made, answers) == pytest.approx({"f1_of_sets": 0.9, "em": 0.5, "score": 0.7})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (article(query(3, "Bob"), entities=[]), "passage.entities = [] is not a list of one JSON object or more."),
        (
            article(query(3, "Bob"), entities=[{"start": 85, "end": 85}]),
            "passage.entities[0].start = 85 is outside of the passage, 0 to 84.",
        ),
        (
            article(query(3, "Bob"), entities=[{"start": -1, "end": 4}]),
            "passage.entities[0].start = -1 is outside of the passage, 0 to 84.",
        ),
        (
            article(query(3, "Bob"), entities=[{"start": 5, "end": 4}]),
            "passage.entities[0].end = 4 must be between its start and the end of the passage: 5 to 84.",
        ),
        (
            article(query(3, "Bob"), entities=[span("Bob"), {"start": 3, "end": 85}]),
            "passage.entities[1].end = 85 must be between its start and the end of the passage: 3 to 84.",
        ),
        (
            article(query(3, "Bob"), entities=[{"start": 3, "end": 3}]),
            "passage.entities[0].start = 3 to end = 3 holds no text.",
        ),
        (
            article(query(3, "Bob"), entities=[{"start": True, "end": 3}]),
            "passage.entities[0].start = True is not a whole number.",
        ),
        (article(), "qas = [] is not a list of one JSON object or more."),
        (article(query(3)), "qas[0].answers = [] is not a list of one JSON object or more."),
        (article(query(3, "Bob", text="Who spoke?")), "qas[0].query = 'Who spoke?' has no @placeholder."),
        (
            article({"query": "@placeholder", "idx": 3, "answers": [{"text": "Eve"}]}),
            "qas[0].answers = [{'text': 'Eve'}] has none of the passage's entities: Ann Roe, Bob, Roe.",
        ),
        (
            article({"query": "@placeholder", "answers": [{"text": "Bob"}]}),
            f"lacks the field 'qas[0].idx'; a record row has {SCHEMA}.",
        ),
    ],
)
def test_an_error_inside_an_article_is_reported_with_the_path_of_its_field(row, reason):
    with pytest.raises(DataError) as caught:
        examples(CHOICE, row)
    assert str(caught.value) == f"f:1: {reason}"
