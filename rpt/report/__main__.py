"""`python -m rpt.report DIR`: write a report on the runs in a folder: an HTML page, figures and tables."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rpt.config.paths import user_path
from rpt.system.command import ExitCode, explained


@explained("an earlier report is unchanged.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, and print its answer and its path.

    The exit code is 2 if the folder holds no comparable runs, or if a file of a run is damaged.
    """
    parser = argparse.ArgumentParser(prog="python -m rpt.report", description=__doc__)
    parser.add_argument("dir", type=user_path, metavar="DIR", help="a sweep's output_dir, such as runs/learning_rate")
    parser.add_argument(
        "--group", metavar="G", help="study to report, if DIR holds several; none selects runs without a group"
    )
    parser.add_argument("--out", type=user_path, metavar="OUT", help="folder of the report; default: DIR/report")
    given = parser.parse_args(arguments)
    out = given.out or given.dir / "report"
    options = [*(["--group", given.group] if given.group else []), *(["--out", str(given.out)] if given.out else [])]
    command = shlex.join(["python", "-m", "rpt.report", str(given.dir), *options])
    from rpt.report.page.write import write_report  # slow: it imports matplotlib, which --help does not need

    study, answer = write_report(given.dir, out, given.group, command)
    lines = [study.question, *map(str, answer), *study.notes, *_unfinished(study.unfinished), str(out / "index.html")]
    sys.stdout.write("\n\n".join(line for line in lines if line) + "\n")
    sys.stderr.writelines(f"{message}\n" for message in study.damaged)
    return ExitCode.REFUSED if study.damaged else ExitCode.DONE


def _unfinished(folders: Mapping[Path, str]) -> list[str]:
    if not folders:
        return []
    names = ", ".join(f"{path.name} ({why})" for path, why in folders.items())
    return [f"The report leaves out runs whose training has not ended: {names}."]


if __name__ == "__main__":
    sys.exit(main())
