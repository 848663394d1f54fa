"""Sample data for RTE: does the premise entail the hypothesis?

A premise is two sentences of invented news, and the hypothesis is a statement about the news. Rows
are made in crossed blocks of four (see `crossing`). The premises of a *swap* report the same story
with the roles of two people, firms or places exchanged. Both premises have the same words, and so
have both hypotheses, so that the label depends only on the roles. A *contrast* replaces one phrase
by another with a different consequence, and no such phrase is in both splits. A hypothesis shares
the same words, and the same pairs of adjacent words, with the premise that entails it and with the
other premise.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product

from tools.samples.crossing import Block, Deck, Row, crossed_rows
from tools.samples.rte_actions import CONVERSE, ROLE
from tools.samples.rte_contrasts import IMPLICATIVE, LEXICAL, QUANTITY
from tools.samples.rte_facts import ORDER, PLACE, SCOPE
from tools.samples.rte_lexicon import DAYS, DIRECTIONS, LANDS, LEXICONS, Contrast, Direction, Swap

__all__ = ["CONTRASTS", "SWAPS", "VERSION", "contrast_block", "label", "rows", "swap_block"]

VERSION = 1

# Stories by phenomenon and split.
SWAPS = {"role": ROLE, "converse": CONVERSE, "scope": SCOPE, "place": PLACE, "order": ORDER}
CONTRASTS = {"lexical": LEXICAL, "implicative": IMPLICATIVE, "quantity": QUANTITY}


def rows(seed: int, *, num_train: int = 640, num_val: int = 256) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 64, which is a round of 16 blocks of four rows: five
    kinds of swap in two directions, and two blocks of each of three kinds of contrast. Half of the
    rows of every kind are entailed. A split depends only on the seed and its own size.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def label(*, is_match: bool) -> str:
    """Return the official label of a hypothesis that matches or does not match its premise."""
    return "entailment" if is_match else "not_entailment"


def swap_block(
    story: Swap, direction: Direction, names: tuple[str, str], details: Mapping[str, str], context: str
) -> Block:
    """Make a block of a story and one of its hypotheses, each with the names in both orders."""
    probe = getattr(story, direction)
    pairs = (names, names[::-1])
    fills = [{**details, "a": a, "b": b, "a_land": LANDS.get(a), "b_land": LANDS.get(b)} for a, b in pairs]
    return Block(
        texts=(f"{story.text.format(**fills[0])} {context}", f"{story.text.format(**fills[1])} {context}"),
        probes=(probe.format(**fills[0]), probe.format(**fills[1])),
    )


def contrast_block(story: Contrast, name: str, details: Mapping[str, str], context: str) -> Block:
    """Make a block of a story with each of its phrases, and the hypothesis that follows from each phrase."""
    first, second = (f"{story.text.format(**details, a=name, phrase=phrase)} {context}" for phrase in story.phrases)
    hypotheses = (story.hypotheses[0].format(a=name), story.hypotheses[1].format(a=name))
    return Block(texts=(first, second), probes=hypotheses)


class _Writer:
    """Draws the blocks of one split, and uses all words and stories of the split equally often."""

    def __init__(self, split: str, rng: random.Random) -> None:
        lexicon = LEXICONS[split]
        self._names = {kind: Deck(names, rng) for kind, names in lexicon.names.items()}
        self._contexts = {kind: Deck(contexts, rng) for kind, contexts in lexicon.contexts.items()}
        self._towns = Deck(lexicon.towns, rng)
        self._days = Deck(DAYS, rng)
        self._swaps = {
            (phenomenon, direction): Deck(stories[split], rng)
            for (phenomenon, stories), direction in product(SWAPS.items(), DIRECTIONS)
        }
        self._contrasts = {phenomenon: Deck(stories[split], rng) for phenomenon, stories in CONTRASTS.items()}

    def makers(self) -> list[Callable[[], Block]]:
        """Return the functions that each make one block of a round."""
        swaps = [partial(self._swap, *key) for key in self._swaps]
        contrasts = [partial(self._contrast, phenomenon) for phenomenon in self._contrasts]
        return [*swaps, *contrasts, *contrasts]

    def _swap(self, phenomenon: str, direction: Direction) -> Block:
        story = self._swaps[phenomenon, direction].deal()
        names = self._names[story.kind].deal_two()
        return swap_block(story, direction, names, self._details(), self._contexts[story.kind].deal())

    def _contrast(self, phenomenon: str) -> Block:
        story = self._contrasts[phenomenon].deal()
        name = self._names[story.kind].deal()
        return contrast_block(story, name, self._details(), self._contexts[story.kind].deal())

    def _details(self) -> dict[str, str]:
        return {"day": self._days.deal(), "town": self._towns.deal()}


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"rte/{split}/{seed}")

    def write(premise: str, hypothesis: str, is_match: bool) -> Row:
        row: Row = {"premise": premise, "hypothesis": hypothesis}
        return {**row, "label": label(is_match=is_match)}

    return crossed_rows(_Writer(split, rng).makers(), write, size, rng)
