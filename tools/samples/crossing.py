"""Rows in exactly crossed blocks of two texts and two probes, whose label depends on both.

In a block, each probe (a hypothesis or a question) is paired with each text (a premise or a
passage), and matches exactly one of them. Every text and every probe thus has both labels equally
often. No sum of a score of the text and a score of the probe predicts the labels: they depend
on the relation of text and probe only. Other generators also use `Deck`, from which words and
stories are drawn.
"""

import random
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Block", "Deck", "Row", "cross", "crossed_rows"]

Row = dict[str, object]
T = TypeVar("T")


class Block(NamedTuple):
    """Two texts and two probes. Each probe matches the text at its own position only."""

    texts: tuple[str, str]
    probes: tuple[str, str]


class Deck(Generic[T]):
    """Returns items in random order, and every item once before any item a second time."""

    def __init__(self, items: Sequence[T], rng: random.Random) -> None:
        self._items = items
        self._rng = rng
        self._left: list[T] = []

    def deal(self) -> T:
        """Return the next item."""
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()

    def deal_two(self) -> tuple[T, T]:
        """Return two different items, also where the items are shuffled again between the two."""
        first = second = self.deal()
        while second == first:
            second = self.deal()
        return first, second


def cross(block: Block) -> list[tuple[str, str, bool]]:
    """Return the four pairs of a text and a probe, each with whether the two match."""
    return [(text, probe, i == j) for i, text in enumerate(block.texts) for j, probe in enumerate(block.probes)]


def crossed_rows(
    makers: Sequence[Callable[[], Block]],
    write: Callable[[str, str, bool], Row],
    size: int,
    rng: random.Random,
) -> list[Row]:
    """Make the shuffled rows of whole rounds. A round has one new block of every maker.

    Args:
        makers: Functions that each draw a block of one kind.
        write: Function from text, probe and match to a row without its index.
        size: Smallest number of rows.
        rng: Random numbers for the order of the rows. The makers draw from it as well.
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
    """Return a block whose pairs have not been written before."""
    while True:
        block = make()
        pairs = {(text, probe) for text, probe, _ in cross(block)}
        if not pairs & written:
            written |= pairs
            return block
