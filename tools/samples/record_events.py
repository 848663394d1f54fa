"""The classes of topics and events of the ReCoRD sample data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "Kind", "Lexicon", "Topic", "event"]

Kind = Literal["person", "place"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event with three roles, {0}, {1} and {2}, which three entities of one kind have."""

    frames: tuple[str, str, str]
    """Three sentences that report the event. Sentence r names the roles in the order r, r + 1, r + 2 (mod 3)."""

    queries: tuple[str, str, str]
    """For each role, a sentence that is true of its entity only and has @placeholder in place of the entity."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic with three events, of which an article may report any two or all three."""

    kind: Kind
    """The kind of the three entities: people, and the scenery is a place; or places, and the scenery is a person."""

    intro: str
    """A sentence that names the three entities, {a}, {b} and {c}, and the {scenery}."""

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
    """Sentences that name one entity and state nothing about an event."""

    topics: tuple[Topic, ...]


def event(*pairs: tuple[str, str]) -> Event:
    """Build an event from three pairs: the sentence that begins with a role, and the query about that role."""
    (first, first_query), (second, second_query), (third, third_query) = pairs
    return Event(frames=(first, second, third), queries=(first_query, second_query, third_query))
