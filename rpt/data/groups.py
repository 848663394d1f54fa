"""Find the rows that must stay on one side when rows are held out: rows of one line, of one text, and duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

from rpt.errors import DataError
from rpt.tasks.example import Example
from rpt.tasks.text import folded

Groups = list[list[int]]
"""Positions of examples, one list for each set that must stay on one side."""

CACHED_TEXTS = 4096
"""Texts whose folded form is kept. The examples of one passage follow each other, so few are needed."""


def groups_of(examples: Sequence[Example], same_side: Sequence[str]) -> Groups:
    """Group examples that must not be separated.

    Two examples belong to one group if they come from one line of the release, or if they share a text of one of the
    given fields, whichever of these fields it stands in. Without such fields, only examples that are equal in all
    their texts share one. Case and white space are ignored. Groups that have an example in common are one group.

    Args:
        examples: Rows of one split.
        same_side: Names of the fields whose texts keep examples together; empty: all texts must be equal.

    Returns:
        Groups in the order of their first examples; the positions of each group ascend.

    Raises:
        DataError: An example has no text of such a name.
    """
    first_of: dict[Hashable, int] = {}  # the first example that has a key
    parent = list(range(len(examples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]  # halves the path, so that later look-ups are short
            index = parent[index]
        return index

    fold = lru_cache(maxsize=CACHED_TEXTS)(folded)
    for index, example in enumerate(examples):
        for key in _keys(example, {name: fold(text) for name, text in example.fields.items()}, same_side):
            one, other = sorted((root(index), root(first_of.setdefault(key, index))))
            parent[other] = one
    gathered: dict[int, list[int]] = defaultdict(list)
    for index in range(len(examples)):
        gathered[root(index)].append(index)
    return list(gathered.values())


def _keys(example: Example, texts: dict[str, str], same_side: Sequence[str]) -> Iterator[Hashable]:
    """What an example must not share with an example of the other side."""
    if isinstance(example.idx, tuple):
        yield "line", example.idx[0]
    if not same_side:
        yield "texts", tuple(texts.items())
    for name in same_side:
        if name not in texts:
            has = ", ".join(texts)
            raise DataError(f"row idx {example.idx}: has no text {name!r}, which task.same_side names; it has {has}.")
        yield "text", texts[name]
