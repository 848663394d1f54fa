"""The command line: Hydra composes a configuration, `rpt.config.check` checks it, and `rpt.runs` trains it.

This module imports only fast modules at its top. Hydra is imported after the help was printed, and torch and Lightning
after a configuration was accepted. Help and messages about a wrong configuration therefore appear at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from rpt.config.broken_files import odd_files_refused
from rpt.config.command_line import config_dirs, config_packages, prepared, refusal
from rpt.config.help import FLAGS, help_text
from rpt.config.paths import config_dir
from rpt.errors import ReaderError
from rpt.sweep.outcome import SweepOutcome, current, start
from rpt.system.command import ExitCode, reader_may_leave
from rpt.system.interruption import ctrl_c_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

SAVED = "interrupted: finished runs are kept. Run the same command again: it continues from the last checkpoint."
"""Message after Ctrl-C, unless the sweep has a message of its own."""

MOST_LISTED = 20
"""Largest number of failed points that the message at the end of a sweep lists."""

WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR") == "1"


class Interrupted(BaseException):
    """The user pressed Ctrl-C during a sweep. The message says how many points are finished and kept."""


def main() -> None:
    """Run the command line. User errors end with exit code 2 and no traceback (HYDRA_FULL_ERROR=1 shows it)."""
    with reader_may_leave():
        _main()


def _main() -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing and exiting with 1
    sys.argv[1:] = prepared(sys.argv[1:])
    if message := refusal(sys.argv[1:]):
        _exit_refused(message)
    if set(FLAGS) & set(sys.argv[1:]):
        sys.stdout.write(help_text([*config_dirs(sys.argv[1:]), *config_packages(sys.argv[1:])]))
        return
    from rpt.config.hydra_errors import unnamed_option  # imports Hydra, which the help does not need

    if message := unnamed_option(sys.argv[1:]):
        _exit_refused(message)
    outcome = start()
    try:
        _run_hydra()
    except BaseException as error:
        _end(error, outcome)
    if outcome.failed:  # some sweepers raise nothing for failed points
        _end_sweep()


def _exit_refused(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(ExitCode.REFUSED)


def _run_hydra() -> None:
    """Let Hydra compose the configuration, or each configuration of a sweep, and run the job with it."""
    import hydra

    app = hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")
    with odd_files_refused():
        app(_job)()


def _end(error: BaseException, outcome: SweepOutcome) -> NoReturn:
    """Print the message of an error, and end the process with the error's exit code."""
    if isinstance(error, Interrupted) or ctrl_c_of(error) is not None:
        sys.stderr.write(f"{error if isinstance(error, Interrupted) else SAVED}\n")
        sys.exit(ExitCode.INTERRUPTED)
    if not isinstance(error, Exception):
        raise error
    if outcome.failed:
        _end_sweep()
    if isinstance(error, ReaderError):
        sys.stderr.write(f"{error}\n")  # the message names the row; the traceback of the bug follows
    _refuse(error)


def _is_mendable(error: Exception) -> bool:
    """Whether the user can mend an error. A bug in a run's own code is not mendable; its traceback is in the record."""
    from rpt.config.hydra_errors import USER_ERRORS

    return isinstance(error, USER_ERRORS) and not getattr(error, "is_bug", False)


def _job(composed: DictConfig) -> float | None:
    """Check and train one composed configuration; return the objective that sweepers maximise."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    import rpt.config.check
    from rpt.config.compose import checked_values
    from rpt.training.libraries import load_libraries

    hydra_config = HydraConfig.get()
    try:
        config = rpt.config.check.check(checked_values(composed, hydra_config.runtime))
        load_libraries(announce=config.trainer.progress)
        from rpt.runs import train
        from rpt.tracking.objective import objective

        [outcome] = train([config])
        return objective(outcome.check().record)
    except BrokenPipeError:
        sys.exit(ExitCode.READER_LEFT)  # ends the whole sweep, because its output pipe is closed
    except Exception as error:
        if hydra_config.mode != RunMode.MULTIRUN:
            _refuse(error)
        _fail_point(list(hydra_config.overrides.task), error)
        raise  # Hydra keeps the error as this point's result and continues with the other points


def _fail_point(overrides: list[str], error: Exception) -> None:
    """Print at once that a point failed. A sweeper reports only the first failed point, and only at its end."""
    from rpt.config.hydra_errors import USER_ERRORS, explain

    outcome = current()
    point = outcome.name(overrides)
    outcome.failed[point] = error
    if isinstance(outcome.examined.get(tuple(overrides)), Exception):
        return  # the check at the start of the sweep has printed why this point is refused
    is_ours = isinstance(error, USER_ERRORS) and not WANTS_TRACEBACK
    reason = explain(error) if is_ours else "".join(traceback.format_exception(error))
    sys.stderr.write(f"failed: {point}\n{reason.rstrip()}\n")


def _end_sweep() -> NoReturn:
    """List the failed points, print the command that reports on the finished points, and end the process."""
    from rpt.console import say, several

    outcome = current()
    count = len(outcome.failed)
    sys.stderr.write(f"{several(count, 'point')} of the sweep ended without a score:\n")
    sys.stderr.writelines(f"  {point}\n" for point in list(outcome.failed)[:MOST_LISTED])
    if count > MOST_LISTED:
        sys.stderr.write(f"  and {count - MOST_LISTED} more, each with its reason above\n")
    if (line := outcome.report_command()) is not None:
        say(line)
    sys.exit(ExitCode.REFUSED if all(map(_is_mendable, outcome.failed.values())) else ExitCode.BUG)


def _refuse(error: Exception) -> NoReturn:
    """End the process with a message if the user can mend the error; raise a bug again with its traceback."""
    from rpt.config.hydra_errors import USER_ERRORS, explain

    if not isinstance(error, USER_ERRORS):
        raise error
    if WANTS_TRACEBACK:
        traceback.print_exception(error)
    else:
        sys.stderr.write(explain(error).rstrip() + "\n")
    sys.exit(ExitCode.REFUSED if _is_mendable(error) else ExitCode.BUG)
