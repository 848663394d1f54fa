"""The files of a SuperGLUE submission: their names, their labels and their numbers of rows.

Source: github.com/nyu-mll/jiant, `jiant/scripts/benchmarks/benchmarks.py` (8b13996), and the functions
`super_glue_format_preds` of its tasks. The numbers of rows come from the release's test splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rpt.tasks.row import Label

Entry = dict[str, Any]
"""A line of a submission file."""


@dataclass(frozen=True)
class LeaderboardFile:
    """A file of a submission.

    Attributes:
        name: Name without `.jsonl`, which is the name of the folder in the release.
        task: Name of the task whose run answers the rows.
        rows: Number of lines of the file.
        labels: Values that a label may have; None for any text.
        rows_file: Name of the file of the rows in the release, without `.jsonl`.
        renamed: Pairs of a field's name in the release and its name in the task, for names that differ.
    """

    name: str
    task: str
    rows: int
    labels: tuple[str | int, ...] | None
    rows_file: str = "test"
    renamed: tuple[tuple[str, str], ...] = ()

    def task_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of the release with the fields of the task."""
        names = dict(self.renamed)
        return {names.get(name, name): value for name, value in row.items()}

    def label(self, label: Label) -> Label:
        """Return a label of the release as the leaderboard expects it: a boolean becomes a text."""
        if not isinstance(label, bool):
            return label
        return str(label) if "True" in (self.labels or ()) else str(label).lower()


ENTAILMENT = ("entailment", "not_entailment")

FILES: Mapping[str, LeaderboardFile] = {
    file.name: file
    for file in (
        LeaderboardFile("BoolQ", "boolq", 3245, ("true", "false")),
        LeaderboardFile("CB", "cb", 250, ("entailment", "contradiction", "neutral")),
        LeaderboardFile("COPA", "copa", 500, (0, 1)),
        LeaderboardFile("MultiRC", "multirc", 166, (0, 1)),
        LeaderboardFile("ReCoRD", "record", 10_000, None),
        LeaderboardFile("RTE", "rte", 3000, ENTAILMENT),
        LeaderboardFile("WiC", "wic", 1400, ("true", "false")),
        LeaderboardFile("WSC", "wsc", 146, ("True", "False")),
        LeaderboardFile(
            "AX-b", "rte", 1104, ENTAILMENT, "AX-b", (("sentence1", "premise"), ("sentence2", "hypothesis"))
        ),
        LeaderboardFile("AX-g", "rte", 356, ENTAILMENT, "AX-g"),
    )
}
"""Files of a submission by name, in the order of the leaderboard's instructions."""

NESTED = "MultiRC"
"""Name of the file with a passage on each line. A passage has several questions, and a question several answers."""


def nested(answers: Sequence[tuple[Sequence[int], Label]]) -> list[Entry]:
    """Build the lines of MultiRC: passages with their questions and answers.

    Args:
        answers: For each answer, numbers of passage, question and answer, and its label.

    Examples:
        >>> nested([((5, 0, 2), 1)])
        [{'idx': 5, 'passage': {'questions': [{'idx': 0, 'answers': [{'idx': 2, 'label': 1}]}]}}]
    """
    passages: dict[int, dict[int, list[Entry]]] = {}
    for (passage, question, answer), label in answers:
        of_question = passages.setdefault(passage, {}).setdefault(question, [])
        of_question.append({"idx": answer, "label": label})
    return [
        {"idx": passage, "passage": {"questions": [{"idx": q, "answers": found} for q, found in questions.items()]}}
        for passage, questions in passages.items()
    ]
