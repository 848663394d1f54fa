"""MultiRC's sample rows: their form, what is crossed in them, and the labels that a careful reader would give."""

import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.data.samples import multirc
from rpt.data.samples.multirc_lexicon import LEXICONS

SPLITS = ("train", "val", "test")
# How a sentence with two owners says which of them is meant; the name is the owner's.
SAYS_WHO = (
    r"in the end (\w+) did it",
    r"it was (\w+) who did",
    r"It was (?:in )?(\w+), not ",
    r"so (\w+) did it instead",
    r"did so in (\w+) instead",
    r"but (\w+) did, and they took it",
    r"moved to (\w+)\.",
)


@pytest.fixture(scope="module")
def rows():
    return multirc.rows(0)


def words(text):
    return re.findall(r"\w+", text.lower())


def answer_rows(rows):
    """One (passage, question, answer, label) for every answer; the label of a test row is None."""
    return [
        (row["passage"]["text"], question["question"], answer["text"], answer.get("label"))
        for row in rows
        for question in row["passage"]["questions"]
        for answer in question["answers"]
    ]


def owner_names(split):
    lexicon = LEXICONS[split]
    return {name for name, _ in lexicon.people} | {*lexicon.places} | {*lexicon.months}


def owner_in(split, text):
    (name,) = owner_names(split) & {*re.findall(r"\w+", text)}
    return name


def read(split, passage):
    """What a reader of the passage makes of it: the owner of every answer's fact."""
    names = owner_names(split)
    story = next(story for story in LEXICONS[split].stories if story.ending in passage)
    owners, last_named = {}, None
    for sentence in re.findall(r"[^.]+\.", passage):
        named = [word for word in re.findall(r"\w+", sentence) if word in names]
        for item in story.facts:
            place = max(sentence.find(item.base), sentence.find(item.past))
            if place < 0:
                continue
            said = next((found[1] for sign in SAYS_WHO if (found := re.search(sign, sentence))), None)
            before = [word for word in re.findall(r"\w+", sentence[:place]) if word in names]
            # Else the last name before the fact; under a pronoun, the only one of a sentence before.
            owners[item.answer] = said or (before[-1] if before else last_named)
        if len(named) == 1:
            last_named = named[0]
    return owners


def twin_key(split, passage):
    """Equal for twins: the words of the passage, but for the owners and their pronouns."""
    ignored = {name.lower() for name in owner_names(split)} | {"she", "he", "they"}
    return tuple(sorted(word for word in words(passage) if word not in ignored))


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        for idx, row in enumerate(rows[split]):
            assert list(row) == ["idx", "version", "passage"]
            assert row["idx"] == idx
            assert list(row["passage"]) == ["text", "questions"]
            for question in row["passage"]["questions"]:
                assert list(question) == ["question", "answers", "idx"]
                for answer in question["answers"]:
                    assert list(answer) == ["text", "idx"] + ["label"] * (split != "test")
                    assert answer.get("label", 0) in (0, 1)


def test_questions_and_answers_are_numbered_over_the_whole_split(rows):
    for split in SPLITS:
        questions = [question for row in rows[split] for question in row["passage"]["questions"]]
        answers = [answer for question in questions for answer in question["answers"]]
        assert [question["idx"] for question in questions] == [*range(len(questions))]
        assert [answer["idx"] for answer in answers] == [*range(len(answers))]


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 2), (2, 2), (41, 42)])
def test_sizes_are_rounded_up_to_whole_twins(asked, given):
    rows = multirc.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


def test_default_splits_have_enough_answer_rows(rows):
    for split, least in zip(SPLITS, (800, 300, 300), strict=True):
        assert len(answer_rows(rows[split])) >= least


def test_rows_depend_on_the_seed_alone(rows):
    assert multirc.rows(0) == rows
    assert multirc.rows(0, num_train=2)["val"] == rows["val"]
    for split in SPLITS:
        assert multirc.rows(1)[split] != rows[split]


