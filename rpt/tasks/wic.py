"""WiC (Pilehvar and Camacho-Collados 2019): does a word have the same sense in two sentences?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rpt.tasks.row import Row
from rpt.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class Wic(Task):
    """WiC task. It marks the word in both sentences, at the positions that the row gives."""

    @property
    def schema(self) -> str:
        """List of the fields of a row, as text for messages."""
        return "word, sentence1, sentence2, start1, end1, start2, end2, idx, label"

    def derived(self, row: Row, texts: Mapping[str, str]) -> Mapping[str, str]:
        """Return both sentences with the word marked as `*word*`, and the word's start and end in each as texts."""
        made: dict[str, str] = {}
        for number in "12":
            start, end = row.number(f"start{number}"), row.number(f"end{number}")
            sentence = texts[f"sentence{number}"]
            if not 0 <= start < len(sentence):
                raise row.fault(f"start{number}", f"is outside of sentence{number}, 0 to {len(sentence) - 1}.")
            if not start < end <= len(sentence):
                allowed = f"{start + 1} to {len(sentence)}, one past the word's last letter"
                raise row.fault(f"end{number}", f"must be after start{number} in sentence{number}: {allowed}.")
            made |= {f"start{number}": str(start), f"end{number}": str(end)}
            made[f"marked{number}"] = f"{sentence[:start]}*{sentence[start:end]}*{sentence[end:]}"
        return made
