"""The forms of the subjects and facts of the BoolQ sample data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CONTRASTS", "POLARITIES", "SWAPS", "Contrast", "Fact", "Phenomenon", "Polarity", "Subject", "Swap"]

Polarity = Literal["affirm", "deny"]
Phenomenon = Literal["exception", "number", "order", "attribute", "agent", "quantifier", "rule", "degree"]

POLARITIES: tuple[Polarity, ...] = ("affirm", "deny")
SWAPS: tuple[Phenomenon, ...] = ("exception", "number", "order", "attribute", "agent")
CONTRASTS: tuple[Phenomenon, ...] = ("quantifier", "rule", "degree")


@dataclass(frozen=True)
class Swap:
    """A sentence about two values {a} and {b}, and two questions that exchanging them answers anew."""

    phenomenon: Phenomenon
    text: str
    values: tuple[str, ...]

    affirm: str
    """The answer is yes, and no with the values of the sentence exchanged."""

    deny: str
    """The answer is no, and yes with the values of the sentence exchanged."""


@dataclass(frozen=True)
class Contrast:
    """A sentence with a place for a phrase, and the question that each phrase answers with yes.

    To the question of the other phrase, the answer is no.
    """

    phenomenon: Phenomenon
    text: str
    phrases: tuple[str, str]
    questions: tuple[str, str]


Fact = Swap | Contrast


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a passage: a title and a first sentence with a {name}, and facts.

    The facts must be true together, in any order, and none may answer a question about another.
    """

    names: tuple[str, ...]
    title: str
    intro: str
    facts: tuple[Fact, ...]