def test_twins_and_answers_are_shuffled(rows):
    keys = [twin_key("train", row["passage"]["text"]) for row in rows["train"]]
    assert sum(a == b for a, b in zip(keys[::2], keys[1::2], strict=True)) < len(keys) / 10
    lists = [question["answers"] for row in rows["train"] for question in row["passage"]["questions"]]
    first_is_right = [answers[0]["label"] for answers in lists]
    assert 0.35 < sum(first_is_right) / len(first_is_right) < 0.65


def test_no_passage_occurs_twice():
    rows = multirc.rows(0, num_train=600, num_val=600, num_test=600)
    texts = Counter(row["passage"]["text"] for split in SPLITS for row in rows[split])
    assert texts.most_common(1)[0][1] == 1


def test_questions_of_a_passage_differ_and_so_do_the_answers_of_a_question(rows):
    for split in SPLITS:
        for row in rows[split]:
            questions = row["passage"]["questions"]
            assert len({question["question"] for question in questions}) == len(questions) in (2, 3)
            for question in questions:
                texts = [answer["text"] for answer in question["answers"]]
                assert len(set(texts)) == len(texts) in (3, 4, 5)


def test_texts_are_clean(rows):
    for split in SPLITS:
        for passage, question, answer, _ in answer_rows(rows[split]):
            assert re.fullmatch(r"([A-Z][\w ,;'-]+\. )+[A-Z][\w ,;'-]+\.", passage)
            assert 60 <= len(passage.split()) <= 120
            assert re.fullmatch(r"[A-Z][\w ']+\?", question)
            assert re.fullmatch(r"[A-Z][\w ']+", answer)
            assert "  " not in passage + question + answer


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_word_list_entry(first, second):
    assert not owner_names(first) & owner_names(second)
    texts = [
        {text for story in LEXICONS[split].stories for text in (story.intro, *story.asides, story.ending)}
        | {text for story in LEXICONS[split].stories for item in story.facts for text in (item.base, item.past)}
        | {item.answer for story in LEXICONS[split].stories for item in story.facts}
        for split in (first, second)
    ]
    assert not texts[0] & texts[1]


@pytest.mark.parametrize("split", SPLITS)
def test_owners_occur_in_no_story(split):
    for story in LEXICONS[split].stories:
        assert "{owners}" in story.intro
        assert len({item.answer for item in story.facts}) == len(story.facts) == 9
        assert bool(story.setting) == (story.kind == "person") != bool(story.actors)
        texts = (story.intro, *story.asides, story.ending, *(item.past for item in story.facts))
        assert not owner_names(split) & {word for text in texts for word in re.findall(r"\w+", text)}


def test_half_of_the_answers_are_right(rows):
    for split in ("train", "val"):
        labels = Counter(label for *_, label in answer_rows(rows[split]))
        assert labels[0] == labels[1]


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_answer_right_for_one_question_is_wrong_for_another_of_the_same_passage(rows, split):
    labels = defaultdict(list)
    for passage, _, answer, label in answer_rows(rows[split]):
        labels[passage, answer].append(label)
    assert all(sorted(both) == [0, 1] for both in labels.values())


@pytest.mark.parametrize("split", ["train", "val"])
def test_twins_ask_the_same_and_have_the_opposite_labels(rows, split):
    labels = defaultdict(list)
    for passage, question, answer, label in answer_rows(rows[split]):
        labels[twin_key(split, passage), question, answer].append(label)
    assert all(sorted(both) == [0, 1] for both in labels.values())


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_labels_follow_from_a_reading_of_the_passage(seed):
    for split, rows in multirc.rows(seed, num_train=20, num_val=20, num_test=0).items():
        for passage, question, answer, label in answer_rows(rows):
            assert label == (read(split, passage)[answer] == owner_in(split, question))


