import re
from collections import Counter
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

from rpt.data.samples import wic
from rpt.data.samples.wic_lexicon import LEXICONS

SPLITS = ("train", "val", "test")
LABELED = ("train", "val")
FIELDS = ("word", "sentence1", "sentence2")
OFFSETS = ("start1", "end1", "start2", "end2")


def words(text):
    return set(re.findall(r"\w+", text.lower()))


# Words that say nothing of a sense, so that two contexts of it may share them.
LITTLE_WORDS = words(
    "a after all an and are as at be because been but by each every for from had has have he her his i in into is it "
    "its my no not of on our out over 's she so that the their them they this to two under until up us very was we "
    "were when while who with you"
)


def senses(split):
    """The sense of each context: the lemma and its number."""
    return {
        context.sentence: (word.lemma, number)
        for word in LEXICONS[split]
        for number, contexts in enumerate(word.senses, 1)
        for context in contexts
    }


SENSES = {split: senses(split) for split in SPLITS}


@pytest.fixture(scope="module")
def rows():
    return wic.rows(0)


def num_shared(row):
    return len(words(row["sentence1"]) & words(row["sentence2"]))


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        keys = [*FIELDS, *OFFSETS] + ["label"] * (split != "test") + ["idx"]
        for idx, row in enumerate(rows[split]):
            assert list(row) == keys
            assert row["idx"] == idx
            assert type(row.get("label", True)) is bool
            assert {type(row[key]) for key in OFFSETS} == {int}


def test_default_sizes(rows):
    assert {split: len(rows[split]) for split in SPLITS} == {"train": 480, "val": 200, "test": 200}


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 4), (4, 4), (5, 8), (199, 200)])
def test_sizes_are_rounded_up_to_whole_quartets(asked, given):
    rows = wic.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


@pytest.mark.parametrize("split", SPLITS)
def test_more_rows_than_there_are_is_refused(split):
    with pytest.raises(ValueError, match=rf"num_{split} = 2000: WiC's word lists make \d+ rows\. Ask for at most"):
        wic.rows(0, **{f"num_{split}": 2000})


def test_rows_depend_on_the_seed_alone(rows):
    assert wic.rows(0) == rows
    assert wic.rows(0, num_train=4)["val"] == rows["val"]
    for split in SPLITS:
        assert wic.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    # Unshuffled, three neighbors of four would be about the same word.
    num_alike = sum(a["word"] == b["word"] for a, b in pairwise(rows["train"]))
    assert num_alike < 0.15 * len(rows["train"])


@pytest.mark.parametrize("seed", range(5))
def test_no_row_occurs_twice_nor_its_mirror_image_in_the_default_sizes(seed):
    made = wic.rows(seed)
    assert max(Counter((r["sentence1"], r["sentence2"]) for r in chain(*made.values())).values()) == 1
    for split in ("val", "test"):
        assert max(Counter(frozenset((r["sentence1"], r["sentence2"])) for r in made[split]).values()) == 1


@pytest.mark.parametrize("split", SPLITS)
def test_offsets_are_those_of_one_form_of_the_word(split):
    forms = {}
    for row in wic.rows(2, **{f"num_{split}": 400})[split]:
        for sentence, start, end in (("sentence1", "start1", "end1"), ("sentence2", "start2", "end2")):
            text, form = row[sentence], row[sentence][row[start] : row[end]]
            assert re.findall(rf"\b{form}\b", text) == [form]
            assert re.match(rf"\b{form}\b", text[row[start] :])
            assert forms.setdefault(row["word"], form) == form
    assert len(forms) == len(LEXICONS[split])
    # Nouns and regular verbs keep their lemma; the rest are these.
    irregular = {"drew", "ran", "caught", "struck"}
    assert all(form in irregular or form.startswith(word.removesuffix("e")) for word, form in forms.items())


def test_texts_are_clean(rows):
    for row in chain(*rows.values()):
        for key in ("sentence1", "sentence2"):
            assert re.fullmatch(r"[A-Z][A-Za-z']*(,? [A-Za-z']+)+[.!?]", row[key])
            assert len(row[key].split()) <= 16


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_word_and_no_context(first, second):
    assert not {word.lemma for word in LEXICONS[first]} & {word.lemma for word in LEXICONS[second]}
    assert not SENSES[first].keys() & SENSES[second].keys()


@pytest.mark.parametrize("split", SPLITS)
def test_each_word_has_four_contexts_of_each_sense(split):
    assert len(LEXICONS[split]) == (20 if split == "train" else 14)
    assert len({word.lemma for word in LEXICONS[split]}) == len(LEXICONS[split])
    assert set(Counter(SENSES[split].values()).values()) == {4}


@pytest.mark.parametrize("split", SPLITS)
def test_two_contexts_of_a_word_share_no_telling_word(split):
    for word in LEXICONS[split]:
        contexts = [*chain(*word.senses)]
        form = contexts[0].sentence[contexts[0].start : contexts[0].end]
        for one, other in combinations(contexts, 2):
            assert words(one.sentence) & words(other.sentence) - LITTLE_WORDS == {form}


