"""Rows in exactly crossed blocks: two texts, two probes, and a label that neither tells alone.

In a block each probe (a hypothesis, a question) goes with each text (a premise, a passage), and
matches exactly one of them. Seen alone, every text and every probe thus has both labels equally
often, and so has every sum of what the two contribute apart: only their relation decides. The
`Deck` that words and stories are drawn from serves generators of other forms as well.
"""

import random
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Block", "Deck", "Row", "cross", "crossed_rows"]

Row = dict[str, object]
T = TypeVar("T")


class Block(NamedTuple):
    """The first probe matches the first text only, the second probe the second text only."""

    texts: tuple[str, str]
    probes: tuple[str, str]


class Deck(Generic[T]):
    """Deals items in random order, every item once before any comes again."""

    def __init__(self, items: Sequence[T], rng: random.Random) -> None:
        self._items = items
        self._rng = rng
        self._left: list[T] = []

    def deal(self) -> T:
        """The next item."""
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()

    def deal_two(self) -> tuple[T, T]:
        """Two different items, even where the deck is shuffled anew between them."""
        first = second = self.deal()
        while second == first:
            second = self.deal()
        return first, second


def cross(block: Block) -> list[tuple[str, str, bool]]:
    """The four pairs of a text and a probe, and whether the two match."""
    return [(text, probe, i == j) for i, text in enumerate(block.texts) for j, probe in enumerate(block.probes)]


def crossed_rows(
    makers: Sequence[Callable[[], Block]],
    write: Callable[[str, str, bool], Row],
    size: int,
    rng: random.Random,
) -> list[Row]:
    """Shuffled rows of whole rounds, a round being one new block of every maker.

    Args:
        makers: Each draws a block of its own kind.
        write: Text, probe and match to a row without its index.
        size: The least number of rows.
        rng: Shuffles the rows; the makers draw from it as well.
    """
    made: list[Row] = []
    written: set[tuple[str, str]] = set()
    while len(made) < size:
        for make in makers:
            block = _unwritten(make, written)
            made += [write(*cell) for cell in cross(block)]
    rng.shuffle(made)
    return [{**row, "idx": idx} for idx, row in enumerate(made)]


def _unwritten(make: Callable[[], Block], written: set[tuple[str, str]]) -> Block:
    """A block of which no pair has been written before."""
    while True:
        block = make()
        pairs = {(text, probe) for text, probe, _ in cross(block)}
        if not pairs & written:
            written |= pairs
            return block
