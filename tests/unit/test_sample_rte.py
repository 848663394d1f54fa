import re
from collections import Counter
from itertools import chain, combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.data.samples import rte
from rpt.data.samples.crossing import cross
from rpt.data.samples.rte_lexicon import LEXICONS

SPLITS = ("train", "val", "test")
COLUMNS = ("premise", "hypothesis")
# Words that phrases of different splits share with the rest of English.
LITTLE_WORDS = {"was", "just", "the", "too", "enough"}
MAJORITY = 0.5
MARGIN = 0.03


@pytest.fixture(scope="module")
def rows():
    return rte.rows(0)


@pytest.fixture(scope="module")
def large():
    return rte.rows(1, num_val=2560, num_test=2560)


def words(*texts):
    return {word for text in texts for word in re.findall(r"\w+", text.lower())}


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        keys = ["premise", "hypothesis"] + ["label"] * (split != "test") + ["idx"]
        for idx, row in enumerate(rows[split]):
            assert list(row) == keys
            assert row["idx"] == idx
            assert row.get("label", "entailment") in ("entailment", "not_entailment")


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 64), (64, 64), (65, 128), (256, 256)])
def test_sizes_are_rounded_up_to_whole_rounds(asked, given):
    rows = rte.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


def test_rows_depend_on_the_seed_alone(rows):
    assert rte.rows(0) == rows
    assert rte.rows(0, num_train=64)["val"] == rows["val"]
    for split in SPLITS:
        assert rte.rows(1)[split] != rows[split]


def test_rows_are_shuffled(rows):
    labels = [row["label"] for row in rows["train"]]
    # Unshuffled, the labels of a block would read yes, no, no, yes.
    num_alike = sum(a == b for a, b in pairwise(labels))
    assert 0.4 < num_alike / len(labels) < 0.6
    assert len({row["premise"] for row in rows["train"][:16]}) > 8


def test_no_pair_of_texts_occurs_twice(large):
    pairs = Counter((row["premise"], row["hypothesis"]) for row in chain(*large.values()))
    assert pairs.most_common(1)[0][1] == 1


def test_texts_are_clean(large):
    for row in chain(*large.values()):
        premise, hypothesis = row["premise"], row["hypothesis"]
        assert re.fullmatch(r"[A-Z][A-Za-z ,]+\. [A-Z][A-Za-z ,]+\.", premise)
        assert re.fullmatch(r"[A-Z][A-Za-z ]+\.", hypothesis)
        assert "  " not in premise + hypothesis
        assert " None" not in premise + hypothesis
        assert 25 <= len(premise.split()) <= 45


@pytest.mark.parametrize(("first", "second"), list(permutations(SPLITS, 2)))
def test_names_of_one_split_occur_nowhere_in_another(large, first, second):
    lexicon = LEXICONS[first]
    names = words(*chain(*lexicon.names.values()), *lexicon.towns)
    assert not names & words(*(row[column] for row in large[second] for column in COLUMNS))


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_story_phrase_or_context(first, second):
    for kind in LEXICONS[first].contexts:
        assert not set(LEXICONS[first].contexts[kind]) & set(LEXICONS[second].contexts[kind])
    stories, hypotheses, phrases = [], [], []
    for split in (first, second):
        swaps = [story for by_split in rte.SWAPS.values() for story in by_split[split]]
        contrasts = [story for by_split in rte.CONTRASTS.values() for story in by_split[split]]
        stories.append({story.text for story in [*swaps, *contrasts]})
        hypotheses.append({text for story in swaps for text in (story.forward, story.backward)})
        phrases.append(words(*chain(*(story.phrases for story in contrasts))) - LITTLE_WORDS)
    for both in (stories, hypotheses, phrases):
        assert not both[0] & both[1]


def test_every_split_has_stories_of_every_phenomenon():
    for stories in (*rte.SWAPS.values(), *rte.CONTRASTS.values()):
        assert tuple(stories) == SPLITS
        for split in SPLITS:
            assert len(stories[split]) >= (5 if split == "train" else 3)


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_each_text_has_both_labels_equally_often(seed):
    for rows in (rte.rows(seed, num_train=128, num_test=0)[split] for split in ("train", "val")):
        for column in COLUMNS:
            balance = Counter()
            for row in rows:
                balance[row[column]] += 1 if row["label"] == "entailment" else -1
            assert set(balance.values()) == {0}


def test_every_test_premise_goes_with_two_hypotheses(rows):
    hypotheses = Counter(row["premise"] for row in rows["test"])
    assert set(hypotheses.values()) == {2}


def test_what_the_texts_share_does_not_tell_the_label(large, sharing):
    for split in ("train", "val"):
        balance = Counter()
        for row in large[split]:
            shared = sharing(row, COLUMNS)
            balance[row["hypothesis"], shared] += 1 if row["label"] == "entailment" else -1
        assert set(balance.values()) == {0}


