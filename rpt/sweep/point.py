"""Input and output of an executor: a point of a sweep, and the result of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rpt.config.check import check
from rpt.config.schema import Config
from rpt.tracking.status import PointStatus
from rpt.training.halving import Competitor


@dataclass(frozen=True)
class Point:
    """One point of a sweep. Only its plain values are pickled for a worker.

    Attributes:
        number: Position of the point in the sweep, from 0.
        values: Whole resolved configuration with `chosen`, as `rpt.config.compose.plain` returns it.
        name: Overrides that distinguish the point from the other points of the sweep, as text for messages.
        config: Configuration that this process has checked; None if it has not checked the values yet.
        competitor: Competition, point and rungs of the run in successive halving; None for a run that does not compete.
    """

    number: int
    values: dict[str, Any]
    name: str
    config: Config | None = field(default=None, repr=False, compare=False)
    competitor: Competitor | None = None

    def checked(self) -> Config:
        """Return the checked configuration.

        Raises:
            ConfigError: The values are wrong, or cannot be trained on this machine.
        """
        return check(self.values) if self.config is None else self.config

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle, without the checked configuration. A worker checks the values on its machine."""
        return {**self.__dict__, "config": None}


@dataclass(frozen=True)
class Result:
    """Result of one point of a sweep.

    Attributes:
        number: Number of the point in the sweep.
        status: `finished`: the run is trained. `stopped`: successive halving has stopped it. `failed`: the training
            ended in an error that would occur again with the same configuration. `refused`: the configuration cannot be
            trained. `interrupted`: the training stopped for a reason outside the run (its worker, the disk, its pack),
            and the same command resumes it.
        folder: Path of the run's folder; None if the point has no folder.
        score: Score of the task on the reported rows, 0 to 1; None unless finished.
        error: Error message or traceback; for a stopped run, its rung and rank; None if finished.
        is_bug: Whether `error` is the traceback of a bug in this program, which the user cannot mend.
        is_held: Whether the point is interrupted only because another process holds the run's folder. The sweep then
            waits for the result of that process.
        objective: Score that a sweeper maximises (`rpt.tracking.objective`), 0 to 1; None if the run is neither
            finished nor stopped, or has no trainable parameters.
        twin_of: Name of the earlier point that is the same run; None for a point with a run of its own.
    """

    number: int
    status: PointStatus
    folder: str | None = None
    score: float | None = None
    error: str | None = None
    is_bug: bool = False
    is_held: bool = False
    objective: float | None = None
    twin_of: str | None = None
