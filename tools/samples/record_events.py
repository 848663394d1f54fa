"""The parts of an article of the ReCoRD sample data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "Kind", "Lexicon", "Topic", "event"]

Kind = Literal["person", "place"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something with three roles, {0}, {1} and {2}, played by three entities of one kind."""

    frames: tuple[str, str, str]
    """The event told three times; frame r names the roles in the order r, r + 1, r + 2 (mod 3)."""

    queries: tuple[str, str, str]
    """For each role, a sentence that is true of its player alone, with @placeholder in its place."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A small world with three events, any two or three of which may be told together."""

    kind: Kind
    """The kind of the competing entities: people, with a place as scenery, or places, with a person."""

    intro: str
    """Names the three competitors, {a}, {b} and {c}, and the {scenery}."""

    aside: str
    headline: str
    events: tuple[Event, Event, Event]


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    first_names: tuple[str, ...]
    surnames: tuple[str, ...]
    places: tuple[str, ...]
    sources: tuple[str, ...]

    remarks: dict[Kind, tuple[str, ...]]
    """Sentences that name one competitor and say nothing about any event."""

    topics: tuple[Topic, ...]


def event(*pairs: tuple[str, str]) -> Event:
    """An event from three pairs: the frame that begins with a role, and the query about that role."""
    (first, first_query), (second, second_query), (third, third_query) = pairs
    return Event(frames=(first, second, third), queries=(first_query, second_query, third_query))
