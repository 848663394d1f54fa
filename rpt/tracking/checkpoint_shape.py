"""Check that a checkpoint has the keys, types and shapes of the run that it is to restore.

A checkpoint whose bytes are whole can still hold other values, for example because a script has edited it. Without this
check, such a checkpoint would fail in the middle of the restoring, or in the first optimizer step.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from rpt.system.out_of_memory import is_out_of_memory
from rpt.training.run import Best, Run

LARGEST_COUNT = 2**53

RECORDER: dict[str, type | tuple[type, ...]] = {
    "curve_size": int,
    "seconds": (int, float),
    "started": str,
    "resumed": list,
    "bits": dict,
    "warnings": list,
}
"""Type of each value that a checkpoint holds for the run's recorder."""

STATUSES = ("running", "finished", "failed")

OLD_STATUSES = {"active": "running", "stopped": "finished"}
"""Status in a checkpoint of an earlier version to the word of today."""


def rename_old_status(state: Mapping[str, Any]) -> None:
    """Replace the status in a checkpoint of an earlier version by the word of today; leave every other value."""
    run = state.get("run")
    if isinstance(run, dict) and isinstance(status := run.get("status"), str):
        run["status"] = OLD_STATUSES.get(status, status)


def misfit(state: Mapping[str, Any], identity_hash: str) -> str | None:
    """Say which plain value of a checkpoint is wrong; None if all values are right.

    Args:
        state: Content of the checkpoint.
        identity_hash: Identity hash of the run.
    """
    for key in ("steps_done", "epochs_done"):
        if not _is_count(state.get(key)):
            return f"{key} is no count"
    budget, members = state.get("token_budget", "missing"), state.get("pack")
    if budget is not None and not (_is_count(budget) and budget > 0):
        return "token_budget is no count"
    if not isinstance(members, list) or not _are_texts(members) or identity_hash not in members:
        return "pack does not list the run"
    if len(set(members)) < len(members) or not all(member.isalnum() for member in members):
        return "pack lists more than hashes of runs"
    for key in ("recorder", "run"):
        if not isinstance(state.get(key), dict):
            return f"{key} is no mapping"
    return _misfit_of_recorder(state["recorder"]) or _misfit_of_values(state["run"])


def misfit_of_callbacks(state: Mapping[str, Any], names: Collection[str]) -> str | None:
    """Say whether a checkpoint lacks the states of a run's callbacks; None if it has them.

    Args:
        state: Content of the checkpoint.
        names: Names of the run's callbacks.
    """
    states = state.get("callbacks", {})
    if not isinstance(states, dict) or states.keys() != set(names):
        return "callbacks lists other callbacks"
    return None if all(isinstance(value, dict) for value in states.values()) else "callbacks holds more than mappings"


def misfit_of_counts(state: Mapping[str, Any], steps_per_epoch: int) -> str | None:
    """Say whether the counts of steps and epochs of an active run contradict each other; None if they agree.

    Args:
        state: Content of the checkpoint, in which `misfit` finds nothing wrong.
        steps_per_epoch: Number of steps of a whole epoch.
    """
    steps, epochs = state["steps_done"], state["epochs_done"]
    if state["run"]["status"] == "running" and not 0 <= steps - epochs * steps_per_epoch <= steps_per_epoch:
        return f"steps_done is {steps}, and epochs_done is {epochs} with {steps_per_epoch} steps each"
    return None


def misfit_of_run(run: Run, state: Mapping[str, Any]) -> str | None:
    """Say which tensor or setting of a checkpoint does not fit the run; None if all fit.

    Args:
        run: Newly built run.
        state: Entry `run` of the checkpoint, in which `misfit` finds nothing wrong.
    """
    own = run.state()
    best = state.get("best_state")
    expected = {} if state["best"] is None else own["trainable"]
    return (
        _misfit_of_tensors(own["trainable"], state.get("trainable"), "run.trainable")
        or _misfit_of_tensors(expected, best, "run.best_state")
        or _difference(own["schedule"], state.get("schedule"), "run.schedule")
        or _misfit_of_random(own["random"], state.get("random"))
        or _misfit_of_optimizer(run.optimizer, state.get("optimizer"))
    )


def _misfit_of_recorder(recorder: Mapping[str, Any]) -> str | None:
    for key, kind in RECORDER.items():
        value = recorder.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            return f"recorder.{key} has another type"
    if not _is_count(recorder["curve_size"]) or not 0 <= recorder["seconds"] < math.inf:
        return "recorder has a number out of range"
    for key in ("resumed", "warnings"):
        if not _are_texts(recorder[key]):
            return f"recorder.{key} holds more than texts"
    if not all(_is_time(text) for text in (recorder["started"], *recorder["resumed"])):
        return "recorder has a time that is no time"
    if not all(isinstance(value, str | int | float | None) for value in recorder["bits"].values()):
        return "recorder.bits holds more than plain values"
    return None


