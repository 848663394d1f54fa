"""Examples and answers, the common form in which every backbone and scorer sees a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Idx = int | str | tuple[int, ...]
"""A row's own number in the official release, or its text in a user's rows and in the release's AX-b and AX-g;
(passage, question, answer) or (passage, query) where rows nest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An input and its right answer.

    Attributes:
        idx: Number or text that identifies the example in its split and in predictions. All examples from the same line
            of the release have the same first number.
        fields: Texts of the row by name, for the templates.
        choices: Texts to choose from, in label order, or the row's own candidates. Empty for free text.
        target: Index of the right choice; None if the written text decides (ReCoRD's joined answers, free text).
        group: Key of the examples that are right or wrong together (MultiRC's question); None for an example alone.
        answers: All right texts of a row that has several (ReCoRD); empty if the target alone is right.
        output: Text that a language model is trained to write; None for the right choice.
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
        """Text that a language model is trained to write."""
        if self.output is not None:
            return self.output
        assert self.target is not None
        return self.choices[self.target]


@dataclass(frozen=True, slots=True)
class Answer:
    """A run's answer to an example.

    Attributes:
        choice: Index among the example's choices; None if the written text is none of them.
        text: Text of the choice, or the written text.
    """

    choice: int | None
    text: str
