"""Summarise a run's results and settings as a flat dictionary, for the tables of W&B and TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from rpt.system.writing import read_json_lines
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record

Flat = dict[str, float | int | str]

SIZES = ("start_norm_ratio", "start_update_ratio", "first_step", "end_norm_ratio", "end_update_ratio")
"""Keys of the record's section `prompt` that hold a ratio of two norms."""


def summary(record: Record, diagnostics: Mapping[str, Any] | None) -> Flat:
    """Summarise a run: scores, scores of the majority answer, costs, selected checkpoint and diagnostics of the prompt.

    Args:
        record: Record of the run.
        diagnostics: Content of `diagnostics.json`; None if there is no such file.
    """
    costs = ("seconds", "tokens", "tokens_per_second", "steps", "peak_memory_bytes", "loss", "off_label_share", "error")
    values = {
        "status": record.status,
        **record.scores,
        **{f"majority/{name}": value for name, value in record.majority.items()},
        **{name: getattr(record, name) for name in costs},
    }
    flat: Flat = {name: value for name, value in values.items() if value is not None}
    flat |= {**chosen_state(record), **counted(record), **_size_of_prompt(record)}
    return flat if diagnostics is None else {**flat, **_of_prompt(diagnostics)}


def chosen_state(record: Record) -> Flat:
    """Return the selected checkpoint and its score on the selection split; empty without trainable parameters."""
    best = record.best
    if best is None:
        return {}
    score = best.held_out.get("score")
    return {"best/epoch": best.epoch, "best/step": best.step, **({} if score is None else {"best/score": score})}


def counted(record: Record) -> Flat:
    """Return the values from which W&B computes means and shares over runs; empty unless the run is finished or failed.

    `diverged` and `failed` are 0 or 1. A run has failed if it diverged or its score is not above the majority answer's.
    `counted_score` is the majority answer's score if the run diverged. `failed` and `counted_score` also appear under
    the encoder's name, so that a bar chart can show each encoder.
    """
    if not record.has_ended:
        return {}
    score = record.score_or_majority()
    assert score is not None
    both: Flat = {"counted_score": score, "failed": int(record.is_failed)}
    encoder = record.chosen.get("encoder", "encoder")
    return {
        "diverged": int(record.has_diverged),
        **both,
        **{f"{encoder}/{name}": value for name, value in both.items()},
    }


def _size_of_prompt(record: Record) -> Flat:
    """Return the values of `SIZES` that the record holds; empty without a prompt."""
    if record.prompt is None:
        return {}
    numbers = {name: getattr(record.prompt, name) for name in SIZES}
    return {f"prompt/{name}": number for name, number in numbers.items() if number is not None}


def _of_prompt(diagnostics: Mapping[str, Any]) -> Flat:
    """Compute means of the prompt's diagnostics over its virtual tokens."""
    means = {
        "diagnostics/norm": fmean(diagnostics["norms"]),
        "diagnostics/drift": fmean(diagnostics["drift"]),
        "diagnostics/nearest_cosine": fmean(tokens[0][1] for tokens in diagnostics["nearest"]),
    }
    gate = {} if diagnostics["gate"] is None else {"diagnostics/gate": fmean(diagnostics["gate"])}
    return {**means, **gate, "diagnostics/vocab_norm": diagnostics["vocab_norm"]["mean"]}


def settings(record: Record) -> Flat:
    """Return the chosen options and the settings that often differ between the runs of a sweep, by dotted key."""
    groups = ("encoder.", "init.", "prompt.")
    options = {key: value for key, value in record.flat().items() if "." not in key or key.startswith(groups)}
    values = {**record.chosen, "data.source": record.data.source, **options}
    return {key: value for key, value in values.items() if value is not None}


def read_diagnostics(folder: RunFolder) -> dict[str, Any] | None:
    """Read a run's `diagnostics.json`; None for a run without a prompt or a run that is not finished."""
    if not folder.diagnostics.exists():
        return None
    diagnostics = json.loads(folder.diagnostics.read_text(encoding="utf-8"))
    assert isinstance(diagnostics, dict)
    return diagnostics


def read_predictions(folder: RunFolder) -> list[dict[str, Any]]:
    """Read the lines of a run's `predictions.jsonl`; empty for a run that is not finished."""
    if not folder.predictions.exists():
        return []
    return read_json_lines(folder.predictions)
