"""`python -m rpt.ledger DIR`: list the sweeps of an output folder, with the status of each run."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from rpt.config.paths import user_path
from rpt.console import several
from rpt.sweep.ledger import FOLDER, LedgerError, Sweep, sweeps
from rpt.system.command import ExitCode, explained
from rpt.tracking.run_state import RunState
from rpt.tracking.status import RUN_STATUSES


@explained("the command writes no file.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the sweeps as tables or JSON; return exit code 2 if a ledger cannot be read, and 0 otherwise.

    Raises:
        LedgerError: The folder holds no ledger.
    """
    parser = argparse.ArgumentParser(prog="python -m rpt.ledger", description=__doc__)
    parser.add_argument("dir", type=user_path, metavar="DIR", help="the sweeps' output_dir, such as runs")
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    given = parser.parse_args(arguments)
    known_sweeps, errors = sweeps(given.dir)
    if not known_sweeps and not errors:
        raise LedgerError(f"{given.dir / FOLDER}: holds no ledger. Name the output_dir of a sweep, such as runs.")
    states = [(sweep, sweep.states()) for sweep in known_sweeps]
    if given.json:
        sys.stdout.write(json.dumps([as_json(*pair) for pair in states], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(table(*pair) for pair in states))
    sys.stderr.writelines(f"{error}\n" for error in errors)
    return ExitCode.REFUSED if errors else ExitCode.DONE


def table(sweep: Sweep, states: Mapping[str, RunState]) -> str:
    """Format a sweep as a table: a line of counts, then a line for each run.

    The line of a run has its status, score, overrides, folder, and error or holder (the process that trains it).
    """
    counts = Counter(state.status for state in states.values())
    summary = ", ".join(f"{counts[status]} {status}" for status in RUN_STATUSES if counts[status])
    lines = [f"{sweep.path}  started {sweep.started}  {several(len(sweep.entries), 'run')}: {summary}"]
    width = max((len(entry.name) for entry in sweep.entries), default=0)
    for entry in sweep.entries:
        state = states[entry.identity]
        score = "" if state.score is None else f"{state.score:.3f}"
        more = (state.error or state.holder or "").strip().splitlines()
        row = f"  {state.status:11} {score:>6}  {entry.name:{width}}  {entry.folder.name}  {more[-1] if more else ''}"
        lines.append(row.rstrip())
    return "\n".join(lines) + "\n"


def as_json(sweep: Sweep, states: Mapping[str, RunState]) -> dict[str, object]:
    """Convert a sweep and the states of its runs to plain values for JSON."""
    runs = [
        {
            "name": entry.name,
            "identity": entry.identity,
            "folder": str(entry.folder),
            "status": states[entry.identity].status,
            "score": states[entry.identity].score,
            "error": states[entry.identity].error,
            "holder": states[entry.identity].holder,
        }
        for entry in sweep.entries
    ]
    return {"ledger": str(sweep.path), "started": sweep.started, "runs": runs}


if __name__ == "__main__":
    sys.exit(main())
