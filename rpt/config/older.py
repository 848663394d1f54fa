"""Read the configuration in the record of an older version of rpt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REMOVED = ("expected", "replay")
"""Keys of older records that are not settings of a run: the paper's numbers for an experiment, and a command."""

CSV_LOGGER: dict[str, object] = {
    "kind": "csv",
    "project": None,
    "entity": None,
    "mode": "offline",
    "name": None,
    "tags": [],
}
"""Logger in older records that wrote the same values as `metrics.csv`. It no longer exists."""


def values_of_record(config: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a configuration from a record, as `rpt.config.check.check` takes them.

    Args:
        config: Configuration in the record.
        chosen: Chosen option of each group in the record.
    """
    values = {key: value for key, value in config.items() if key not in REMOVED}
    if isinstance(loggers := values.get("logger"), dict):
        values["logger"] = {name: logger for name, logger in loggers.items() if logger != CSV_LOGGER}
    return {**values, "chosen": chosen}