def _misfit_of_values(run: Mapping[str, Any]) -> str | None:
    """Say which plain value of a run's state is wrong; None if all values are right."""
    status = run.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        return "run.status is unknown"
    for key in ("stale_epochs", "steps", "tokens"):
        if not _is_count(run.get(key)):
            return f"run.{key} is no count"
    for key in ("error", "trace"):
        if not isinstance(run.get(key, 0), str | None):
            return f"run.{key} is no text"
    if not isinstance(run.get("has_cut_answers", False), bool):
        return "run.has_cut_answers is no yes or no"
    best = run.get("best", "missing")
    return None if best is None else _misfit_of_best(best)


def _misfit_of_best(best: Any) -> str | None:
    if not isinstance(best, dict) or set(best) != {field.name for field in fields(Best)}:
        return "run.best has other keys"
    if not (_is_count(best["epoch"]) and _is_count(best["step"]) and isinstance(best["metrics"], dict)):
        return "run.best has another type"
    metrics = best["metrics"]
    if not {"score", "loss"} <= metrics.keys() or not _are_texts(list(metrics)):
        return "run.best.metrics has other keys"
    return None if all(type(value) in (int, float) for value in metrics.values()) else "run.best.metrics is no numbers"


def _misfit_of_tensors(own: Mapping[str, Tensor], found: Any, name: str) -> str | None:
    """Compare state dicts of modules, which must have the same keys."""
    if not isinstance(found, dict) or set(found) != set(own):
        return f"{name} has other keys"
    return _difference(own, found, name)


def _misfit_of_random(own: Mapping[str, Tensor | None], found: Any) -> str | None:
    """Check the states of the random generators. The GPU's state may be missing, or be there without a GPU."""
    if not isinstance(found, dict) or not {"cpu", "cuda"} <= found.keys():
        return "run.random has other keys"
    if (reason := _difference(own["cpu"], found["cpu"], "run.random.cpu")) is not None:
        return reason
    if own["cuda"] is not None and found["cuda"] is not None:
        reason = _difference(own["cuda"], found["cuda"], "run.random.cuda")
    try:
        torch.Generator().set_state(found["cpu"])
    except RuntimeError as error:  # the generator checks the layout of its state
        if is_out_of_memory(error):
            raise
        return "run.random.cpu is no state of a generator"
    return reason


def _misfit_of_optimizer(optimizer: Optimizer, found: Any) -> str | None:
    """Check the optimizer's settings and the tensors of each parameter."""
    if not isinstance(found, dict) or not isinstance(found.get("state"), dict):
        return "run.optimizer has other keys"
    own = optimizer.state_dict()["param_groups"]
    if (reason := _difference(own, found.get("param_groups"), "run.optimizer.param_groups")) is not None:
        return reason
    if [group["params"] for group in own] != [group["params"] for group in found["param_groups"]]:
        return "run.optimizer.param_groups has other parameters"
    pairs = [(group, parameter) for group in optimizer.param_groups for parameter in group["params"]]
    for index, values in found["state"].items():
        if type(index) is not int or not 0 <= index < len(pairs):
            return "run.optimizer.state has other keys"
        expected = _state_after_a_step(optimizer, *pairs[index])
        if (reason := _difference(expected, values, f"run.optimizer.state.{index}")) is not None:
            return reason
    return None


def _state_after_a_step(optimizer: Optimizer, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """Return the state that the optimizer keeps for a parameter, from a step on a copy of zeros."""
    zeros = torch.zeros_like(parameter, requires_grad=True)
    zeros.grad = torch.zeros_like(parameter)
    trial = copy.copy(optimizer)
    trial.state = defaultdict(dict)
    trial.param_groups = [{**group, "params": [zeros]}]
    trial.step()
    return dict(trial.state[zeros])


def _difference(own: Any, found: Any, name: str) -> str | None:
    """Say which part of a value has another type, shape or length than the run's own, or is missing."""
    if isinstance(own, Tensor):
        return None if isinstance(found, Tensor) and _has_form_of(own, found) else f"{name} has another type or shape"
    if isinstance(own, dict):
        if not isinstance(found, dict):
            return f"{name} is no mapping"
        missing = next((key for key in own if key not in found), None)
        if missing is not None:
            return f"{name}.{missing} is missing"
        parts = ((own[key], found[key], f"{name}.{key}") for key in own)
    elif isinstance(own, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(own):
            return f"{name} has another type or length"
        parts = ((mine, theirs, f"{name}.{index}") for index, (mine, theirs) in enumerate(zip(own, found, strict=True)))
    else:
        numbers = {int, float}
        is_alike = type(found) is type(own) or {type(own), type(found)} <= numbers
        return None if is_alike else f"{name} has another type"
    return next((reason for part in parts if (reason := _difference(*part)) is not None), None)


def _has_form_of(own: Tensor, found: Tensor) -> bool:
    is_dense = found.layout == torch.strided and not found.is_meta
    is_of_kind = found.is_floating_point() if own.is_floating_point() else found.dtype == own.dtype
    return is_dense and is_of_kind and found.shape == own.shape


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False