# Written by hand. First the passages that must come of a plan, with each answer and who a careful
# reader says it is true of; then, below, one line for every way to set two owners against each other.
HUT = LEXICONS["train"].stories[0]
HUT_PLAN = multirc.Plan(
    story=HUT,
    owners=(multirc.Owner(name="Marta", pronoun="she"), multirc.Owner(name="Simon", pronoun="he")),
    groups=((HUT.facts[1], HUT.facts[3]), (HUT.facts[0], HUT.facts[2], HUT.facts[8])),
    clauses=(HUT.facts[1], HUT.facts[0]),
    contrasts=((0, HUT.facts[3], multirc.CONTRASTS["person"][0]),),
    leads=("{owner} hardly sat down.", "{owner} was a great help."),
    questions=("What did {owner} do {setting}?", "Which jobs did {owner} do {setting}?"),
    is_mixed_first=True,
)
HUT_PASSAGES = (
    "Marta and Simon spent the first weekend of spring at the fishing hut that their families share. "
    "The place had stood empty since the autumn, and the path to the door was hard to find. "
    "Marta chopped wood for the stove, and Simon patched the old rowing boat with tar. "
    "Simon had offered to scrub the kitchen floor, but in the end Marta did it. "
    "Simon hardly sat down. He hung the nets on the line and painted the shutters green. "
    "By Sunday night the hut looked better than it had in years.",
    "Marta and Simon spent the first weekend of spring at the fishing hut that their families share. "
    "The place had stood empty since the autumn, and the path to the door was hard to find. "
    "Marta patched the old rowing boat with tar, and Simon chopped wood for the stove. "
    "Marta had offered to scrub the kitchen floor, but in the end Simon did it. "
    "Marta hardly sat down. She hung the nets on the line and painted the shutters green. "
    "By Sunday night the hut looked better than it had in years.",
)
HUT_ANSWERS = {
    "Prepared firewood": ("Marta", "Simon"),
    "Washed the floor in the kitchen": ("Marta", "Simon"),
    "Repaired a boat": ("Simon", "Marta"),
    "Put the nets out to dry": ("Simon", "Marta"),
    "Gave the shutters a new color": ("Simon", "Marta"),
}
READ_BY_HAND = """
person 0 | Paula had offered to bake a cake, but in the end Leila did it. | Leila
person 1 | Everyone expected Paula to bake a cake, but it was Leila who did. | Leila
person 2 | It was Leila, not Paula, who baked a cake. | Leila
person 3 | Paula was supposed to bake a cake but had no time, so Leila did it instead. | Leila
place 0 | They had meant to bake a cake in Ghent, but they did so in Basel instead. | Basel
place 1 | It was in Basel, not in Ghent, that they baked a cake. | Basel
place 2 | Ghent gave them no chance to bake a cake, but Basel did, and they took it. | Basel
month 0 | The plan was to bake a cake in March, but that was moved to April. | April
month 1 | It was in April, not in March, that they baked a cake. | April
month 2 | They had hoped to bake a cake in March, but they did so in April instead. | April
"""


@pytest.mark.parametrize("turn", [0, 1])
def test_labels_are_those_of_a_careful_reader(turn):
    assert multirc.render_passage(HUT_PLAN, turn) == HUT_PASSAGES[turn]
    questions = multirc.render_questions(HUT_PLAN, turn)
    assert [text for text, _ in questions] == [
        "What did Marta do at the fishing hut?",
        "Which jobs did Simon do at the fishing hut?",
    ]
    for name, (_, answers) in zip(("Marta", "Simon"), questions, strict=True):
        assert dict(answers) == {answer: int(who[turn] == name) for answer, who in HUT_ANSWERS.items()}


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_contrasts_say_who_it_was(line):
    place, sentence, owner = line.split(" | ")
    kind, index = place.split()
    (other,) = {"Paula", "Ghent", "March"} & {*re.findall(r"\w+", sentence)}
    frame = multirc.CONTRASTS[kind][int(index)]
    assert frame.format(owner=owner, other=other, base="bake a cake", past="baked a cake") == sentence


def test_every_contrast_is_read_by_hand():
    assert len(READ_BY_HAND.strip().splitlines()) == sum(map(len, multirc.CONTRASTS.values()))
