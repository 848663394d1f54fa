"""The packaged sample rows follow the official schema, are balanced, and cannot be answered by shallow rules."""

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rpt.config.check import check
from rpt.data.jsonl import SPLITS
from rpt.data.prepare import build_task
from rpt.data.sources import SAMPLES, sample_source
from tests.support.composed import compose
from tests.support.samples import FOLDERS, sample_rows
from tools.samples import GENERATORS
from tools.samples.__main__ import write_rows

CHECKSUMS = {
    "BoolQ": "72c8ad317cba3adaaa7925ed7aee9f4747fe8bc96bf3f8850f3859284848a899",
    "CB": "34be545c82fc932acba43443c8ee1584a1ede129935881f47610e479fcd977e0",
    "COPA": "25e828aa7b291b5569022d90dfd2b0d1f9eee6ad8af3fee38eb6735bcf15f0b2",
    "MultiRC": "dadfc45715d92f482a2e8201e98fd7d55c1b8a866a0b86615bbbf64a3c3c487c",
    "ReCoRD": "123f54a418959f66efe3dc73f72984d441c9858c62d7a48c0670847060f773f2",
    "RTE": "4a43d4ace1529baea2bb50ee3f4117e3b26010cf6123b87b0063779602c17c17",
    "WiC": "2ac541a5e46d1af3420b9a005003524378d260113ef0ba631b0f7dc7b7e35e76",
    "WSC": "bf52af0ccca1485a50f656ec05b329372ed592ee4fe9433b83e53ac5881c62b4",
}
KEYS = {
    "BoolQ": ["question", "passage", "label", "idx"],
    "CB": ["premise", "hypothesis", "label", "idx"],
    "COPA": ["premise", "choice1", "choice2", "question", "label", "idx"],
    "MultiRC": ["idx", "version", "passage"],
    "ReCoRD": ["source", "passage", "qas", "idx"],
    "RTE": ["premise", "hypothesis", "label", "idx"],
    "WiC": ["word", "sentence1", "sentence2", "start1", "end1", "start2", "end2", "label", "idx"],
    "WSC": ["text", "target", "label", "idx"],
}
TEXTS = {
    "BoolQ": ("passage", "question"),
    "CB": ("premise", "hypothesis"),
    "COPA": ("premise", "choice1", "choice2"),
    "MultiRC": ("passage", "question", "answer"),
    "RTE": ("premise", "hypothesis"),
    "WiC": ("word", "sentence1", "sentence2"),
    "WSC": ("text", "span1_text"),
}
"""Text fields of an example, the input of the shallow rules. ReCoRD has a test with rules of its own."""
MAJORITY = 0.5
MARGIN = 0.03
"""Largest accuracy of a shallow rule above one half. The labels are balanced, so that chance level is one half."""
VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}

each_folder = pytest.mark.parametrize("folder", FOLDERS)
each_folder_of_fixed_labels = pytest.mark.parametrize("folder", TEXTS)


@cache
def examples(folder, split):
    """Return the examples made from the sample rows of a split."""
    config = check(compose([f"task={folder.lower()}"]))
    return list(build_task(config).examples(sample_source(folder).splits[split]))


def texts(example, folder):
    return [example.fields[name] for name in TEXTS[folder]]


def words(text):
    return re.findall(r"\w+", text.lower())


def test_every_task_of_the_release_has_sample_rows():
    assert set(FOLDERS) == CHECKSUMS.keys() == KEYS.keys() == GENERATORS.keys()


@each_folder
def test_the_sample_rows_are_those_of_the_published_numbers(folder):
    assert sample_source(folder).checksum == CHECKSUMS[folder]


def test_the_generators_write_the_packaged_files(tmp_path):
    write_rows(tmp_path)
    for folder in FOLDERS:
        for split in SPLITS:
            name = f"{folder}/{split}.jsonl"
            assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes(), name


@each_folder
def test_rows_follow_the_official_schema(folder):
    for rows in sample_rows(folder).values():
        assert [row["idx"] for row in rows] == list(range(len(rows)))
        assert {tuple(row) for row in rows} == {tuple(KEYS[folder])}


@pytest.mark.slow
@each_folder
def test_no_example_occurs_twice(folder):
    seen = Counter(tuple(map(str, row.fields.values())) for split in SPLITS for row in examples(folder, split))
    assert seen.most_common(1)[0][1] == 1


