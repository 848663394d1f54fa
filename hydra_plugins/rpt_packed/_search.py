"""Optuna's search over runs. `search` imports this module only when a search starts."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_optuna_sweeper import _impl
from omegaconf import DictConfig, OmegaConf

from rpt.console import say, several
from rpt.errors import RptError
from rpt.sweep.grid import examine
from rpt.sweep.outcome import Accepted, current
from rpt.system.writing import write_atomic
from rpt.tracking.objective import NO_OBJECTIVE, OBJECTIVES

RESULTS = "optimization_results.yaml"
"""Name of the results file in the sweep's folder, the same as hydra-optuna-sweeper's."""

HOW_FAILURES_COUNT = (
    "a failed point is one of the n_trials and has no value: "
    "it cannot be the best, and the sampler does not learn from it"
)

HOW_STOPPED_COUNT = (
    "a stopped point is one of the n_trials: the sampler learns its best held-out score until its rung, "
    "and the point cannot be the best"
)


class PointFailed(RptError):
    """A point was trained but has no objective for the search."""


class FailedReturn(JobReturn):
    """Job result of a failed point. Unlike Hydra's class it prints nothing, because the failure is printed already."""

    @property
    def return_value(self) -> Any:
        """Raise the point's error."""
        raise self._return_value


class RecordingLauncher:
    """Launcher that passes batches to another launcher and keeps the results of all points.

    Args:
        launcher: Launcher that trains the points.

    Attributes:
        objectives: Objective of each finished point.
        finished: Overrides of each finished point.
        num_failed: Number of failed points.
        stopped: Rung and rank of each point that successive halving has stopped, by the point's name.
        errors: Error of each failed point, by the point's name. Several points may have the same name.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.objectives: list[float] = []
        self.finished: list[Sequence[str]] = []
        self.num_failed = 0
        self.stopped: dict[str, str] = {}
        self.errors: dict[str, Exception] = {}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Train a batch of points and keep the result of each point."""
        returns = self._launcher.launch(job_overrides, initial_job_idx=initial_job_idx)
        return [self._noted(overrides, result) for overrides, result in zip(job_overrides, returns, strict=True)]

    def _noted(self, overrides: Sequence[str], result: JobReturn) -> JobReturn:
        outcome = current()
        point = outcome.name(overrides)
        if result.status == JobStatus.COMPLETED and point in outcome.stopped:
            self.stopped[point] = outcome.stopped[point]
            return result
        if result.status == JobStatus.COMPLETED and result.return_value is not None:
            self.objectives.append(float(result.return_value))
            self.finished.append(overrides)
            return result
        if result.status == JobStatus.COMPLETED:
            sys.stderr.write(f"failed: {point}\n  {NO_OBJECTIVE}\n")
            outcome.failed[point] = PointFailed(NO_OBJECTIVE)
        error = outcome.failed.get(point) or result._return_value
        self.num_failed += 1
        self.errors[point] = error
        return FailedReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=error)


class Search(_impl.OptunaSweeperImpl):  # type: ignore[misc]
    """Optuna's search, which continues after a failed point."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Set up the search and wrap its launcher; Hydra calls this before the sweep."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.launcher = RecordingLauncher(self.launcher)
        # hydra-optuna-sweeper calls distributions by names that Optuna has replaced.
        warnings.filterwarnings("ignore", r".*Distribution has been deprecated", FutureWarning)
        logging.getLogger(_impl.__name__).setLevel(logging.ERROR)  # its warnings repeat each failed point

    def sweep(self, arguments: list[str]) -> None:
        """Search, then write the results file: the best point, the meaning of its value, and the failed points."""
        best: dict[str, Any] = {"name": "optuna", "best_params": None, "best_value": None}
        try:
            super().sweep(arguments)
            best = OmegaConf.to_container(OmegaConf.load(self._results))  # type: ignore[assignment]
        except ValueError:  # Optuna raises it if no point of the search has a value
            if self.launcher.objectives:
                raise
        finally:
            self._write(best)

    @property
    def _results(self) -> Path:
        return Path(self.config.hydra.sweep.dir) / RESULTS

    def _write(self, best: dict[str, Any]) -> None:
        launcher = self.launcher
        best = self._best_finished(best) if launcher.stopped else best
        content = {
            **best,
            "objective": self._objective(),
            "direction": "maximize",
            "points": {"finished": len(launcher.objectives), "failed": launcher.num_failed},
            "failed_points": {point: _last_line(error) for point, error in launcher.errors.items()},
            "how_failed_points_count": HOW_FAILURES_COUNT,
        }
        if launcher.stopped:
            content["points"]["stopped"] = len(launcher.stopped)
            content |= {"stopped_points": launcher.stopped, "how_stopped_points_count": HOW_STOPPED_COUNT}
        write_atomic(self._results, OmegaConf.to_yaml(OmegaConf.create(content)).encode())
        if launcher.num_failed:
            say(f"{several(launcher.num_failed, 'point')} failed: {HOW_FAILURES_COUNT}")
        if best["best_value"] is None:
            say(f"{self._results}: no point of the search has a value")
        else:
            params = " ".join(f"{key}={value}" for key, value in best["best_params"].items())
            say(f"best of {several(self.n_trials, 'point')}: {best['best_value']:.3f} with {params}")
            say(f"  the {content['objective']}")
            say(f"{self._results} has it")

    def _best_finished(self, best: dict[str, Any]) -> dict[str, Any]:
        """Replace Optuna's best point, which may be a stopped point, by the best finished point."""
        pairs = zip(self.launcher.objectives, self.launcher.finished, strict=True)
        value, overrides = max(pairs, key=lambda pair: pair[0], default=(None, ()))
        if value is None:
            return {**best, "best_params": None, "best_value": None}
        given = dict(text.split("=", 1) for text in overrides)
        params = {key: yaml.safe_load(given[key]) for key in best["best_params"] or {}}
        return {**best, "best_params": params, "best_value": value}

    def _objective(self) -> str:
        for overrides in self.launcher.finished:
            examined = examine(self.config, overrides)
            if isinstance(examined, Accepted):
                return OBJECTIVES[examined.config.protocol.select_on]
        return OBJECTIVES["held_out"]


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
