"""Training of a batch of points by the packed launcher. `launcher` imports this module only when a batch arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from rpt import cli
from rpt.config.hydra_errors import explain
from rpt.config.paths import user_path
from rpt.console import say, wandb_note
from rpt.errors import RptError
from rpt.sweep.display import screen
from rpt.sweep.grid import examine
from rpt.sweep.launch import launch as launch_points
from rpt.sweep.messages import Lines
from rpt.sweep.outcome import Accepted, current
from rpt.sweep.point import Point, Result
from rpt.sweep.settings import Settings
from rpt.system.interruption import ctrl_c_of


class PointFailed(RptError):
    """A point has no score, for a reason that the user can correct. The reason has already been printed."""


class PointBroke(Exception):
    """A point has no score because of a bug in the program. The traceback has been printed already."""


def launch(
    config: DictConfig, options: Mapping[str, Any], job_overrides: Sequence[Sequence[str]], first_number: int
) -> list[JobReturn]:
    """Train a batch of points.

    Args:
        config: Hydra's configuration of the sweep.
        options: Options of the packed launcher.
        job_overrides: Overrides of each point.
        first_number: Number of the batch's first point in the sweep.

    Returns:
        Job result of each point, in the order of the points.

    Raises:
        ConfigError: An option of the launcher is wrong.
        Interrupted: The user pressed Ctrl-C.
    """
    settings = Settings.of({key: _plain(value) for key, value in options.items()})
    output_dir = user_path(config.hydra.sweep.dir)
    wants_bar = bool(OmegaConf.select(config, "trainer.progress", default=True))
    lines = Lines(len(job_overrides), output_dir, screen(len(job_overrides), wants_bar))
    outcome = current()
    names = [outcome.name(overrides) for overrides in job_overrides]
    points, refused = [], []
    for number, (overrides, name) in enumerate(zip(job_overrides, names, strict=True), start=first_number):
        is_new = tuple(overrides) not in outcome.examined  # the check before the sweep has printed the other refusals
        examined = examine(config, overrides)
        if isinstance(examined, Accepted):
            points.append(Point(number, examined.values, name, examined.config))
        else:
            refused.append(Result(number, "refused", error=explain(examined)))
            lines.report(Point(number, {}, name), refused[-1], is_new)
    try:
        trained = launch_points(points, settings, lines.report, output_dir, lines.watch)
    except BaseException as error:
        stopped = lines.stopped()
        if ctrl_c_of(error) is not None:
            raise cli.Interrupted(stopped) from None
        raise
    lines.close()
    folders = [Path(result.folder) for result in trained if result.folder is not None]
    if note := wandb_note(folders, output_dir / "*"):
        say(note)
    results = sorted([*refused, *trained], key=lambda result: result.number)
    return [_job_return(*point) for point in zip(job_overrides, names, results, strict=True)]


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _job_return(overrides: Sequence[str], name: str, result: Result) -> JobReturn:
    """Build the job result for Hydra's sweeper: the objective, or the error that Hydra raises on reading the result.

    The objective of a stopped point is its best held-out score until the rung.
    """
    value: float | Exception | None = result.objective
    if result.status == "stopped":
        current().stopped[name] = result.error or ""
    elif result.status != "finished":
        value = PointBroke(result.error) if result.is_bug else PointFailed(result.error)
        current().failed[name] = value
    status = JobStatus.FAILED if isinstance(value, Exception) else JobStatus.COMPLETED
    return JobReturn(overrides=overrides, working_dir=str(Path.cwd()), status=status, _return_value=value)
