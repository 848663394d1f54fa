"""However a training ends, every record says what has happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rpt.errors import RptError, WeightsError
from rpt.tracking.recorder import Recorder


@contextmanager
def ended_properly(recorders: Sequence[Recorder]) -> Iterator[None]:
    """Whatever ends the training, say so in every record and to every logger, and let it go on up.

    A run that fails by itself leaves its pack and ends nothing. What comes here (Ctrl-C, a full disk, a bug in what
    the runs share) is no run's own fault: the runs are interrupted, and the same command goes on with them.
    """
    try:
        yield
    except BaseException as error:
        goes_on = not isinstance(error, WeightsError)  # the backbone changed: what it trained is worth nothing
        cause = error.__context__ if isinstance(error.__context__, KeyboardInterrupt) else error  # Lightning exits
        facts = {"error": f"{type(cause).__name__}: {cause}".removesuffix(": ")}
        for recorder in (one for one in recorders if one.record["status"] == "running"):
            with suppress(RptError):  # a full disk: the record stays as it was, the first error goes up
                recorder.finish("interrupted" if goes_on else "failed", facts)
        raise
