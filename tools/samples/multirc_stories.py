"""The classes of stories and facts of the MultiRC sample data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Fact", "Kind", "Lexicon", "Pronoun", "Story", "fact"]

Kind = Literal["person", "place", "month"]
Pronoun = Literal["she", "he", "they"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that was done, in the form of the passage and in the form of an answer."""

    base: str
    past: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """A story whose facts each belong to one owner: a person, a place or a month."""

    kind: Kind

    intro: str
    """The first sentence, which names the {owners}."""

    asides: tuple[str, str]
    """Sentences that say nothing about any fact or owner."""

    ending: str
    facts: tuple[Fact, ...]
    actors: str = ""
    """The people who did everything in the story, where the owners are places or months."""

    setting: str = ""
    """The end of a question about an owner who is a person."""


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    people: tuple[tuple[str, Pronoun], ...]
    places: tuple[str, ...]
    months: tuple[str, ...]
    """Names of months, in the order of the calendar."""

    stories: tuple[Story, ...]


def fact(base: str, past: str, rest: str, answer: str) -> Fact:
    """Build a fact from the two forms of its verb and the words that follow both forms."""
    return Fact(base=f"{base} {rest}", past=f"{past} {rest}", answer=answer)
