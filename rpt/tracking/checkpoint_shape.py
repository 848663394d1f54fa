"""Check that a checkpoint has the keys, types and shapes that the run needs.

A checkpoint whose file is undamaged can still hold other values, for example because a script has edited it. Without
this check, such a checkpoint would fail while it is loaded, or in the first optimizer step.
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
from rpt.training.halving import Stop
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
"""Type of each required value in a checkpoint's entry `recorder`."""

STATUSES = ("running", "finished", "stopped", "failed")

OLD_STATUSES = {"active": "running", "stopped": "finished"}
"""Present name of each status in checkpoints of earlier versions, whose entry `stop` is missing or None."""


def rename_old_status(state: Mapping[str, Any]) -> None:
    """Replace the status in a checkpoint of an earlier version by its present name, in place."""
    run = state.get("run")
    if isinstance(run, dict) and run.get("stop") is None and isinstance(status := run.get("status"), str):
        run["status"] = OLD_STATUSES.get(status, status)


def misfit(state: Mapping[str, Any], identity_hash: str) -> str | None:
    """Describe the first wrong value of a checkpoint; None if all values are right. Tensors are not checked.

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
    """Describe the mismatch between the callbacks in a checkpoint and the run's callbacks; None if they agree.

    Args:
        state: Content of the checkpoint.
        names: Names of the run's callbacks.
    """
    states = state.get("callbacks", {})
    if not isinstance(states, dict) or states.keys() != set(names):
        return "callbacks lists other callbacks"
    return None if all(isinstance(value, dict) for value in states.values()) else "callbacks holds more than mappings"


def misfit_of_counts(state: Mapping[str, Any], steps_per_epoch: int) -> str | None:
    """Describe a contradiction between the counts of steps and epochs; None if they agree.

    The counts are compared only if the status of the run is `running`.

    Args:
        state: Content of the checkpoint, after `misfit` has checked it.
        steps_per_epoch: Number of steps of a whole epoch.
    """
    steps, epochs = state["steps_done"], state["epochs_done"]
    if state["run"]["status"] == "running" and not 0 <= steps - epochs * steps_per_epoch <= steps_per_epoch:
        return f"steps_done is {steps}, and epochs_done is {epochs} with {steps_per_epoch} steps each"
    return None


def misfit_of_run(run: Run, state: Mapping[str, Any]) -> str | None:
    """Name the first tensor or setting of a checkpoint that does not fit the run; None if all fit.

    Args:
        run: Newly built run.
        state: Entry `run` of the checkpoint, after `misfit` has checked it.
    """
    current = run.state()
    best = state.get("best_state")
    expected = {} if state["best"] is None else current["trainable"]
    return (
        _misfit_of_tensors(current["trainable"], state.get("trainable"), "run.trainable")
        or _misfit_of_tensors(expected, best, "run.best_state")
        or _difference(current["schedule"], state.get("schedule"), "run.schedule")
        or _misfit_of_random(current["random"], state.get("random"))
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
    return None if isinstance(recorder.get("rpt", ""), str) else "recorder.rpt is no text"


def _misfit_of_values(run: Mapping[str, Any]) -> str | None:
    """Describe the first wrong value of a run's state; None if all are right. Tensors are not checked."""
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
    if not _is_stop(run.get("stop"), status):
        return "run.stop is no decision"
    best = run.get("best", "missing")
    return None if best is None else _misfit_of_best(best)


def _is_stop(stop: Any, status: str) -> bool:
    """Whether a checkpoint's entry `stop` is valid: a decision of successive halving, or None.

    A stopped run must have a decision. A running or finished run must have None.
    """
    if stop is None or status in ("running", "finished"):
        return stop is None and status != "stopped"
    names = {field.name for field in fields(Stop)}
    if not isinstance(stop, dict) or stop.keys() != names:
        return False
    shares = ("keep", "score")
    are_counts = all(_is_count(stop[name]) for name in names.difference(shares))
    return are_counts and all(type(stop[name]) is float and 0 <= stop[name] <= 1 for name in shares)


def _misfit_of_best(best: Any) -> str | None:
    if not isinstance(best, dict) or set(best) != {field.name for field in fields(Best)}:
        return "run.best has other keys"
    if not (_is_count(best["epoch"]) and _is_count(best["step"]) and isinstance(best["metrics"], dict)):
        return "run.best has another type"
    metrics = best["metrics"]
    if not {"score", "loss"} <= metrics.keys() or not _are_texts(list(metrics)):
        return "run.best.metrics has other keys"
    return None if all(type(value) in (int, float) for value in metrics.values()) else "run.best.metrics is no numbers"


