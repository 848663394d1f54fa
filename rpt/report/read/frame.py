"""Build tidy pandas frames: a row for each run, point or curve of a study, and a column for each property and axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

ABSENT = "(absent)"
"""Cell of an axis that an item does not have, such as the learning rate of a zero-shot run. It differs from null."""

ITEM = "item"
"""Column that holds the items themselves."""


def frame_of(items: Sequence[Any], settings: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a frame with a row for each item, in the given order.

    Args:
        items: Runs, points or curves of a study; the column `item` holds them.
        settings: Value of each column, by name, for each item. A name that an item lacks gets the value `ABSENT`.
    """
    rows = list(settings)
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = {key: pd.Series([row.get(key, ABSENT) for row in rows], dtype=object) for key in keys}
    return pd.DataFrame({**columns, ITEM: pd.Series(list(items), dtype=object)})


def groups(frame: pd.DataFrame, keys: Iterable[str]) -> list[list[Any]]:
    """Group the rows of a frame that have equal values in all key columns, and return the items of each group.

    Groups are in the order of their first rows. Null equals null.

    Args:
        frame: Frame from `frame_of`, whose column `item` holds the items.
        keys: Names of the columns to group by; names that the frame lacks are ignored.
    """
    known = [key for key in keys if key in frame]
    if frame.empty:
        return []
    return [group[ITEM].tolist() for _, group in frame.groupby(known, sort=False, dropna=False)]
