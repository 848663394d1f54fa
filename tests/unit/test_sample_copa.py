import re
from collections import Counter, defaultdict
from itertools import chain, combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rpt.data.samples import copa
from rpt.data.samples.copa_lexicon import LEXICONS

SPLITS = ("train", "val", "test")
LABELED = ("train", "val")
CHOICES = ("choice1", "choice2")
# Every circle told of everybody: 30 or 16 circles, 16 or 14 members of a cast, 8 rows.
MOST = {"train": 30 * 16 * 8, "val": 16 * 14 * 8, "test": 16 * 14 * 8}


@pytest.fixture(scope="module")
def rows():
    return copa.rows(0)


@pytest.fixture(scope="module")
def all_rows():
    return copa.rows(0, num_train=MOST["train"], num_val=MOST["val"], num_test=MOST["test"])


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def answer(row):
    return row[CHOICES[row["label"]]]


def by_choices(rows):
    """The rows of each pair of choices."""
    groups = defaultdict(list)
    for row in rows:
        groups[frozenset(row[key] for key in CHOICES)].append(row)
    return groups


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        keys = ["premise", *CHOICES, "question"] + ["label"] * (split != "test") + ["idx"]
        for idx, row in enumerate(rows[split]):
            assert list(row) == keys
            assert row["idx"] == idx
            assert row["question"] in ("cause", "effect")
            assert type(row.get("label", 0)) is int
            assert row.get("label", 0) in (0, 1)


def test_default_sizes(rows):
    assert {split: len(rows[split]) for split in SPLITS} == {"train": 640, "val": 256, "test": 256}


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 8), (8, 8), (9, 16), (250, 256)])
def test_sizes_are_rounded_up_to_whole_circles(asked, given):
    rows = copa.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


@pytest.mark.parametrize("split", SPLITS)
def test_more_rows_than_there_are_is_refused(all_rows, split):
    assert len(all_rows[split]) == MOST[split]
    asked = MOST[split] + 1
    with pytest.raises(ValueError, match=rf"num_{split} = {asked}: .* make {MOST[split]} rows\. Ask for at most"):
        copa.rows(0, **{f"num_{split}": asked})


def test_rows_depend_on_the_seed_alone(rows):
    assert copa.rows(0) == rows
    assert copa.rows(0, num_train=8)["val"] == rows["val"]
    for split in SPLITS:
        assert copa.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    # Unshuffled, seven neighbors of eight would have the same choices.
    num_alike = sum({a[key] for key in CHOICES} == {b[key] for key in CHOICES} for a, b in pairwise(rows["train"]))
    assert num_alike < 0.1 * len(rows["train"])


def test_no_row_occurs_twice(all_rows):
    keys = ("premise", *CHOICES, "question")
    seen = Counter(tuple(row[key] for key in keys) for split in SPLITS for row in all_rows[split])
    assert seen.most_common(1)[0][1] == 1


def test_texts_are_clean(all_rows):
    for row in chain(*all_rows.values()):
        for key in ("premise", *CHOICES):
            assert re.fullmatch(r"[A-Z][A-Za-z']*( [A-Za-z']+)+\.", row[key])
            assert len(row[key].split()) <= 15


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_event_and_nobody(first, second):
    events, members = ([set(), set()] for _ in range(2))
    for i, split in enumerate((first, second)):
        for circle in LEXICONS[split].circles:
            events[i] |= {circle.first, circle.second, circle.there, circle.back}
        members[i] |= set(chain(*LEXICONS[split].casts.values()))
    assert not events[0] & events[1]
    assert not members[0] & members[1]


def test_no_event_is_in_two_circles():
    for split in SPLITS:
        events = [text for c in LEXICONS[split].circles for text in (c.first, c.second, c.there, c.back)]
        assert len(events) == len(set(events))


def assert_crossed(rows):
    """Each premise with both questions and both orders; each pair of choices as causes equally often."""
    for pair, group in by_choices(rows).items():
        answers = {(row["premise"], row["question"], row["choice1"]): answer(row) for row in group}
        assert len(answers) == len(group)
        causes = Counter()
        for premise in {row["premise"] for row in group}:
            (cause,) = {answers[premise, "cause", choice1] for choice1 in pair}
            (effect,) = {answers[premise, "effect", choice1] for choice1 in pair}
            assert {cause, effect} == pair
            causes[cause] += 1
        assert len(group) == 4 * causes.total()
        assert len(pair) == len(causes) == 2
        assert len({*causes.values()}) == 1


@pytest.mark.parametrize("split", LABELED)
def test_answer_is_exactly_crossed_with_premise_question_and_order(rows, all_rows, split):
    assert_crossed(rows[split])
    assert_crossed(all_rows[split])


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32), num_circles=st.integers(min_value=1, max_value=60))
def test_every_event_is_right_as_often_as_wrong_whatever_the_seed(seed, num_circles):
    made = copa.rows(seed, num_train=8 * num_circles, num_val=8 * num_circles, num_test=0)
    for split in LABELED:
        assert_crossed(made[split])
        verdicts = Counter()
        for row in made[split]:
            for key in CHOICES:
                verdicts[row["question"], key, row[key]] += 1 if row[key] == answer(row) else -1
        assert set(verdicts.values()) == {0}


