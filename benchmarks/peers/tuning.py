"""Find the fastest settings of PEFT with Trainer, as a user could, and keep a log of the settings that were tried."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from benchmarks.peers.peft_steps import DOCUMENTED, PeftSteps, Settings

CHANGES: dict[str, dict[str, Any]] = {
    "mixed precision in bfloat16": {"autocast": True},
    "weights in bfloat16": {"dtype": "bfloat16", "autocast": False},
    "rows grouped by length": {"sampling": "group_by_length"},
    "rows sorted by length": {"sampling": "sorted"},
    "attention by plain matrix products": {"attention": "eager"},
}
"""Changes of the settings in the order in which they are tried. A change is kept if it is faster."""

REPEATS = 2


def tune(
    folder: str, family: str, rows: list[dict[str, Any]], num_labels: int, clock: str
) -> tuple[Settings, list[dict[str, Any]]]:
    """Try each change on top of the fastest settings so far.

    Args:
        folder: Folder of the weights.
        family: Family of the backbone.
        rows: Tokenised rows.
        num_labels: Number of labels, for a classifier.
        clock: Name of the clock that decides.

    Returns:
        The fastest settings; and for each try its name, settings, seconds per example (the smaller of two repeats) and
        whether it was kept.
    """

    def seconds(settings: Settings) -> float:
        steps = PeftSteps(folder, family, rows, num_labels, settings)
        return min(taken.per_example(clock) for taken in (steps() for _ in range(REPEATS)))

    best, fastest = DOCUMENTED, seconds(DOCUMENTED)
    log = [{"change": "documented settings", **asdict(best), "seconds_per_example": fastest, "kept": True}]
    for name, change in CHANGES.items():
        candidate = replace(best, **change)
        measured = seconds(candidate)
        is_faster = measured < fastest
        log.append({"change": name, **asdict(candidate), "seconds_per_example": measured, "kept": is_faster})
        best, fastest = (candidate, measured) if is_faster else (best, fastest)
    return best, log
