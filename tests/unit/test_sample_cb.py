import re
from collections import Counter
from itertools import chain, combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.data.samples import GENERATORS, cb
from rpt.data.samples.cb_lexicon import LEXICONS
from rpt.data.samples.cb_predicates import FACTIVE, NON_FACTIVE

SPLITS = ("train", "val", "test")
# Words that multiword predicates share with the rest of English.
LITTLE_WORDS = {"a", "the", "in", "into", "out", "have", "had", "let"}
# In the order of a reader's look: "not" and "may" also occur in the main clause of a conditional.
SIGNS = {
    "question": r"\?$",
    "conditional": r"^If ",
    "modal": r" (may|might) have |^Perhaps |^It is possible that ",
    "negation": r" (not|never) ",
}


@pytest.fixture(scope="module")
def rows():
    return cb.rows(0)


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def forms(split):
    """Every form of the split's predicates, and whether the predicate is factive."""
    return {
        form: predicate in FACTIVE[split]
        for predicate in FACTIVE[split] + NON_FACTIVE[split]
        for form in (predicate.base, predicate.past, predicate.participle)
    }


def read(split, row):
    """What a row's text says: operator, index of the embedded clause, match, class, skeleton."""
    context, sentence = row["premise"].split(". ", 1)
    operator = next(name for name, sign in SIGNS.items() if re.search(sign, sentence))
    clause, other, embedded = next(
        (issue[k], issue[1 - k], k)
        for issue in LEXICONS[split].issues
        for k in (0, 1)
        if f" that {issue[k]}" in sentence
    )
    negated = row["hypothesis"].replace(" not ", " ", 1) == clause  # a clause itself has no "not"
    assert negated or row["hypothesis"] in (clause, other)
    before, after = sentence.rsplit(f" that {clause}", 1)
    form = max((form for form in forms(split) if before.endswith(f" {form}")), key=len)
    skeleton = (context, before.removesuffix(form), clause, after, row["hypothesis"])
    return operator, embedded, row["hypothesis"] == clause, forms(split)[form], skeleton


def test_cb_is_registered_with_its_version():
    assert GENERATORS["cb"].version == cb.VERSION
    assert GENERATORS["cb"].rows(3) == cb.rows(3)


@pytest.mark.parametrize(
    ("clause", "contradiction"),
    [
        ("the lake was frozen", "the lake was not frozen"),
        ("the mine had been reopened", "the mine had not been reopened"),
        ("the gym opened at six", "OTHER"),  # no auxiliary to negate
        ("the jury was still undecided", "OTHER"),  # "not still" is no plain English
        ("the pool was unheated", "OTHER"),  # nor is a double negation
    ],
)
def test_a_contradiction_is_plain_english(clause, contradiction):
    assert cb.contradict(clause, "OTHER") == contradiction


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        keys = ["premise", "hypothesis"] + ["label"] * (split != "test") + ["idx"]
        for idx, row in enumerate(rows[split]):
            assert list(row) == keys
            assert row["idx"] == idx
            assert row.get("label", "neutral") in ("entailment", "contradiction", "neutral")


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 32), (32, 32), (33, 64), (240, 256)])
def test_sizes_are_rounded_up_to_whole_rounds(asked, given):
    rows = cb.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


def test_rows_depend_on_the_seed_alone(rows):
    assert cb.rows(0) == rows
    assert cb.rows(0, num_train=32)["val"] == rows["val"]
    for split in SPLITS:
        assert cb.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    kinds = [row["label"] == "neutral" for row in rows["train"]]
    # Unshuffled, every second row would be neutral and no two neighbors alike.
    num_alike = sum(a == b for a, b in pairwise(kinds))
    assert 0.4 < num_alike / len(kinds) < 0.6


def test_no_pair_of_texts_occurs_twice():
    rows = cb.rows(0, num_train=3200, num_val=3200, num_test=3200)
    pairs = Counter((row["premise"], row["hypothesis"]) for split in SPLITS for row in rows[split])
    assert pairs.most_common(1)[0][1] == 1


def test_texts_are_clean(rows):
    for split in SPLITS:
        for row in rows[split]:
            premise, hypothesis = row["premise"], row["hypothesis"]
            assert re.fullmatch(r"[A-Z][A-Za-z ,]+\. [A-Z][A-Za-z ,]+[.?]", premise)
            assert re.fullmatch(r"the [A-Za-z ]+", hypothesis)
            assert "  " not in premise + hypothesis
            assert len(premise.split()) <= 35


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_word_list_entry(first, second):
    for field in ("names", "contexts", "issues", "consequents"):
        assert not set(getattr(LEXICONS[first], field)) & set(getattr(LEXICONS[second], field))
    first_nouns, second_nouns = (
        {clause.split()[1] for issue in LEXICONS[split].issues for clause in issue} for split in (first, second)
    )
    assert not first_nouns & second_nouns


def predicate_words(split):
    return {word for form in forms(split) for word in words(form)} - LITTLE_WORDS


