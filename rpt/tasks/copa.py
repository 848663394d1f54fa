"""COPA (Roemmele et al. 2011): which of two events is the cause, or the effect, of the premise?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rpt.tasks.row import Row
from rpt.tasks.task import Task

CONNECTORS = {"cause": "because", "effect": "so"}
QUESTIONS = {"cause": "What was the cause?", "effect": "What happened as a result?"}


@dataclass(frozen=True, kw_only=True)
class Copa(Task):
    """COPA task, with further fields that join premise and choice in one sentence, or as question and answer.

    For the premise "The man fell." and the choice "He slipped." of a row that asks for the cause, a template can make
    "The man fell because he slipped" (`stem connector ending`), or "The man fell. What was the cause? He slipped."
    (`premise asks choice`).
    """

    def derived(self, row: Row, texts: Mapping[str, str]) -> Mapping[str, str]:
        """Return the conjunction, the question, the premise without its full stop, and the choices in lower case.

        The fields are `connector`, `asks`, `stem`, `ending1` and `ending2`.
        """
        if texts["question"] not in CONNECTORS:
            raise row.fault("question", "is unknown; allowed are 'cause', 'effect'.")
        return {
            "connector": CONNECTORS[texts["question"]],
            "asks": QUESTIONS[texts["question"]],
            "stem": texts["premise"].strip().removesuffix("."),
            "ending1": _inside_a_sentence(texts["choice1"]),
            "ending2": _inside_a_sentence(texts["choice2"]),
        }


def _inside_a_sentence(text: str) -> str:
    """Make the first letter of a sentence lower case, except in `I` and in abbreviations."""
    text = text.strip()
    first = text.split(maxsplit=1)[0]
    keeps = first == "I" or first.startswith("I'") or first[1:2].isupper()
    return text if keeps else text[0].lower() + text[1:]
