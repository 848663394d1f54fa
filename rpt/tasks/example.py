"""One thing to predict, as every backbone and scorer sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Idx = int | str | tuple[int, ...]
"""A row's own number in the official release, or its text in a user's rows and in the release's AX-b and AX-g;
(passage, question, answer) or (passage, query) where rows nest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One thing to predict.

    Attributes:
        idx: Unique in its split; predictions carry it. All that came from one line of the release begins alike.
        fields: The row's texts by name, for the templates.
        choices: The texts to choose from, in label order; the row's own candidates where a task has them.
        target: Index of the right choice; None where what is written decides (ReCoRD's joined answers).
        group: Examples of one group are right or wrong together (MultiRC's question); None: each for itself.
        answers: Every text that is right, where a row has several (ReCoRD); empty: the target alone.
        output: What a language model is trained to write, where that is not the right choice.
    """

    idx: Idx
    fields: Mapping[str, str]
    choices: tuple[str, ...]
    target: int | None
    group: Idx | None = None
    answers: tuple[str, ...] = ()
    output: str | None = None

    @property
    def gold(self) -> str:
        """What a language model is trained to write."""
        if self.output is not None:
            return self.output
        assert self.target is not None
        return self.choices[self.target]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run said to one example.

    Attributes:
        choice: Index among the example's choices; None: what was written is none of them, an outcome of its own.
        text: The choice's text, or what was written.
    """

    choice: int | None
    text: str
