"""`python -m rpt.submit RUN... --output submission.zip`: write or check the files of a SuperGLUE submission."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rpt.config.paths import user_path
from rpt.errors import ConfigError
from rpt.submit.check import check_submission
from rpt.system.command import ExitCode, add_config_dirs, explained
from rpt.system.writing import writing_atomically
from rpt.training.libraries import load_libraries


@explained("the file of --output is unchanged.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a submission, name the files that are missing, and return the exit code.

    The exit code is 2 if the submission has problems.
    """
    parser = argparse.ArgumentParser(prog="python -m rpt.submit", description=__doc__)
    parser.add_argument(
        "run",
        nargs="*",
        type=user_path,
        metavar="RUN",
        help="folder of a finished run, or folder that holds several runs; one run for each task",
    )
    parser.add_argument(
        "--root", type=user_path, metavar="DIR", help="folder of SuperGLUE's release; default: data.root of each run"
    )
    add_config_dirs(parser)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--output", type=user_path, metavar="ZIP", help="ZIP file to write")
    task.add_argument("--check", type=user_path, metavar="ZIP", help="ZIP file to check, whichever program wrote it")
    given = parser.parse_args(arguments)
    if given.check is not None:
        return _check(given.check)
    if not given.run:
        raise ConfigError.of("RUN", None, "needs a value. Name a run's folder for each task.")
    return _write(given.run, given.config_dir, given.root, given.output)


def _check(path: Path) -> int:
    problems, missing = check_submission(path)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    if not problems:
        sys.stdout.write(f"{path}: no problem found\n")
        _name_missing(missing)
    return ExitCode.REFUSED if problems else ExitCode.DONE


def _write(folders: Sequence[Path], config_dirs: Sequence[str], root: Path | None, output: Path) -> int:
    load_libraries()
    from rpt.submit.build import build_submission, read_splits
    from rpt.tracking.find import find_runs
    from rpt.trained import load

    with writing_atomically(output) as file:
        splits, missing = read_splits([load(folder, config_dirs) for folder in find_runs(folders)], root)
        content, off_label = build_submission(splits)
        file.write(content)
    sys.stdout.write(f"{output}\n")
    for name, count in off_label.items():
        sys.stderr.write(
            f"{name}: {count} generated answers match no label; the task's first label is submitted instead\n"
        )
    _name_missing(missing)
    problems, _ = check_submission(output)  # after the file is written, so that no answer is lost
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return ExitCode.REFUSED if problems else ExitCode.DONE


def _name_missing(missing: Sequence[str]) -> None:
    if missing:
        sys.stderr.write(f"missing: {', '.join(missing)}; the leaderboard accepts complete submissions only\n")


if __name__ == "__main__":
    sys.exit(main())
