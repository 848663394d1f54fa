"""Which name was probably meant. No heavy import: help and refusals must not wait."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near_miss(word: str, known: Iterable[str], noun: str) -> str:
    """Say which known word was probably meant, and list them all."""
    known = sorted(known)
    close = get_close_matches(word, [name for name in known if name != word], n=1, cutoff=0.5)
    meant = f"Did you mean {close[0]}? " if close else ""
    return f"{meant}{noun}: {', '.join(known) or 'none'}."