def assert_crossed(rows):
    """In either place, every sentence is in as many true rows as false ones; so is every shared word."""
    verdicts = Counter()
    for row in rows:
        shared = words(row["sentence1"]) & words(row["sentence2"])
        for key in ("all", len(shared), *shared, (1, row["sentence1"]), (2, row["sentence2"])):
            verdicts[key] += 1 if row["label"] else -1
    assert set(verdicts.values()) == {0}


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32), num_quartets=st.integers(min_value=1, max_value=80))
def test_label_is_the_sense_and_exactly_crossed_whatever_the_seed(seed, num_quartets):
    made = wic.rows(seed, num_train=4 * num_quartets, num_val=4 * num_quartets, num_test=0)
    for split in LABELED:
        assert_crossed(made[split])
        for row in made[split]:
            first, second = (SENSES[split][row[key]] for key in ("sentence1", "sentence2"))
            assert row["sentence1"] != row["sentence2"]
            assert row["word"] == first[0] == second[0]
            assert row["label"] == (first == second)


# Written by hand: two contexts, and whether a careful reader finds the same sense of the word.
READ_BY_HAND = """
train | bank | Reeds grew thickly along the bank. | The bank refused to give him a mortgage. | no
train | bank | The boys were fishing from the bank. | We pulled the canoe up onto the bank. | yes
train | fire | The hunter aimed carefully and fired. | She got fired from her first job. | no
train | draw | The sheriff drew his gun. | A magician drew a rabbit out of the hat. | yes
train | miss | The old sailor missed the sea. | The arrow missed the target by an inch. | no
train | scale | The butcher put the meat on the scale. | A kitchen scale is useful for baking. | yes
val | mouse | My mouse needs new batteries. | The cat was playing with a dead mouse. | no
val | catch | Half of the class caught the flu. | Many settlers caught malaria and died. | yes
val | file | She filed the invoices by date. | She filed her nails while watching television. | no
val | cast | The fishermen cast their nets into the sea. | He was cast as the villain in a western. | no
val | deck | There are four aces in a deck. | You cannot play poker without a complete deck. | yes
test | club | The caveman carried a heavy club. | The guards were armed with a club each. | yes
test | settle | Her ancestors settled in Kansas. | The brothers finally settled their quarrel. | no
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_senses_are_those_of_a_careful_reader(line):
    split, lemma, one, other, is_same = line.split(" | ")
    first, second = SENSES[split][one], SENSES[split][other]
    assert first[0] == second[0] == lemma
    assert {"yes": True, "no": False}[is_same] == (first == second)


# Shallow rules: learned on train, judged on val, where every ambiguous word is new.
MAJORITY = 0.5
MARGIN = 0.03
SEEDS_AND_SIZES = [(0, 200), (1, 440)]
VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}
TEXTS = {
    "joined": (lambda row: " ".join(row[key] for key in FIELDS),),
    "in blocks": tuple(lambda row, key=key: row[key] for key in FIELDS),
    "sentence1 only": (lambda row: row["sentence1"],),
    "sentence2 only": (lambda row: row["sentence2"],),
}


@pytest.fixture(scope="module", params=SEEDS_AND_SIZES, ids="seed {0[0]}, val {0[1]}".format)
def train_and_val(request):
    seed, num_val = request.param
    rows = wic.rows(seed, num_val=num_val)
    return rows["train"], rows["val"]


def val_accuracy(model, features, train_and_val):
    train_labels, val_labels = ([row["label"] for row in rows] for rows in train_and_val)
    return model.fit(features[0], train_labels).score(features[1], val_labels)


def lengths_and_places(row):
    texts = (row["sentence1"], row["sentence2"])
    return [len(text) for text in texts] + [len(text.split()) for text in texts] + [row["start1"], row["start2"]]


def word_overlap(row):
    return [num_shared(row)]


def share_of_words(row):
    return [num_shared(row) / len(words(row["sentence1"]) | words(row["sentence2"]))]


def test_a_constant_is_right_on_half(train_and_val):
    for rows in train_and_val:
        assert sum(row["label"] for row in rows) == MAJORITY * len(rows)


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("longest_ngram", [1, 2])
@pytest.mark.parametrize("vectorizer", VECTORIZERS)
def test_a_bag_of_words_does_not_tell_the_label(train_and_val, vectorizer, longest_ngram, texts):
    blocks = []
    for text_of in TEXTS[texts]:
        bag = VECTORIZERS[vectorizer](ngram_range=(1, longest_ngram))
        bag.fit(map(text_of, train_and_val[0]))
        blocks.append([bag.transform(map(text_of, rows)) for rows in train_and_val])
    features = [hstack(split).tocsr() for split in zip(*blocks, strict=True)]
    model = LogisticRegression(max_iter=1000, tol=1e-3)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN


RULES = [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)]


def accuracy_on_numbers(rule, features_of, train_and_val):
    features = [np.array([features_of(row) for row in rows], float) for rows in train_and_val]
    return val_accuracy(make_pipeline(StandardScaler(), rule), features, train_and_val)


@pytest.mark.parametrize("features_of", [lengths_and_places, word_overlap])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_lengths_and_overlap_do_not_tell_the_label(train_and_val, rule, features_of):
    assert accuracy_on_numbers(rule, features_of, train_and_val) <= MAJORITY + MARGIN


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_share_of_words_does_not_tell_the_label(rule):
    # Quartets are even in the words shared but not in this ratio: one val of 200 rows has a noise of 3.5 points.
    made = [wic.rows(seed, num_val=440, num_test=0) for seed in range(6)]
    accuracies = [accuracy_on_numbers(rule, share_of_words, (rows["train"], rows["val"])) for rows in made]
    assert np.mean(accuracies) <= MAJORITY + MARGIN