def test_the_premise_names_first_what_an_entailed_hypothesis_names_first_half_the_time(large):
    firsts = Counter()
    names = [name for kind in ("person", "firm", "town") for name in LEXICONS["val"].names[kind]]
    for row in large["val"]:
        order = sorted((name for name in names if name in row["premise"]), key=row["premise"].index)
        if len(order) == 2:
            first = min((name for name in order if name in row["hypothesis"]), key=row["hypothesis"].index)
            firsts[row["label"], order.index(first)] += 1
    assert len(firsts) == 4
    assert len(set(firsts.values())) == 1


# Written by hand: a story and how it is told, the sentence that must come of it, a hypothesis, and
# the label that a careful reader gives.
READ_BY_HAND = """
train | role 1 forward | Tessaly, Vantrel | Tessaly has been bought by Vantrel in a deal worth sixty million dollars, \
and the two head offices will be merged before the end of the year. | Tessaly became the property of Vantrel. | \
entailment
train | role 1 backward | Tessaly, Vantrel | Tessaly has been bought by Vantrel in a deal worth sixty million dollars, \
and the two head offices will be merged before the end of the year. | Tessaly acquired Vantrel. | not_entailment
train | converse 0 backward | Olga Sandoval, Paul Renner | Paul Renner sold the old lighthouse near Here to Olga \
Sandoval on Friday for a price that neither of the two wished to disclose. | Olga Sandoval bought a lighthouse from \
Paul Renner. | entailment
train | scope 0 forward | Leon Fischer, Monica Tran | Leon Fischer, the lawyer who had defended Monica Tran in a fraud \
case three years ago, was arrested at Here airport on Friday with two passports. | Monica Tran was arrested. | \
not_entailment
train | implicative 1 - | Nigel Barrow | Nigel Barrow forgot to lock the gate of the deer park outside Here on Friday \
evening, as the cameras clearly showed. | Nigel Barrow did not lock the gate. | entailment
val | scope 0 backward | Stella Novak, Anton Kowal | Stella Novak, whose sister is married to the composer Anton \
Kowal, won the national prize for poetry at a ceremony in Here on Friday. | Anton Kowal writes music. | entailment
val | place 1 forward | Porto, Nairobi | The summit that was to be held in Porto has been moved to Nairobi because the \
hotel staff have called a strike for next week. | The summit had been planned for Kenya. | not_entailment
val | place 1 backward | Porto, Nairobi | The summit that was to be held in Porto has been moved to Nairobi because \
the hotel staff have called a strike for next week. | The summit will take place in Kenya. | entailment
val | order 0 backward | Vera Castillo, Cedric Nolan | Cedric Nolan outlived Vera Castillo by more than a decade and \
kept the letters that the two had once exchanged in Here until the end. | Cedric Nolan died before Vera Castillo. | \
not_entailment
val | lexical 0 - | Rupert Hayes | Rupert Hayes was slightly bruised in a fall from the roof of the family barn near \
Here on Friday, during the first storm of the year. | Rupert Hayes died. | not_entailment
test | converse 1 forward | Galdor, Wexmar | Galdor has awarded Wexmar the contract to repair the elevators in all of \
its hotels, ending a search that took most of the year. | Galdor is a client of Wexmar. | entailment
test | order 2 backward | Galdor, Wexmar | Drivers at Galdor earn a dollar an hour more than their colleagues at \
Wexmar, a gap that the unions in Here want to close. | Galdor offers drivers lower wages than Wexmar. | not_entailment
test | implicative 0 - | Flora Jennings | Flora Jennings let slip the opportunity to speak to the ministers during the \
harvest festival in Here, which all of them attended on Friday. | Flora Jennings spoke to the ministers. | \
not_entailment
test | quantity 2 - | Ondessa | Ondessa now employs upward of five hundred people at its shipyard in Here, according \
to a list that was drawn up on Friday. | Ondessa has more than five hundred workers. | entailment
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_labels_are_those_of_a_careful_reader(line):
    split, telling, names, sentence, hypothesis, expected = line.split(" | ")
    phenomenon, index, direction = telling.split()
    details = {"town": "Here", "day": "Friday"}
    if direction == "-":
        story = rte.CONTRASTS[phenomenon][split][int(index)]
        block = rte.contrast_block(story, names, details, "It rained.")
    else:
        story = rte.SWAPS[phenomenon][split][int(index)]
        block = rte.swap_block(story, direction, tuple(names.split(", ")), details, "It rained.")
    labels = {(premise, text): rte.label(is_match=is_match) for premise, text, is_match in cross(block)}
    assert labels[f"{sentence} It rained.", hypothesis] == expected


# Shallow rules: learned on train, judged on val, where every name, phrase and story is new.
@pytest.mark.slow  # about 6 s of learning
def test_shallow_rules_do_not_beat_the_majority(rows, large, shallow_accuracies):
    for made in (rows, large):
        found = shallow_accuracies(made["train"], made["val"], COLUMNS)
        assert found["constant"] == MAJORITY
        assert {rule: accuracy for rule, accuracy in found.items() if accuracy > MAJORITY + MARGIN} == {}
