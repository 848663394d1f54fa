"""Record in every run of a pack how the training ended, also if an exception ended it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rpt.errors import RptError, WeightsError
from rpt.system.interruption import ctrl_c_of
from rpt.tracking.recorder import Recorder


@contextmanager
def ended_properly(recorders: Sequence[Recorder]) -> Iterator[None]:
    """If the block raises an exception, end the records and loggers of all unfinished runs, and raise it again.

    An error of a single run does not end the block, because the other runs of the pack continue. An exception that ends
    the block (Ctrl-C, a full disk, a bug in code that the runs share) marks the runs as interrupted. The same command
    resumes interrupted runs. If the weights of the backbone have changed, the runs are marked as failed.

    Args:
        recorders: Recorders of the pack's runs.
    """
    try:
        yield
    except BaseException as error:
        goes_on = not isinstance(error, WeightsError)  # the backbone has changed, so a resumed training would be wrong
        cause = ctrl_c_of(error) or error
        reason = f"{type(cause).__name__}: {cause}".removesuffix(": ")
        for recorder in (recorder for recorder in recorders if recorder.is_running):
            with suppress(RptError):  # on a full disk the record stays as it was, and the first error is raised
                recorder.finish("interrupted" if goes_on else "failed", error=reason)
        raise
