"""What goes to an executor and what comes back: a point of a sweep, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["finished", "failed", "refused", "interrupted"]


@dataclass(frozen=True)
class Point:
    """One point of a sweep. Plain values only, so that it goes between processes and machines as pickle or JSON.

    Attributes:
        number: Its place in the sweep, from 0.
        values: The whole resolved configuration with `chosen`, as `rpt.config.plain` gives it.
        name: The overrides that tell it from the other points, as a person reads them.
    """

    number: int
    values: dict[str, Any]
    name: str


@dataclass(frozen=True)
class Result:
    """What became of a point.

    Attributes:
        number: The point's.
        status: `finished`; `failed`: its training did not come to its end, and would not if it were trained again as
            it is; `refused`: its configuration cannot be trained; `interrupted`: something ended that is not its own
            (a worker, the disk, what its pack shares), and it goes on where it stopped when the same sweep is started
            again.
        folder: The run's folder; None where it has none.
        score: The task's score on the reported rows, 0 to 1; None unless finished.
        error: Why it is not finished; None where it is.
        is_bug: Whether `error` is a traceback of the program's own, which the user cannot mend.
        is_held: Whether it is interrupted only because another process trains the run, so that nothing is lost: the
            point waits for that one's end.
        objective: The score that a sweeper maximises (`rpt.objective`), 0 to 1; None unless finished, and for a run
            without trainable parameters.
        twin_of: Name of the earlier point that is the same run; None where the point has a run of its own.
    """

    number: int
    status: Status
    folder: str | None = None
    score: float | None = None
    error: str | None = None
    is_bug: bool = False
    is_held: bool = False
    objective: float | None = None
    twin_of: str | None = None