@pytest.mark.parametrize("split", SPLITS)
def test_predicate_words_occur_nowhere_else(split):
    elsewhere = {word for other in {*SPLITS} - {split} for word in predicate_words(other)}
    for lexicon in LEXICONS.values():
        for text in (*lexicon.contexts, *lexicon.consequents, *chain(*lexicon.issues)):
            elsewhere |= words(text)
    assert not predicate_words(split) & elsewhere


def test_classes_have_equally_many_predicates_of_each_kind():
    for split in SPLITS:
        kinds = [Counter(p.kind for p in both[split]) for both in (FACTIVE, NON_FACTIVE)]
        assert kinds[0] == kinds[1]
        assert kinds[0].total() >= (16 if split == "train" else 8)


@pytest.mark.parametrize("split", SPLITS)
def test_class_is_exactly_crossed_with_operator_clause_and_match(rows, split):
    cells = Counter(read(split, row)[:4] for row in rows[split])
    assert len(cells) == 4 * 2 * 2 * 2
    assert set(cells.values()) == {len(rows[split]) // 32}


@pytest.mark.parametrize("split", SPLITS)
def test_every_row_has_a_twin_that_differs_in_the_predicate_only(rows, split):
    classes = Counter()
    for row in rows[split]:
        *_, is_factive, skeleton = read(split, row)
        classes[skeleton] += 1 if is_factive else -1
    assert set(classes.values()) == {0}


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_label_follows_from_class_and_match(seed):
    for split, rows in cb.rows(seed, num_train=64, num_val=64, num_test=0).items():
        for row in rows:
            _, _, is_match, is_factive, _ = read(split, row)
            committed = "entailment" if is_match else "contradiction"
            assert row["label"] == (committed if is_factive else "neutral")


# Written by hand: a predicate under an operator, the premise that must come of it, a hypothesis,
# and the label that a careful reader gives.
READ_BY_HAND = """
train | negation 0 | forget | The office was almost empty that afternoon. \
Tom did not forget that the rent had gone up. | the rent had gone up | entailment
train | negation 2 | find out | The office was almost empty that afternoon. \
Tom never found out that the piano was out of tune. | the piano was in tune | contradiction
train | negation 1 | spread the rumor | The office was almost empty that afternoon. \
Tom had not spread the rumor that the lake was frozen. | the lake was frozen | neutral
train | negation 0 | sure | The office was almost empty that afternoon. \
Tom was not sure that the tickets were free. | the tickets cost ten dollars | neutral
train | question 0 | realize | The office was almost empty that afternoon. \
Did Tom realize that the lake was frozen? | the lake was free of ice | contradiction
val | question 1 | happy | Mei drove into town right after breakfast. \
Had she been happy that the play was sold out? | the play was sold out | entailment
val | question 0 | fear | Mei drove into town right after breakfast. \
Did she fear that the wedding was in June? | the wedding was in June | neutral
val | modal 1 | keep in mind | Mei drove into town right after breakfast. \
She might have kept in mind that the cottage was empty. | the cottage was empty | entailment
val | modal 3 | whisper | Mei drove into town right after breakfast. \
It is possible that she whispered that the gardener had quit. | the gardener had quit | neutral
val | modal 2 | disappointed | Mei drove into town right after breakfast. \
Perhaps she was disappointed that the wedding was in June. | the wedding was in August | \
contradiction
test | conditional 0 | let slip | Felix called home every night from the ship. If he let slip \
that the violin was a copy, he was hardly alone. | the violin was an original | contradiction
test | conditional 0 | upset | Felix called home every night from the ship. If he was upset \
that the mine was still shut, he was hardly alone. | the mine was still shut | entailment
test | conditional 0 | imply | Felix called home every night from the ship. If he implied \
that the well was dry, he was hardly alone. | the well was dry | neutral
"""
SCENERY = {
    "train": ("Tom", "The office was almost empty that afternoon.", ""),
    "val": ("Mei", "{name} drove into town right after breakfast.", ""),
    "test": ("Felix", "{name} called home every night from the ship.", "{pronoun} was hardly alone"),
}


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_labels_are_those_of_a_careful_reader(line):
    split, operator_and_frame, base, premise, hypothesis, expected = line.split(" | ")
    operator, frame = operator_and_frame.split()
    name, context, consequent = SCENERY[split]
    (predicate,) = (p for p in FACTIVE[split] + NON_FACTIVE[split] if p.base == base)
    assert operator in predicate.operators
    (issue,) = (issue for issue in LEXICONS[split].issues if hypothesis in issue)
    (clause,) = (clause for clause in issue if f" that {clause}" in premise)
    scene = cb.Scene(
        name=name,
        pronoun=dict(LEXICONS[split].names)[name],
        context=context,
        frame=cb.FRAMES[operator, predicate.kind][int(frame)],
        consequent=consequent,
    )
    assert cb.render_premise(scene, predicate, clause) == premise
    is_factive = predicate in FACTIVE[split]
    assert cb.label(is_factive=is_factive, is_match=clause == hypothesis) == expected
