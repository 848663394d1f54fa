import re
from collections import Counter
from itertools import chain, combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.data.samples import boolq
from rpt.data.samples.boolq_lexicon import CONTRASTS, SWAPS, Contrast, Swap
from rpt.data.samples.crossing import cross

SPLITS = ("train", "val", "test")
COLUMNS = ("passage", "question")
# Words that phrases of different splits share with the rest of English.
LITTLE_WORDS = {"a", "all", "an", "are", "as", "is", "of", "one", "than", "the"}
MAJORITY = 0.5
MARGIN = 0.03


@pytest.fixture(scope="module")
def rows():
    return boolq.rows(0)


@pytest.fixture(scope="module")
def large():
    return boolq.rows(1, num_val=2560, num_test=2560)


def words(*texts):
    return {word for text in texts for word in re.findall(r"\w+", text.lower())}


def facts(split, form):
    return [fact for subject in boolq.SUBJECTS[split] for fact in subject.facts if isinstance(fact, form)]


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        keys = ["question", "passage"] + ["label"] * (split != "test") + ["idx"]
        for idx, row in enumerate(rows[split]):
            assert list(row) == keys
            assert row["idx"] == idx
            assert isinstance(row.get("label", True), bool)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 64), (64, 64), (65, 128), (256, 256)])
def test_sizes_are_rounded_up_to_whole_rounds(asked, given):
    rows = boolq.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


def test_rows_depend_on_the_seed_alone(rows):
    assert boolq.rows(0) == rows
    assert boolq.rows(0, num_train=64)["val"] == rows["val"]
    for split in SPLITS:
        assert boolq.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    labels = [row["label"] for row in rows["train"]]
    # Unshuffled, the answers of a block would read yes, no, no, yes.
    num_alike = sum(a == b for a, b in pairwise(labels))
    assert 0.4 < num_alike / len(labels) < 0.6
    assert len({row["passage"] for row in rows["train"][:16]}) > 8


def test_no_pair_of_texts_occurs_twice(large):
    pairs = Counter((row["passage"], row["question"]) for row in chain(*large.values()))
    assert pairs.most_common(1)[0][1] == 1


def test_texts_are_clean(large):
    for row in chain(*large.values()):
        passage, question = row["passage"], row["question"]
        assert re.fullmatch(r"[A-Z][A-Za-z ()]+ -- [A-Z][A-Za-z0-9 ,.]+\.", passage)
        assert re.fullmatch(r"[a-z0-9 ]+", question)
        assert "  " not in passage + question
        assert 40 <= len(passage.split()) <= 70
        assert len(re.findall(r"\.( |$)", passage)) == 4


@pytest.mark.parametrize(("first", "second"), list(permutations(SPLITS, 2)))
def test_names_of_one_split_occur_nowhere_in_another(large, first, second):
    names = words(*chain(*(subject.names for subject in boolq.SUBJECTS[first])))
    assert not names & words(*(row[column] for row in large[second] for column in COLUMNS))


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_fact_value_or_phrase(first, second):
    for field in ("text", "affirm", "deny"):
        assert not {getattr(fact, field) for fact in facts(first, Swap)} & {
            getattr(fact, field) for fact in facts(second, Swap)
        }
    values = [set(chain(*(fact.values for fact in facts(split, Swap)))) for split in (first, second)]
    assert not values[0] & values[1]
    phrases = [words(*chain(*(fact.phrases for fact in facts(split, Contrast)))) for split in (first, second)]
    assert not phrases[0] & phrases[1] - LITTLE_WORDS


def test_every_split_has_facts_of_every_phenomenon():
    for split in SPLITS:
        for phenomena, form in ((SWAPS, Swap), (CONTRASTS, Contrast)):
            counts = Counter(fact.phenomenon for fact in facts(split, form))
            assert set(counts) == set(phenomena)
            assert min(counts.values()) >= (4 if split == "train" else 2)


def test_no_two_facts_of_a_subject_share_a_value():
    for subject in chain(*boolq.SUBJECTS.values()):
        values = Counter(chain(*(fact.values for fact in subject.facts if isinstance(fact, Swap))))
        assert set(values.values()) == {1}


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_each_text_has_both_answers_equally_often(seed):
    for rows in (boolq.rows(seed, num_train=128, num_test=0)[split] for split in ("train", "val")):
        for column in COLUMNS:
            balance = Counter()
            for row in rows:
                balance[row[column]] += 1 if row["label"] else -1
            assert set(balance.values()) == {0}


