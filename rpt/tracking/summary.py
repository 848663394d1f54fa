"""A run in flat names and single values: what W&B and TensorBoard put into their tables of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from rpt.tracking.counted import counted_score, has_diverged, has_ended, has_failed
from rpt.tracking.files import read_json_lines
from rpt.tracking.folder import RunFolder

Flat = dict[str, float | int | str]


def summary(record: Mapping[str, Any], diagnostics: Mapping[str, Any] | None) -> Flat:
    """How a run ended: its scores beside the majority line, what it cost, what became of its prompt.

    Args:
        record: `run.json`.
        diagnostics: `diagnostics.json`; None where there is none.
    """
    flat: Flat = {"status": record["status"], **record.get("scores", {})}
    flat |= {f"majority/{name}": value for name, value in record["majority"].items()}
    costs = ("seconds", "tokens", "tokens_per_second", "steps", "peak_memory_bytes", "loss", "off_label_share", "error")
    flat |= {name: record[name] for name in costs if record.get(name) is not None}
    flat |= {**chosen_state(record), **counted(record)}
    return flat if diagnostics is None else {**flat, **_of_prompt(diagnostics)}


def chosen_state(record: Mapping[str, Any]) -> Flat:
    """The checkpoint that the rows for choosing chose, and its score on them; nothing where nothing was trained."""
    best = record.get("best")
    if best is None:
        return {}
    return {"best/epoch": best["epoch"], "best/step": best["step"], "best/score": best["held_out"]["score"]}


def counted(record: Mapping[str, Any]) -> Flat:
    """What means and shares over runs are made of; nothing of an interrupted run.

    `diverged` and `failed` are 0 or 1; a run has failed that diverged or is not above the majority answer.
    `counted_score` is the majority answer's where the run diverged. The last two stand once more under the encoder's
    name, so that one bar can show one encoder.
    """
    if not has_ended(record):
        return {}
    score = counted_score(record)
    assert score is not None
    both: Flat = {"counted_score": score, "failed": int(has_failed(record))}
    encoder = record["chosen"].get("encoder", "encoder")
    return {
        "diverged": int(has_diverged(record)),
        **both,
        **{f"{encoder}/{name}": value for name, value in both.items()},
    }


def _of_prompt(found: Mapping[str, Any]) -> Flat:
    """Means over the virtual tokens."""
    means = {
        "diagnostics/norm": fmean(found["norms"]),
        "diagnostics/drift": fmean(found["drift"]),
        "diagnostics/nearest_cosine": fmean(tokens[0][1] for tokens in found["nearest"]),
    }
    gate = {} if found["gate"] is None else {"diagnostics/gate": fmean(found["gate"])}
    return {**means, **gate, "diagnostics/vocab_norm": found["vocab_norm"]["mean"]}


def settings(record: Mapping[str, Any]) -> Flat:
    """What a run was told that its neighbours in a sweep may have been told otherwise, by dotted key."""
    config = record["config"]
    options = {
        f"{group}.{key}": value for group in ("encoder", "init", "prompt") for key, value in config[group].items()
    }
    alone = {key: value for key, value in config.items() if not isinstance(value, dict | list)}
    named = {**record["chosen"], "data.source": record["data"]["source"], **options, **alone}
    return {key: value for key, value in named.items() if isinstance(value, str | int | float)}


def read_diagnostics(folder: RunFolder) -> dict[str, Any] | None:
    """A run's `diagnostics.json`; None where it has no prompt or no end."""
    if not folder.diagnostics.exists():
        return None
    found = json.loads(folder.diagnostics.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def read_predictions(folder: RunFolder) -> list[dict[str, Any]]:
    """The lines of a run's `predictions.jsonl`; none where it has no end."""
    if not folder.predictions.exists():
        return []
    return read_json_lines(folder.predictions)