def test_a_premise_shares_equally_many_words_with_both_choices(all_rows):
    for row in chain(*all_rows.values()):
        first, second = (len(words(row["premise"]) & words(row[key])) for key in CHOICES)
        assert first == second


# Written by hand: a premise, its cause and its effect, as a careful reader tells them apart.
READ_BY_HAND = """
train | Nora's room became freezing cold. | She opened all the windows. | She turned up the heating.
train | Tom lay awake until dawn. | He drank strong coffee in the evening. | He was short of sleep.
train | My aunt's sauce was too sour. | She added lemon juice. | She added sugar.
train | Henry could no longer afford the gasoline. | He lost his job. | He sold his car.
train | Priya landed hard on one elbow. | She fell off the bicycle. | She broke an arm.
train | Priya had to steer with one hand. | She broke an arm. | She fell off the bicycle.
train | My brother took pity on a hungry animal. | A stray cat came to his door every day. | He fed a stray cat.
train | Driving into Milford became easy. | The council widened the highway. | More people drove to work.
val | Bruno did not feel like going home. | He quarreled with the family. | He stayed at the office until midnight.
val | Rosa got hardly any exercise. | She stopped playing football. | She put on weight.
val | Kenji's dough was runny. | He poured in more water. | He mixed in more flour.
val | My niece did not understand the locals. | She moved to Madrid. | She learned Spanish.
val | Hardly any children were left in Whitby. | Young couples moved away. | The school was closed.
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_labels_are_those_of_a_careful_reader(all_rows, line):
    split, premise, cause, effect = line.split(" | ")
    answers = {(row["question"], row["label"]): answer(row) for row in all_rows[split] if row["premise"] == premise}
    assert answers == {("cause", 0): cause, ("cause", 1): cause, ("effect", 0): effect, ("effect", 1): effect}


# Shallow rules: learned on train, judged on val, where every event is new.
MAJORITY = 0.5
MARGIN = 0.03
SEEDS_AND_SIZES = [(0, 256), (1, MOST["val"])]
VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}
BLOCKS = {
    "all": ("premise", *CHOICES, "question"),
    "choices": CHOICES,
    "choices, question": (*CHOICES, "question"),
    "premise, question": ("premise", "question"),
}


@pytest.fixture(scope="module", params=SEEDS_AND_SIZES, ids="seed {0[0]}, val {0[1]}".format)
def train_and_val(request):
    seed, num_val = request.param
    rows = copa.rows(seed, num_val=num_val)
    return rows["train"], rows["val"]


def val_accuracy(model, features, train_and_val):
    train_labels, val_labels = ([row["label"] for row in rows] for rows in train_and_val)
    return model.fit(features[0], train_labels).score(features[1], val_labels)


def text_lengths(row):
    texts = [row[key] for key in ("premise", *CHOICES)]
    return [len(text) for text in texts] + [len(text.split()) for text in texts] + [row["question"] == "cause"]


def word_overlap(row):
    shared = [len(words(row["premise"]) & words(row[key])) for key in CHOICES]
    return [*shared, shared[0] - shared[1], row["question"] == "cause"]


def test_a_constant_is_right_on_half(train_and_val):
    for rows in train_and_val:
        for question in ("cause", "effect"):
            labels = Counter(row["label"] for row in rows if row["question"] == question)
            assert labels[0] == labels[1] == MAJORITY * len(rows) / 2


@pytest.mark.parametrize("is_joined", [True, False], ids=["joined", "in blocks"])
@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("longest_ngram", [1, 2])
@pytest.mark.parametrize("vectorizer", VECTORIZERS)
def test_a_bag_of_words_does_not_tell_the_label(train_and_val, vectorizer, longest_ngram, blocks, is_joined):
    keys = BLOCKS[blocks]
    texts = [lambda row: " ".join(row[key] for key in keys)] if is_joined else [lambda row, k=k: row[k] for k in keys]
    bags = []
    for text_of in texts:
        bag = VECTORIZERS[vectorizer](ngram_range=(1, longest_ngram))
        bag.fit(map(text_of, train_and_val[0]))
        bags.append([bag.transform(map(text_of, rows)) for rows in train_and_val])
    features = [hstack(split).tocsr() for split in zip(*bags, strict=True)]
    model = LogisticRegression(max_iter=1000, tol=1e-3)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN


@pytest.mark.parametrize("features_of", [text_lengths, word_overlap])
@pytest.mark.parametrize("rule", [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)], ids=repr)
def test_lengths_and_overlap_do_not_tell_the_label(train_and_val, rule, features_of):
    features = [np.array([features_of(row) for row in rows], float) for rows in train_and_val]
    model = make_pipeline(StandardScaler(), rule)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN


def test_the_choice_that_shares_more_words_is_no_better_than_the_other(train_and_val):
    for rows in train_and_val:
        guesses = [int(word_overlap(row)[2] < 0) for row in rows]
        num_right = sum(guess == row["label"] for guess, row in zip(guesses, rows, strict=True))
        assert num_right == MAJORITY * len(rows)
