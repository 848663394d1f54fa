"""Suggest a known name for a misspelt name. Its imports are fast, so that messages appear at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near_miss(word: str, known: Iterable[str], noun: str) -> str:
    """Suggest the known word that is closest to an unknown word, and list all known words.

    Args:
        word: Unknown word.
        known: Known words.
        noun: Words before the list, such as `Options`.
    """
    names = sorted(known)
    close = get_close_matches(word, [name for name in names if name != word], n=1, cutoff=0.5)
    suggestion = f"Did you mean {close[0]}? " if close else ""
    return f"{suggestion}{noun}: {', '.join(names) or 'none'}."
