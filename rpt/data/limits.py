"""Refuse splits with too many rows that were cut or whose choices cannot be told apart."""

from __future__ import annotations

from rpt.data.encode import Encoded
from rpt.errors import DataError


def check_cut(name: str, split: Encoded, limit: int, most: float) -> None:
    """Refuse a split with too many cut rows.

    Args:
        name: Name of the split, for the message.
        split: Tokenised split.
        limit: Largest number of tokens of a text (`backbone.text_limit`).
        most: Largest allowed share of cut rows, 0 to 1.

    Raises:
        DataError: The share of cut rows is above `most`.
    """
    if split.cut_share > most:
        count = f"{split.num_cut} of {len(split)} {name} rows are longer than backbone.text_limit={limit}"
        advice = "Set backbone.text_limit higher, or data.max_cut_share higher if so many texts may be cut."
        raise DataError(f"{count}, more than data.max_cut_share={most}. {advice}")


def check_tied(name: str, split: Encoded, most: float) -> None:
    """Refuse a split with too many rows that have two choices of equal tokens, which no score can tell apart.

    Args:
        name: Name of the split, for the message.
        split: Tokenised split.
        most: Largest allowed share of rows with two choices of equal tokens, 0 to 1.

    Raises:
        DataError: The share of rows with two choices of equal tokens is above `most`.
    """
    if len(split.tied) <= most * len(split):
        return
    row = split.tied[0]
    tie = split.tie(row)
    assert tie is not None
    raise DataError(
        f"{len(split.tied)} of {len(split)} {name} rows have choices that the tokenizer cannot tell apart, such as "
        f"{tie[0]!r} and {tie[1]!r} of row idx {split.examples[row].idx}, more than data.max_tied_share={most}. "
        "Change the choices in the task's text format, choose a backbone whose tokenizer knows their words, or set "
        "data.max_tied_share higher."
    )
