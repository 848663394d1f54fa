"""What a run that ended counts as in means and shares over runs, by its record alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def has_ended(record: Record) -> bool:
    """Whether the run was trained to its end or left for good, so that it counts at all."""
    return record["status"] in ("finished", "failed")


def has_diverged(record: Record) -> bool:
    """Whether it has no score of its own, because its loss turned to no number or it raised."""
    return bool(record["status"] == "failed")


def counted_score(record: Record, metric: str = "score") -> float | None:
    """A metric as it counts, 0 to 1: the majority answer's for a run that diverged, as a reader would fall back.

    Returns:
        None where the record has no such metric.
    """
    found = record.get("majority" if has_diverged(record) else "scores", {}).get(metric)
    return None if found is None else float(found)


def has_failed(record: Record) -> bool:
    """Whether it diverged, or scores at or below always giving the most frequent answer."""
    return has_diverged(record) or bool(record["scores"]["score"] <= record["majority"]["score"])
