"""A run's results and settings as flat names with single values, for the tables of W&B and TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from rpt.system.writing import read_json_lines
from rpt.tracking.counted import counted_score, has_diverged, has_ended, has_failed
from rpt.tracking.folder import RunFolder

Flat = dict[str, float | int | str]


def summary(record: Mapping[str, Any], diagnostics: Mapping[str, Any] | None) -> Flat:
    """Summarise a run: scores, scores of the majority answer, costs, selected checkpoint and diagnostics of the prompt.

    Args:
        record: Content of `run.json`.
        diagnostics: Content of `diagnostics.json`; None if there is no such file.
    """
    flat: Flat = {"status": record["status"], **record.get("scores", {})}
    flat |= {f"majority/{name}": value for name, value in record["majority"].items()}
    costs = ("seconds", "tokens", "tokens_per_second", "steps", "peak_memory_bytes", "loss", "off_label_share", "error")
    flat |= {name: record[name] for name in costs if record.get(name) is not None}
    flat |= {**chosen_state(record), **counted(record)}
    return flat if diagnostics is None else {**flat, **_of_prompt(diagnostics)}


def chosen_state(record: Mapping[str, Any]) -> Flat:
    """Return the selected checkpoint and its score on the selection split; empty without trainable parameters."""
    best = record.get("best")
    if best is None:
        return {}
    return {"best/epoch": best["epoch"], "best/step": best["step"], "best/score": best["held_out"]["score"]}


def counted(record: Mapping[str, Any]) -> Flat:
    """Return the values from which W&B computes means and shares over runs; empty for an interrupted run.

    `diverged` and `failed` are 0 or 1. A run has failed if it diverged or its score is not above the majority answer's.
    `counted_score` is the majority answer's score if the run diverged. `failed` and `counted_score` also appear under
    the encoder's name, so that a bar chart can show each encoder.
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
    """Compute means of the prompt's diagnostics over its virtual tokens."""
    means = {
        "diagnostics/norm": fmean(found["norms"]),
        "diagnostics/drift": fmean(found["drift"]),
        "diagnostics/nearest_cosine": fmean(tokens[0][1] for tokens in found["nearest"]),
    }
    gate = {} if found["gate"] is None else {"diagnostics/gate": fmean(found["gate"])}
    return {**means, **gate, "diagnostics/vocab_norm": found["vocab_norm"]["mean"]}


def settings(record: Mapping[str, Any]) -> Flat:
    """Return the settings of a run that may differ between the runs of a sweep, by dotted key."""
    config = record["config"]
    options = {
        f"{group}.{key}": value for group in ("encoder", "init", "prompt") for key, value in config[group].items()
    }
    alone = {key: value for key, value in config.items() if not isinstance(value, dict | list)}
    named = {**record["chosen"], "data.source": record["data"]["source"], **options, **alone}
    return {key: value for key, value in named.items() if isinstance(value, str | int | float)}


def read_diagnostics(folder: RunFolder) -> dict[str, Any] | None:
    """Read a run's `diagnostics.json`; None for a run without a prompt or a run that is not finished."""
    if not folder.diagnostics.exists():
        return None
    found = json.loads(folder.diagnostics.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def read_predictions(folder: RunFolder) -> list[dict[str, Any]]:
    """Read the lines of a run's `predictions.jsonl`; empty for a run that is not finished."""
    if not folder.predictions.exists():
        return []
    return read_json_lines(folder.predictions)
