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

from rpt.data.samples import wsc
from rpt.data.samples.wsc_lexicon import LEXICONS

SPLITS = ("train", "val", "test")
LABELED = ("train", "val")
# Every schema told of nine pairs: 26 or 12 schemas, 8 rows.
MOST = {"train": 26 * 9 * 8, "val": 12 * 9 * 8, "test": 12 * 9 * 8}
# Words that cues of different splits may share.
LITTLE_WORDS = set(re.findall(r"\w+", "a an back been for had in it no of one out the there to was with"))


@pytest.fixture(scope="module")
def rows():
    return wsc.rows(0)


@pytest.fixture(scope="module")
def all_rows():
    return wsc.rows(0, num_train=MOST["train"], num_val=MOST["val"], num_test=MOST["test"])


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def span(row, number):
    return row["target"][f"span{number}_index"], row["target"][f"span{number}_text"]


def by_text(rows):
    """The rows of each text."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["text"]].append(row)
    return groups


def test_rows_follow_the_official_schema(rows):
    assert {split: len(rows[split]) for split in rows} == {"train": 624, "val": 288, "test": 288}
    for split in SPLITS:
        for idx, row in enumerate(rows[split]):
            assert list(row) == ["text", "target"] + ["label"] * (split != "test") + ["idx"]
            assert row["idx"] == idx
            assert type(row.get("label", True)) is bool
            assert list(row["target"]) == ["span1_index", "span1_text", "span2_index", "span2_text"]


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 8), (8, 8), (9, 16), (281, 288)])
def test_sizes_are_rounded_up_to_whole_tellings(asked, given):
    rows = wsc.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


@pytest.mark.parametrize("split", SPLITS)
def test_more_rows_than_there_are_is_refused(all_rows, split):
    assert len(all_rows[split]) == MOST[split]
    asked = MOST[split] + 1
    with pytest.raises(ValueError, match=rf"num_{split} = {asked}: .* make {MOST[split]} rows\. Ask for at most"):
        wsc.rows(0, **{f"num_{split}": asked})


def test_rows_depend_on_the_seed_alone(rows):
    assert wsc.rows(0) == rows
    assert wsc.rows(0, num_train=8)["val"] == rows["val"]
    for split in SPLITS:
        assert wsc.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    # Unshuffled, every second row would have the text of the one before.
    num_alike = sum(a["text"] == b["text"] for a, b in pairwise(rows["train"]))
    assert num_alike < 0.05 * len(rows["train"])


def test_no_row_occurs_twice(all_rows):
    seen = Counter((row["text"], span(row, 1)) for row in chain(*all_rows.values()))
    assert seen.most_common(1)[0][1] == 1


def test_spans_line_up_with_the_tokens_of_the_text(all_rows):
    for row in chain(*all_rows.values()):
        assert re.fullmatch(r"[A-Z][a-z]*(,? [A-Za-z]+)+\.", row["text"])
        tokens = row["text"].split()
        for number in (1, 2):
            index, text = span(row, number)
            found = tokens[index : index + len(text.split())]
            assert " ".join(found).rstrip(",.") == text
            assert re.fullmatch(r"[A-Za-z ]+", text)
        assert span(row, 2)[1] in ("it", "they", "she", "he")
        # The pronoun is the only one that might be meant, and comes last.
        assert [token in ("it", "they", "she", "he") for token in tokens[: span(row, 2)[0] + 1]].count(True) == 1
        assert span(row, 1)[0] + len(span(row, 1)[1].split()) <= span(row, 2)[0]


def entries(split):
    """Everything that only one split may use."""
    for schema in LEXICONS[split].schemas:
        yield from (schema.a_first, schema.b_first, schema.cue_a, schema.cue_b, *chain(*schema.fillers))
    yield from LEXICONS[split].women + LEXICONS[split].men


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_word_list_entry_and_no_telling_word_of_a_cue(first, second):
    assert not set(entries(first)) & set(entries(second))
    cues, others = (
        set().union(*(words(f"{schema.cue_a} {schema.cue_b}") for schema in LEXICONS[split].schemas)) - LITTLE_WORDS
        for split in (first, second)
    )
    assert not cues & others


@pytest.mark.parametrize("split", SPLITS)
def test_schemas_are_well_formed(split):
    schemas = LEXICONS[split].schemas
    assert len(schemas) == (26 if split == "train" else 12)
    assert len(set(entries(split))) == sum(1 for _ in entries(split))
    for schema in schemas:
        for frame, slots in ((schema.a_first, "ab"), (schema.b_first, "ba")):
            slots = [*slots, "pronoun", "cue"]
            assert re.findall(r"\{(\w+)\}", frame) == slots
            # A slot starts a token, so that its index can be counted.
            assert sum(token.startswith("{") for token in frame.split()) == len(slots)


@pytest.mark.parametrize("split", SPLITS)
def test_neither_participant_has_the_longer_cues(split):
    longer = Counter(len(schema.cue_a) > len(schema.cue_b) for schema in LEXICONS[split].schemas)
    assert abs(longer[True] - longer[False]) <= len(LEXICONS[split].schemas) // 4


def asked(row):
    return span(row, 1)[1].lower()


def assert_crossed(rows):
    """Each text with two spans, one of them right; each frame and each cue with both answers.

    What stands before the pronoun is the frame, what follows it the cue.
    """
    verdicts = Counter()
    for text, group in by_text(rows).items():
        farther, nearer = sorted(group, key=lambda row: span(row, 1)[0])
        assert asked(farther) != asked(nearer)
        assert farther["label"] != nearer["label"]
        tokens, (index, _) = text.split(), span(nearer, 2)
        frame, cue = " ".join(tokens[:index]), " ".join(tokens[index:])
        participants = frozenset(map(asked, group))
        for row in group:
            for key in ((frame, asked(row)), (cue, participants, row is nearer), asked(row), row is nearer):
                verdicts[key] += 1 if row["label"] else -1
    assert set(verdicts.values()) == {0}


@pytest.mark.parametrize("split", LABELED)
def test_label_is_exactly_crossed_with_order_cue_and_span(rows, all_rows, split):
    assert_crossed(rows[split])
    assert_crossed(all_rows[split])


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32), num_tellings=st.integers(min_value=1, max_value=60))
def test_label_is_exactly_crossed_whatever_the_seed(seed, num_tellings):
    made = wsc.rows(seed, num_train=8 * num_tellings, num_val=8 * num_tellings, num_test=0)
    for split in LABELED:
        assert_crossed(made[split])


# Written by hand: a text, and whom or what a careful reader takes the pronoun to stand for. The
# seed deals the people, who are written [A] and [B].
READ_BY_HAND = """
train | The cello did not fit into the blue van because it was too bulky. | the cello
train | The blue van could not hold the cello because it was too small. | the blue van
train | The porters were shouted at by the managers because they were so lazy. | the porters
train | They loaded the trailer with sand from the handcart until it was completely empty. | the handcart
train | [A] owed [B] a lot of money, but (she|he) never asked for it back. | B
train | [A] had a visit from [B] in the hospital because (she|he) had undergone surgery. | A
train | [A] was served by [B] at the diner, and (she|he) hoped for a good tip. | B
val | The alley was impassable for the fire engine because it was too wide. | the fire engine
val | The fire engine got stuck in the alley because it was too narrow. | the alley
val | The wolf drove the kitten away because it was so timid. | the kitten
val | The lecturers did not hold the attention of the cadets because they were so boring. | the lecturers
val | [A] could not hear [B] because (she|he) was wearing earplugs. | A
val | [A] lent [B] a coat because (she|he) had come out without one. | B
val | [A] had promised to pick up [B], but (she|he) ran out of gas on the road. | A
val | [A] was chased through the park by [B], but (she|he) escaped. | A
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_labels_are_those_of_a_careful_reader(all_rows, line):
    split, pattern, meant = line.split(" | ")
    pattern = re.sub(r"\[(\w)\]", r"(?P<\1>[A-Za-z ]+)", pattern)
    found = [(row, match) for row in all_rows[split] if (match := re.fullmatch(pattern, row["text"]))]
    assert len(found) == (18 if "(" in pattern else 2)
    for row, match in found:
        assert row["label"] == (asked(row) == match.groupdict().get(meant, meant).lower())


