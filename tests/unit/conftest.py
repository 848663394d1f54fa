"""Fixtures of more than one unit test."""

import re

import numpy as np
import pytest
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}


def shared_ngrams(row, columns, length):
    """Runs of so many words that occur in both texts of a row."""
    texts = [re.findall(r"\w+", row[column].lower()) for column in columns]
    first, second = ({" ".join(text[i : i + length]) for i in range(len(text) + 1 - length)} for text in texts)
    return first & second


def bags(splits, texts_of):
    """Every vectorizer's features of the splits, each text in a block of its own."""
    for name, vectorizer in VECTORIZERS.items():
        for longest in (1, 2):
            blocks = []
            for text_of in texts_of:
                bag = vectorizer(ngram_range=(1, longest)).fit(map(text_of, splits[0]))
                blocks.append([bag.transform(map(text_of, rows)) for rows in splits])
            yield f"{name}, up to {longest}", [hstack(split).tocsr() for split in zip(*blocks, strict=True)]


def shapes(splits, columns):
    """Features of the splits that no vocabulary enters: lengths, and how much the two texts share."""
    kinds = {
        "lengths": lambda row: [size for text in map(row.get, columns) for size in (len(text), len(text.split()))],
        "overlap": lambda row: [
            *(len(shared_ngrams(row, columns, length)) / len(row[columns[1]].split()) for length in (1, 2, 3)),
            *(len(row[column]) for column in columns),
        ],
    }
    for name, features_of in kinds.items():
        yield name, [np.array([features_of(row) for row in rows], float) for rows in splits]


@pytest.fixture(scope="session")
def shallow_accuracies():
    """Accuracy on the second of two splits of every shallow rule that is learned on the first."""

    def judge(train, val, columns):
        splits, found = (train, val), {}
        labels = [[row["label"] for row in rows] for rows in splits]
        found["constant"] = max(labels[1].count(label) for label in labels[0]) / len(val)
        first, second = (lambda row, column=column: row[column] for column in columns)
        texts = {
            "joined": (lambda row: f"{first(row)} {second(row)}",),
            "two blocks": (first, second),
            f"{columns[0]} only": (first,),
            f"{columns[1]} only": (second,),
        }
        for name, texts_of in texts.items():
            for kind, (seen, unseen) in bags(splits, texts_of):
                model = LogisticRegression(max_iter=1000, tol=1e-3).fit(seen, labels[0])
                found[f"{name}: {kind}"] = model.score(unseen, labels[1])
        for name, (seen, unseen) in shapes(splits, columns):
            for rule in (LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)):
                model = make_pipeline(StandardScaler(), rule).fit(seen, labels[0])
                found[f"{name}: {type(rule).__name__}"] = model.score(unseen, labels[1])
        return found

    return judge


@pytest.fixture(scope="session")
def sharing():
    """What the two texts of a row have in common: the runs of up to three words that occur in both."""
    return lambda row, columns: frozenset().union(*(shared_ngrams(row, columns, length) for length in (1, 2, 3)))
