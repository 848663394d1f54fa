"""What the launcher does with a batch of points; not imported before there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from rpt import cli, sweep
from rpt.console import say, wandb_note
from rpt.errors import RptError
from rpt.packing.launch import launch as launch_points
from rpt.packing.lines import Lines
from rpt.packing.point import Point, Result
from rpt.packing.screen import screen
from rpt.packing.settings import Settings
from rpt.places import user_path
from rpt.refusals import explain


class PointFailed(RptError):
    """A point that has no score, for a reason that the user can mend; it has been said already."""


class PointBroke(Exception):
    """A point that has no score because of an error of the program's own; it has been said already."""


def launch(
    config: DictConfig, options: Mapping[str, Any], job_overrides: Sequence[Sequence[str]], first_number: int
) -> list[JobReturn]:
    """Train a batch of points.

    Args:
        config: The sweep's.
        options: The launcher's own.
        job_overrides: Of each point.
        first_number: Of the batch's first point in the sweep.

    Returns:
        One result a point, in order, each with its own status.
    """
    settings = Settings.of({key: _plain(value) for key, value in options.items()})
    output_dir = user_path(config.hydra.sweep.dir)
    wants_bar = bool(OmegaConf.select(config, "trainer.progress", default=True))
    lines = Lines(len(job_overrides), output_dir, screen(len(job_overrides), wants_bar))
    given = sweep.given_overrides(config)
    names = [sweep.name(overrides, given) for overrides in job_overrides]
    points, refused = [], []
    for number, (overrides, name) in enumerate(zip(job_overrides, names, strict=True), start=first_number):
        is_new = tuple(overrides) not in sweep.examined  # else the check before the sweep has said it
        found = sweep.examine(config, overrides)
        if isinstance(found, dict):
            points.append(Point(number, found, name))
        else:
            refused.append(Result(number, "refused", error=explain(found)))
            lines.report(Point(number, {}, name), refused[-1], is_new)
    try:
        trained = launch_points(points, settings, lines.report, output_dir, lines.watch)
    except BaseException as error:
        stopped = lines.stopped()
        if cli.is_ctrl_c(error):
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
    """What Hydra's sweepers ask of a point: the objective, or the error that they raise once the batch has ended."""
    value: float | Exception | None = result.objective
    if result.status != "finished":
        value = PointBroke(result.error) if result.is_bug else PointFailed(result.error)
        cli.failed_points[name] = value
    status = JobStatus.FAILED if isinstance(value, Exception) else JobStatus.COMPLETED
    return JobReturn(overrides=overrides, working_dir=str(Path.cwd()), status=status, _return_value=value)
