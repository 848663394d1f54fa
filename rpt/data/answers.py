"""Check that the rows of every split can be answered and scored as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpt.errors import ConfigError, DataError
from rpt.tasks.example import Example
from rpt.tasks.metrics import OF_LABELS


def check_answers(splits: Mapping[str, Sequence[Example]], scorer: str, metrics: Sequence[str]) -> None:
    """Refuse empty splits, and rows with free text as answers if the scorer or a metric needs choices.

    Args:
        splits: Rows by the name of their split.
        scorer: `head`, `rank` or `generate`.
        metrics: Names of the metrics.

    Raises:
        DataError: A split has no row.
        ConfigError: A row has no choices, and the scorer or a metric needs them.
    """
    for name, rows in splits.items():
        if not rows:
            raise DataError(f"no row is left for {name}. Set data.max_rows higher, or add rows.")
    bare = next((row for rows in splits.values() for row in rows if not row.choices), None)
    if bare is None:
        return
    if scorer != "generate":
        advice = f"row idx {bare.idx} has no choices, because its answer is free text. Set scorer=generate."
        raise ConfigError.of("scorer.name", scorer, advice)
    for name in metrics:
        if name in OF_LABELS:
            advice = f"{name} compares choices, and row idx {bare.idx} has none. Set task.metrics=[em,f1]."
            raise ConfigError.of("task.metrics", list(metrics), advice)
