"""Group the rows that must stay together when rows are held out: rows of one line, rows with one text, duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

from rpt.errors import DataError
from rpt.tasks.example import Example
from rpt.tasks.text import folded

Groups = list[list[int]]
"""Positions of examples, in a list for each group of examples that must stay together."""

CACHED_TEXTS = 4096
"""Number of texts whose form without case and extra white space is cached. Few suffice, because the rows of a passage
follow each other."""


def groups_of(examples: Sequence[Example], same_side: Sequence[str]) -> Groups:
    """Group examples that must not be separated.

    Two examples belong to the same group if they come from the same line of the release, or if a text of the given
    fields occurs in both, in the same or in different fields. Without given fields, examples share a group if all their
    texts are equal. Case and white space are ignored. Groups that have an example in common are merged.

    Args:
        examples: Examples of a split.
        same_side: Names of the fields whose texts keep examples together. Empty means that all texts must be equal.

    Returns:
        Groups in the order of their first examples. Positions ascend within a group.

    Raises:
        DataError: An example lacks a field of `same_side`.
    """
    first_of: dict[Hashable, int] = {}  # number of the first example with each key
    parent = list(range(len(examples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]  # union-find with path halving, for short look-ups
            index = parent[index]
        return index

    fold = lru_cache(maxsize=CACHED_TEXTS)(folded)
    for index, example in enumerate(examples):
        for key in _keys(example, {name: fold(text) for name, text in example.fields.items()}, same_side):
            first, second = sorted((root(index), root(first_of.setdefault(key, index))))
            parent[second] = first
    gathered: dict[int, list[int]] = defaultdict(list)
    for index in range(len(examples)):
        gathered[root(index)].append(index)
    return list(gathered.values())


def _keys(example: Example, texts: dict[str, str], same_side: Sequence[str]) -> Iterator[Hashable]:
    """Yield the keys that put examples into the same group if they share a key."""
    if isinstance(example.idx, tuple):
        yield "line", example.idx[0]
    if not same_side:
        yield "texts", tuple(texts.items())
    for name in same_side:
        if name not in texts:
            has = ", ".join(texts)
            raise DataError(f"row idx {example.idx}: has no text {name!r}, which task.same_side names; it has {has}.")
        yield "text", texts[name]
