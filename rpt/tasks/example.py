"""Examples and answers: the form of a task's rows that all backbones and scorers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Idx = int | str | tuple[int, ...]
"""Identifier of a row: a number in most tasks of the official release, or a text in AX-b, AX-g and a user's rows.

For nested rows, it is a tuple of numbers: (passage, question, answer) or (passage, query).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An input and its right answer.

    Attributes:
        idx: Number or text that identifies the example in its split and in predictions. All examples from the same line
            of the release have the same first number.
        fields: Texts of the row by name, for the templates.
        choices: Texts to choose from: the labels in their order, or the row's own candidates. Empty for free text.
        target: Index of the right choice; None if the answer is a text and not a choice.
        group: Key of a group of examples that exact match counts as one (MultiRC's question); None without a group.
        answers: All right texts of a row that has several (ReCoRD); empty if only the target is right.
        output: Text that a language model is trained to write; None means the text of the right choice.
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
        choice: Index among the example's choices; None if the generated text is none of them.
        text: Text of the choice, or the generated text.
    """

    choice: int | None
    text: str