def _misfit_of_tensors(expected: Mapping[str, Tensor], loaded: Any, name: str) -> str | None:
    """Compare state dicts of modules, which must have the same keys."""
    if not isinstance(loaded, dict) or set(loaded) != set(expected):
        return f"{name} has other keys"
    return _difference(expected, loaded, name)


def _misfit_of_random(expected: Mapping[str, Tensor | None], loaded: Any) -> str | None:
    """Check the states of the random generators. A GPU's state is checked if the checkpoint and the run have one."""
    if not isinstance(loaded, dict) or not {"cpu", "cuda"} <= loaded.keys():
        return "run.random has other keys"
    if (reason := _difference(expected["cpu"], loaded["cpu"], "run.random.cpu")) is not None:
        return reason
    if expected["cuda"] is not None and loaded["cuda"] is not None:
        reason = _difference(expected["cuda"], loaded["cuda"], "run.random.cuda")
    try:
        torch.Generator().set_state(loaded["cpu"])
    except RuntimeError as error:  # the generator checks the layout of its state
        if is_out_of_memory(error):
            raise
        return "run.random.cpu is no state of a generator"
    return reason


def _misfit_of_optimizer(optimizer: Optimizer, loaded: Any) -> str | None:
    """Check the optimizer's settings and the tensors of each parameter."""
    if not isinstance(loaded, dict) or not isinstance(loaded.get("state"), dict):
        return "run.optimizer has other keys"
    groups = optimizer.state_dict()["param_groups"]
    if (reason := _difference(groups, loaded.get("param_groups"), "run.optimizer.param_groups")) is not None:
        return reason
    if [group["params"] for group in groups] != [group["params"] for group in loaded["param_groups"]]:
        return "run.optimizer.param_groups has other parameters"
    pairs = [(group, parameter) for group in optimizer.param_groups for parameter in group["params"]]
    for index, values in loaded["state"].items():
        if type(index) is not int or not 0 <= index < len(pairs):
            return "run.optimizer.state has other keys"
        expected = _state_after_a_step(optimizer, *pairs[index])
        if (reason := _difference(expected, values, f"run.optimizer.state.{index}")) is not None:
            return reason
    return None


def _state_after_a_step(optimizer: Optimizer, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """Return the state that the optimizer keeps for a parameter, found by a step on zeros of the same shape."""
    zeros = torch.zeros_like(parameter, requires_grad=True)
    zeros.grad = torch.zeros_like(parameter)
    trial = copy.copy(optimizer)
    trial.state = defaultdict(dict)
    trial.param_groups = [{**group, "params": [zeros]}]
    trial.step()
    return dict(trial.state[zeros])


def _difference(expected: Any, loaded: Any, name: str) -> str | None:
    """Name the part of a loaded value that is missing or has another type, shape or length; None if all parts fit."""
    if isinstance(expected, Tensor):
        is_alike = isinstance(loaded, Tensor) and _has_form_of(expected, loaded)
        return None if is_alike else f"{name} has another type or shape"
    if isinstance(expected, dict):
        if not isinstance(loaded, dict):
            return f"{name} is no mapping"
        missing = next((key for key in expected if key not in loaded), None)
        if missing is not None:
            return f"{name}.{missing} is missing"
        parts = ((expected[key], loaded[key], f"{name}.{key}") for key in expected)
    elif isinstance(expected, list | tuple):
        if not isinstance(loaded, list | tuple) or len(loaded) != len(expected):
            return f"{name} has another type or length"
        parts = (
            (part, loaded_part, f"{name}.{index}")
            for index, (part, loaded_part) in enumerate(zip(expected, loaded, strict=True))
        )
    else:
        numbers = {int, float}
        is_alike = type(loaded) is type(expected) or {type(expected), type(loaded)} <= numbers
        return None if is_alike else f"{name} has another type"
    return next((reason for part in parts if (reason := _difference(*part)) is not None), None)


def _has_form_of(expected: Tensor, loaded: Tensor) -> bool:
    is_dense = loaded.layout == torch.strided and not loaded.is_meta
    is_of_kind = loaded.is_floating_point() if expected.is_floating_point() else loaded.dtype == expected.dtype
    return is_dense and is_of_kind and loaded.shape == expected.shape


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False