@each_folder_of_fixed_labels
def test_train_and_validation_share_no_text(folder):
    for name in TEXTS[folder]:
        train, val = ({row.fields[name] for row in examples(folder, split)} for split in SPLITS)
        assert not train & val


@each_folder_of_fixed_labels
def test_a_constant_answer_is_right_on_half_of_the_rows(folder):
    for split in SPLITS:
        counts = Counter(row.target for row in examples(folder, split))
        assert max(counts.values()) == MAJORITY * counts.total()


@each_folder_of_fixed_labels
def test_rows_are_shuffled(folder):
    targets = [row.target for row in examples(folder, "train")]
    half = len(targets) // 2
    [(most, _)] = Counter(targets).most_common(1)
    assert 0.4 <= targets[:half].count(most) / half <= 0.6


def shared_ngrams(first, second, length):
    """Count the n-grams of `length` words that occur in both texts."""
    ngrams = (
        {" ".join(text[start : start + length]) for start in range(len(text) + 1 - length)}
        for text in (words(first), words(second))
    )
    return len(set.intersection(*ngrams))


def length_features(row):
    """Return features without vocabulary: lengths of the texts, and n-grams that the last text shares with the others.

    Args:
        row: The texts of an example.
    """
    *others, last = row
    lengths = [size for text in row for size in (len(text), len(text.split()))]
    return lengths + [shared_ngrams(text, last, length) for text in others for length in (1, 2, 3)]


def bags_of_words(train, val):
    """Yield the features of both splits from every vectorizer. Each text of an example has columns of its own."""
    for name, vectorizer in VECTORIZERS.items():
        for longest in (1, 2):
            blocks = []
            for seen, unseen in zip(zip(*train, strict=True), zip(*val, strict=True), strict=True):
                bag = vectorizer(ngram_range=(1, longest)).fit(seen)
                blocks.append((bag.transform(seen), bag.transform(unseen)))
            yield f"{name}, up to {longest}", [hstack(split).tocsr() for split in zip(*blocks, strict=True)]


def shallow_accuracies(folder):
    """Yield the accuracy on the validation rows of every shallow rule, trained on the training rows."""
    rows = {split: examples(folder, split) for split in SPLITS}
    targets = {split: [row.target for row in rows[split]] for split in SPLITS}
    train, val = ([texts(row, folder) for row in rows[split]] for split in SPLITS)
    views = {"in blocks": (train, val), "last text only": ([row[-1:] for row in train], [row[-1:] for row in val])}
    for view, splits in views.items():
        for kind, (seen, unseen) in bags_of_words(*splits):
            model = LogisticRegression(max_iter=1000, tol=1e-3).fit(seen, targets["train"])
            yield f"{view}: {kind}", model.score(unseen, targets["val"])
    seen, unseen = (np.array([length_features(row) for row in split], float) for split in (train, val))
    for rule in (LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)):
        model = make_pipeline(StandardScaler(), rule).fit(seen, targets["train"])
        yield f"lengths and overlap: {type(rule).__name__}", model.score(unseen, targets["val"])


@pytest.mark.slow  # training takes about 3 s for each task
@each_folder_of_fixed_labels
def test_shallow_rules_do_not_beat_the_majority(folder):
    accuracies = dict(shallow_accuracies(folder))
    assert {rule: accuracy for rule, accuracy in accuracies.items() if accuracy > MAJORITY + MARGIN} == {}


def most_mentioned(names):
    [(name, _)] = Counter(names).most_common(1)
    return name


@pytest.mark.parametrize(
    "choose",
    [most_mentioned, lambda names: names[0], lambda names: names[-1]],
    ids=["most mentioned", "first", "last"],
)
def test_the_order_and_number_of_mentions_do_not_tell_the_answer(choose):
    # Each query has three candidate entities, so that a random guess is right on a third of the queries.
    right = asked = 0
    for row in sample_rows("ReCoRD")["val"]:
        passage = row["passage"]
        spans = sorted((span["start"], span["end"] + 1) for span in passage["entities"])
        guess = choose([passage["text"][start:end] for start, end in spans])
        right += sum(guess in {answer["text"] for answer in query["answers"]} for query in row["qas"])
        asked += len(row["qas"])
    assert right / asked <= 1 / 3
