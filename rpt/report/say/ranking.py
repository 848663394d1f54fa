"""Write sentences that rank encoders by score and name the significant differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rpt.console import several
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.robustness import Robustness
from rpt.report.read.run import POINTS
from rpt.report.say.sentences import interval
from rpt.report.say.words import listed
from rpt.stats.estimate import Estimate
from rpt.stats.mean import average_of

OPENINGS = {"sweep": "averaged over the sweep", "tuned": "each tuned on the held-out rows"}
"""Phrase for the score by which encoders are ranked, for each value of `Pair.where`."""


def ranking(rows: Sequence[Robustness], pairs: Sequence[Pair], where: str) -> Iterator[str]:
    """Yield a sentence that ranks the encoders of a task by score; nothing for a single encoder.

    With three or more encoders, the sentence also names the differences that the data support.

    Args:
        rows: Scores of the task along the main axis, one entry for each encoder.
        pairs: Comparisons of the leading encoder with each other encoder.
        where: Score to rank by: `sweep` for the average over the sweep, `tuned` for the score at the tuned point.
    """
    if len(rows) < 2:
        return
    ordered = sorted(rows, key=lambda row: -_score(row, where).value)
    parts = [f"{row.method} {interval(_score(row, where), POINTS, 1)}" for row in ordered]
    support = f"; {_supported(pairs)}" if len(rows) > 2 and _has_intervals(pairs) else ""
    yield f"Ranked by the score, {OPENINGS[where]}: {', '.join(parts)}{support}."


def over_tasks(rows: Sequence[Robustness], pairs: Sequence[Pair], where: str) -> Iterator[str]:
    """Yield sentences on the best encoder of each task, and on the ranking by the mean over tasks.

    Nothing is yielded for a single task or encoder, if an encoder lacks a task, or if a task has several settings of
    the other axes.

    Args:
        rows: Scores along the main axis, one entry for each task and encoder.
        pairs: Comparisons of the leading encoder with each other encoder, on every task.
        where: Score to rank by: `sweep` for the average over the sweep, `tuned` for the score at the tuned point.
    """
    score_of = {(row.task, row.method): _score(row, where) for row in rows}
    tasks, methods = (list(dict.fromkeys(names)) for names in zip(*score_of, strict=True))
    if len(tasks) < 2 or len(methods) < 2 or len(rows) != len(tasks) * len(methods) or len(score_of) != len(rows):
        return
    best: dict[str, list[str]] = {}
    for task in tasks:
        best.setdefault(_highest({method: score_of[task, method] for method in methods}), []).append(task)
    yield f"Highest score, {OPENINGS[where]}: {'; '.join(f'{name} on {listed(on)}' for name, on in best.items())}."
    means = {method: average_of([score_of[task, method] for task in tasks]) for method in methods}
    parts = [
        f"{method} {interval(means[method], POINTS, 1)}" for method in sorted(means, key=lambda m: -means[m].value)
    ]
    yield f"Ranked by the mean over {len(tasks)} tasks: {', '.join(parts)}."
    if not _has_intervals(pairs):
        return
    words = _supported(pairs, names_tasks=True)
    yield f"{words[0].upper()}{words[1:]} after Holm's correction over the whole answer."


def _has_intervals(pairs: Sequence[Pair]) -> bool:
    return any(pair.comparison.difference.has_interval for pair in pairs)


def _score(row: Robustness, where: str) -> Estimate:
    return row.average if where == "sweep" else row.tuned


def _highest(scores: dict[str, Estimate]) -> str:
    """Return the name of the encoder with the highest score, or a text such as `a, b and c` for equal scores."""
    top = max(score.value for score in scores.values())
    return listed([method for method, score in scores.items() if score.value > top - 1e-9])


def _supported(pairs: Sequence[Pair], *, names_tasks: bool = False) -> str:
    """Return a phrase such as `the data support 1 of 3 differences from residual (residual above plain)`.

    A difference is supported if its verdict is not `open`, by interval and adjusted p-value.
    """
    tasks_of: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.verdict != "open":
            above, below = (pair.first, pair.second) if pair.verdict == "higher" else (pair.second, pair.first)
            tasks_of.setdefault(f"{above} above {below}", []).append(pair.task)
    differences = [f"{words} on {listed(tasks)}" if names_tasks else words for words, tasks in tasks_of.items()]
    count = several(len(pairs), "difference")
    if not differences:
        return f"the data support none of {count} from {pairs[0].first}"
    supported = sum(map(len, tasks_of.values()))
    return f"the data support {supported} of {count} from {pairs[0].first} ({', '.join(differences)})"
