"""Sample data for WiC: does a word have the same sense in two sentences?

Rows are made in quartets of four sentences: one sentence of each sense for the first position, and
one of each sense for the second. Each first sentence is paired with each second sentence. Every
sentence is therefore in equally many true and false rows, whatever its other words. A quartet is
used only if its true pairs share exactly the same words as its false pairs, so that the number of
shared words does not predict the label. No ambiguous word is in both splits.
"""

import random
import re
from functools import cache
from itertools import permutations, product, zip_longest

from tools.samples.wic_lexicon import LEXICONS, Context, Word

__all__ = ["NUM_ROWS_OF_QUARTET", "VERSION", "rows"]

VERSION = 1

NUM_ROWS_OF_QUARTET = 4

NUM_TRIES = 10
"""Number of random orders in which a word's quartets are selected. The order with the most quartets is used."""

Row = dict[str, object]
# The two sentences for the first position and the two for the second, each pair in the order of senses.
Quartet = tuple[tuple[Context, Context], tuple[Context, Context]]


def rows(seed: int, *, num_train: int = 480, num_val: int = 200) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 4. Half of the rows are true. A split depends only on the
    seed and its own size.

    Raises:
        ValueError: A split is asked for more rows than its word lists can make.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def _words(context: Context) -> set[str]:
    return set(re.findall(r"\w+", context.sentence.lower()))


def _is_even(quartet: Quartet) -> bool:
    """Return whether the pairs with one sense and the pairs with two senses share the same words, equally often."""
    (a1, a2), (b1, b2) = [[_words(context) for context in pair] for pair in quartet]
    # A word in exactly one first sentence and exactly one second sentence is shared by a single pair.
    if (a1 ^ a2) & (b1 ^ b2):
        return False
    return sorted([len(a1 & b1), len(a2 & b2)]) == sorted([len(a1 & b2), len(a2 & b1)])


@cache
def _even_quartets(word: Word) -> tuple[Quartet, ...]:
    pairs = [list(permutations(contexts, 2)) for contexts in word.senses]
    candidates: list[Quartet] = [((a1, a2), (b1, b2)) for (a1, b1), (a2, b2) in product(*pairs)]
    return tuple(quartet for quartet in candidates if _is_even(quartet))


def _quartets(word: Word, rng: random.Random) -> list[Quartet]:
    """Return even quartets in random order, of which no two have a pair of sentences in common."""
    even = _even_quartets(word)
    return max((_apart(rng.sample(even, len(even))) for _ in range(NUM_TRIES)), key=len)


def _apart(quartets: list[Quartet]) -> list[Quartet]:
    """Return the quartets without those that have a pair of sentences in common with an earlier quartet."""
    taken: list[Quartet] = []
    met: set[frozenset[Context]] = set()
    for quartet in quartets:
        pairs = {frozenset(pair) for pair in product(*quartet)}
        if not pairs & met:
            taken.append(quartet)
            met |= pairs
    return taken


def _split_quartets(words: tuple[Word, ...], rng: random.Random) -> list[Quartet]:
    """Return the quartets of all words, in rounds with at most one quartet of each word."""
    by_word = [_quartets(word, rng) for word in words]
    rounds = [[quartet for quartet in one_round if quartet] for one_round in zip_longest(*by_word)]
    dealt = [quartet for one_round in rounds for quartet in rng.sample(one_round, len(one_round))]
    # After all quartets, the same quartets follow with first and second sentences exchanged.
    return dealt + [(second, first) for first, second in dealt]


def _quartet_rows(lemma: str, quartet: Quartet) -> list[Row]:
    first, second = quartet
    return [
        {
            "word": lemma,
            "sentence1": first[i].sentence,
            "sentence2": second[j].sentence,
            "start1": first[i].start,
            "end1": first[i].end,
            "start2": second[j].start,
            "end2": second[j].end,
            "label": i == j,
        }
        for i, j in product((0, 1), (0, 1))
    ]


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"wic/{split}/{seed}")
    lemmas = {context: word.lemma for word in LEXICONS[split] for sense in word.senses for context in sense}
    quartets = _split_quartets(LEXICONS[split], rng)
    num_quartets = -(-size // NUM_ROWS_OF_QUARTET)
    if num_quartets > len(quartets):
        most = len(quartets) * NUM_ROWS_OF_QUARTET
        raise ValueError(f"num_{split} = {size}: WiC's word lists make {most} rows. Ask for at most as many.")
    made = [row for quartet in quartets[:num_quartets] for row in _quartet_rows(lemmas[quartet[0][0]], quartet)]
    rng.shuffle(made)
    return [{**row, "idx": idx} for idx, row in enumerate(made)]