# Shallow rules: learned on train, judged on val, where every schema is new.
MAJORITY = 0.5
MARGIN = 0.03
SEEDS_AND_SIZES = [(0, 288), (1, MOST["val"])]
VECTORIZERS = {
    "counts": CountVectorizer,
    "binary": lambda **options: CountVectorizer(binary=True, **options),
    "tf-idf": TfidfVectorizer,
}
FIELDS = (lambda row: row["text"], lambda row: span(row, 1)[1], lambda row: span(row, 2)[1])
TEXTS = {
    "joined": (lambda row: " ".join(text_of(row) for text_of in FIELDS),),
    "in blocks": FIELDS,
    "text only": FIELDS[:1],
    "span only": FIELDS[1:2],
}


@pytest.fixture(scope="module", params=SEEDS_AND_SIZES, ids="seed {0[0]}, val {0[1]}".format)
def train_and_val(request):
    seed, num_val = request.param
    rows = wsc.rows(seed, num_val=num_val)
    return rows["train"], rows["val"]


def val_accuracy(model, features, train_and_val):
    train_labels, val_labels = ([row["label"] for row in rows] for rows in train_and_val)
    return model.fit(features[0], train_labels).score(features[1], val_labels)


def text_lengths(row):
    return [len(row["text"]), len(row["text"].split()), len(asked(row)), len(asked(row).split())]


def places(row):
    index, of_pronoun = span(row, 1)[0], span(row, 2)[0]
    return [index, of_pronoun, of_pronoun - index]


def places_and_lengths(row):
    return places(row) + text_lengths(row)


def test_a_constant_is_right_on_half(train_and_val):
    for rows in train_and_val:
        assert sum(row["label"] for row in rows) == MAJORITY * len(rows)


def test_the_nearest_and_the_first_noun_are_right_on_half(train_and_val):
    for rows in train_and_val:
        nearest = {text: max(span(row, 1)[0] for row in group) for text, group in by_text(rows).items()}
        is_right = [row["label"] == (span(row, 1)[0] == nearest[row["text"]]) for row in rows]
        assert sum(is_right) == MAJORITY * len(rows)


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


@pytest.mark.parametrize("features_of", [text_lengths, places, places_and_lengths])
@pytest.mark.parametrize("rule", [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)], ids=repr)
def test_lengths_and_places_do_not_tell_the_label(train_and_val, rule, features_of):
    features = [np.array([features_of(row) for row in rows], float) for rows in train_and_val]
    model = make_pipeline(StandardScaler(), rule)
    assert val_accuracy(model, features, train_and_val) <= MAJORITY + MARGIN
