"""Contribution of a run to means and shares over runs, computed from its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]


def has_ended(record: Record) -> bool:
    """Whether the run is finished or failed, so that means and shares include it."""
    return record["status"] in ("finished", "failed")


def has_diverged(record: Record) -> bool:
    """Whether the run has no score, because its loss became NaN or infinite, or because it raised an exception."""
    return bool(record["status"] == "failed")


def counted_score(record: Record, metric: str = "score") -> float | None:
    """Return the value of a metric for means over runs. A run that diverged has the value of the majority answer.

    Args:
        record: Record of a run that has ended.
        metric: Name of the metric.

    Returns:
        Value from 0 to 1; None if the record does not have the metric.
    """
    found = record.get("majority" if has_diverged(record) else "scores", {}).get(metric)
    return None if found is None else float(found)


def has_failed(record: Record) -> bool:
    """Whether the run diverged, or its score is not above the score of always giving the most frequent answer."""
    return has_diverged(record) or bool(record["scores"]["score"] <= record["majority"]["score"])
