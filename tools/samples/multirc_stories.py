"""The parts of a story of the MultiRC sample data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Fact", "Kind", "Lexicon", "Pronoun", "Story", "fact"]

Kind = Literal["person", "place", "month"]
Pronoun = Literal["she", "he", "they"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that was done: as the passage says it, and as an answer says it."""

    base: str
    past: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """A small world in which every fact belongs to one owner: a person, a place or a month."""

    kind: Kind

    intro: str
    """The first sentence, which names the {owners}."""

    asides: tuple[str, str]
    """Sentences that say nothing about any fact or owner."""

    ending: str
    facts: tuple[Fact, ...]
    actors: str = ""
    """Who did it all, where the owners are places or months."""

    setting: str = ""
    """Ends a question about an owner who is a person."""


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    people: tuple[tuple[str, Pronoun], ...]
    places: tuple[str, ...]
    months: tuple[str, ...]
    """Names of months, in the order of the calendar."""

    stories: tuple[Story, ...]


def fact(base: str, past: str, rest: str, answer: str) -> Fact:
    """A fact from the two forms of its verb and the words that follow both."""
    return Fact(base=f"{base} {rest}", past=f"{past} {rest}", answer=answer)
