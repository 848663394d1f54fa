"""The classes of subjects and facts of the BoolQ sample data."""

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
    """A sentence about two values {a} and {b}, and two questions whose answers change with the order of the values."""

    phenomenon: Phenomenon
    text: str
    values: tuple[str, ...]

    affirm: str
    """Question whose answer is yes, and no if the sentence has the values exchanged."""

    deny: str
    """Question whose answer is no, and yes if the sentence has the values exchanged."""


@dataclass(frozen=True)
class Contrast:
    """A sentence with a slot for one of two phrases, and a question for each phrase.

    The answer to the question of the inserted phrase is yes. The answer to the other question is no.
    """

    phenomenon: Phenomenon
    text: str
    phrases: tuple[str, str]
    questions: tuple[str, str]


Fact = Swap | Contrast


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a passage: a title and a first sentence that contain {name}, and facts.

    The facts must be compatible, in any order. No fact may answer a question about another fact.
    """

    names: tuple[str, ...]
    title: str
    intro: str
    facts: tuple[Fact, ...]
