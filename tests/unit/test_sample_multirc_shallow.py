"""MultiRC's sample rows cannot be told by shallow rules: learned on train, judged on val, where all facts are new."""

import re

import numpy as np
import pytest
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rpt.data.samples import multirc
from rpt.data.samples.multirc_lexicon import LEXICONS

MAJORITY = 0.5
MARGIN = 0.03
SEEDS_AND_SIZES = [(0, 40), (1, 300)]
VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}
TEXTS = {
    "joined": (" ".join,),
    "three blocks": (lambda texts: texts[0], lambda texts: texts[1], lambda texts: texts[2]),
    "question and answer": (lambda texts: texts[1], lambda texts: texts[2]),
    "answer only": (lambda texts: texts[2],),
}


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


@pytest.fixture(scope="module", params=SEEDS_AND_SIZES, ids="seed {0[0]}, val {0[1]}".format)
def train_and_val(request):
    seed, num_val = request.param
    rows = multirc.rows(seed, num_val=num_val, num_test=0)
    return answer_rows(rows["train"]), answer_rows(rows["val"])


def val_accuracy(model, features, train_and_val):
    train_labels, val_labels = ([label for *_, label in rows] for rows in train_and_val)
    return model.fit(features[0], train_labels).score(features[1], val_labels)


def overlap(short, long):
    return len({*words(short)} & {*words(long)}) / len({*words(short)})


def text_lengths(passage, question, answer):
    return [len(text) for text in (passage, question, answer)] + [len(answer.split())]


def answer_overlap(passage, question, answer):
    best_sentence = max(passage.split(". "), key=lambda sentence: overlap(answer, sentence))
    return [overlap(answer, passage), overlap(answer, best_sentence), overlap(question, best_sentence)]


def test_a_constant_is_right_on_half(train_and_val):
    for rows in train_and_val:
        assert sum(label for *_, label in rows) == MAJORITY * len(rows)


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("longest_ngram", [1, 2])
@pytest.mark.parametrize("vectorizer", VECTORIZERS)
def test_a_bag_of_words_does_not_tell_the_label(train_and_val, vectorizer, longest_ngram, texts):
    blocks = []
    for text_of in TEXTS[texts]:
        bag = VECTORIZERS[vectorizer](ngram_range=(1, longest_ngram))
        bag.fit(text_of(row[:3]) for row in train_and_val[0])
        blocks.append([bag.transform(text_of(row[:3]) for row in rows) for rows in train_and_val])
    features = [hstack(split).tocsr() for split in zip(*blocks, strict=True)]
    model = LogisticRegression(max_iter=1000, tol=1e-3)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN


@pytest.mark.parametrize("features_of", [text_lengths, answer_overlap])
@pytest.mark.parametrize("rule", [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)], ids=repr)
def test_lengths_and_overlap_do_not_tell_the_label(train_and_val, rule, features_of):
    features = [np.array([features_of(*row[:3]) for row in rows], float) for rows in train_and_val]
    model = make_pipeline(StandardScaler(), rule)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN


def test_an_answer_is_not_told_by_the_name_in_its_sentence(train_and_val):
    """Say yes where the sentence that tells a fact names the owner asked for: right on half."""
    num_right = 0
    for passage, question, answer, label in train_and_val[1]:
        (item,) = (item for story in LEXICONS["val"].stories for item in story.facts if item.answer == answer)
        (sentence,) = (s for s in re.findall(r"[^.]+\.", passage) if item.base in s or item.past in s)
        num_right += label == (owner_in("val", question) in re.findall(r"\w+", sentence))
    assert num_right == MAJORITY * len(train_and_val[1])