def test_every_test_passage_goes_with_two_questions_or_more(rows):
    questions = Counter(row["passage"] for row in rows["test"])
    assert {count % 2 for count in questions.values()} == {0}


def test_what_the_texts_share_does_not_tell_the_answer(large, sharing):
    for split in ("train", "val"):
        balance = Counter()
        for row in large[split]:
            balance[row["question"], sharing(row, COLUMNS)] += 1 if row["label"] else -1
        assert set(balance.values()) == {0}


# Written by hand: a fact of a subject and how it is told, the sentence that must come of it, a
# question, and the answer that a careful reader gives.
READ_BY_HAND = """
train | 0 0 affirm | Mondays, Fridays | It is open daily except on Mondays, and on Fridays it stays open until ten. | \
is the brandell museum closed all day on mondays | yes
train | 0 0 deny | Mondays, Fridays | It is open daily except on Fridays, and on Mondays it stays open until ten. | \
can you visit the brandell museum on fridays | no
train | 0 5 - | - | Only two of its four floors can be reached by elevator. | \
can you get to every floor of the brandell museum by elevator | no
train | 1 1 deny | upper deck, main deck | There is room for 140 people on the main deck and for 90 on the upper \
deck. | does the upper deck of the aldersund ferry hold fewer people than the main deck | yes
train | 2 2 deny | cinema, library | The cinema opened in 1954 and the library in 1968, both in the same street. | \
is the cinema of ellingford newer than the library | no
train | 4 0 deny | lens, flash | The warranty lasts five years, but the flash is excluded and the lens is covered for \
ten. | is the lens of the optara under warranty | yes
val | 0 3 affirm | terrace, restaurant | There is a ramp to the terrace, but only steep stairs lead to the \
restaurant. | is the restaurant of the grauhorn cableway accessible by wheelchair | no
val | 1 2 deny | Danes, Saxons | It was besieged by the Danes in 1280 and by the Saxons in 1411. | \
did the saxons attack arnwald castle after the danes | yes
val | 1 5 - | - | Not one of its five gates has survived. | are all five gates of arnwald castle still standing | no
val | 2 1 affirm | hot, wet | It lays about nine eggs in a wet year and about five in a hot year. | \
does the banda skink lay more eggs in a wet year than in a hot year | yes
test | 0 6 - | - | People from outside the city enjoy free membership. | \
does the ansgar archive cost people from outside the city money | no
test | 1 0 deny | Karvik, Tolmera | It may enter every port on its route except Karvik, and Tolmera is where it is \
repaired. | can the astraea enter the port of tolmera | yes
test | 1 7 - | - | Fully loaded, it needs noticeably more than nine meters of water. | \
is nine meters of water deep enough for the astraea when it is fully loaded | no
test | 2 3 deny | weather, animal | Players hide their animal cards and place their weather cards face up. | \
can others see your weather cards in torvell | yes
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_labels_are_those_of_a_careful_reader(line):
    split, telling, values, sentence, question, expected = line.split(" | ")
    subject_index, fact_index, polarity = telling.split()
    subject = boolq.SUBJECTS[split][int(subject_index)]
    fact = subject.facts[int(fact_index)]
    scene = boolq.Scene(subject=subject, name=subject.names[0], before=("It is old.",), after=("It is known.",))
    if polarity == "-":
        block = boolq.contrast_block(scene, fact)
    else:
        block = boolq.swap_block(scene, fact, polarity, tuple(values.split(", ")))
    answers = {(passage, text): is_match for passage, text, is_match in cross(block)}
    (passage,) = {passage for passage, _ in answers if f" It is old. {sentence} It is known." in passage}
    assert answers[passage, question] == (expected == "yes")


# Shallow rules: learned on train, judged on val, where every subject, name, value and phrase is new.
@pytest.mark.slow  # about 6 s of learning
def test_shallow_rules_do_not_beat_the_majority(rows, large, shallow_accuracies):
    for made in (rows, large):
        found = shallow_accuracies(made["train"], made["val"], COLUMNS)
        assert found["constant"] == MAJORITY
        assert {rule: accuracy for rule, accuracy in found.items() if accuracy > MAJORITY + MARGIN} == {}
