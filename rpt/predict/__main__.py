"""`python -m rpt.predict RUN... --input FILE`: answer the rows of a JSONL file with the prompts of finished runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rpt.config.paths import user_path
from rpt.errors import DataError
from rpt.system.command import ExitCode, add_backbone, add_config_dirs, explained
from rpt.system.reading import Unreadable, reason_of, refuse_pointer
from rpt.system.writing import as_json, writing_atomically
from rpt.training.libraries import load_libraries

if TYPE_CHECKING:
    from rpt.predict.answers import AnswerLine


@explained("printed answers are complete, and the file of --output is unchanged.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the rows of the input, print metrics of labelled rows to stderr, and return the exit code.

    The exit code is 2 if a line of the input could not be answered.
    """
    given = _parser().parse_args(arguments)
    load_libraries()
    from rpt.predict.answers import answer_lines
    from rpt.predict.ensemble import COMBINATIONS
    from rpt.predict.lines import read_input
    from rpt.predict.predictor import load_predictor
    from rpt.predict.tally import Tally

    faults = 0

    def report(fault: DataError) -> None:
        nonlocal faults
        if given.strict:
            raise fault
        faults += 1
        sys.stderr.write(f"{fault}\n")

    with ExitStack() as stack:
        source, name = _input(given.input, stack)
        write = _writer(given.output, stack)
        predictor = load_predictor(given.run, given.config_dir, given.backbone)
        tally = Tally(predictor)
        lines = answer_lines(predictor, read_input(source, name), report, COMBINATIONS.get(given.ensemble))
        for line in _with_progress(lines):
            write(as_json(line.values) + "\n")
            tally.add(line)
    sys.stderr.writelines(f"{line}\n" for line in tally.lines())
    if faults:
        sys.stderr.write(f"{faults} of the input's lines could not be answered and have no output line.\n")
    return ExitCode.REFUSED if faults else ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rpt.predict", description=__doc__)
    parser.add_argument(
        "run",
        nargs="+",
        type=user_path,
        metavar="RUN",
        help="folder of a finished run, or folder that holds several runs",
    )
    parser.add_argument(
        "--input", required=True, metavar="FILE", help="JSONL file with a row on each line; - reads stdin"
    )
    parser.add_argument("--output", type=user_path, metavar="FILE", help="JSONL file for the answers; default: stdout")
    parser.add_argument("--strict", action="store_true", help="stop at the first broken line, and write no output file")
    parser.add_argument(
        "--ensemble",
        choices=("mean", "vote"),
        help="combine the answers of all runs: highest mean log-probability, or most frequent answer",
    )
    add_config_dirs(parser)
    add_backbone(parser)
    return parser


def _input(name: str, stack: ExitStack) -> tuple[Iterable[bytes], str]:
    """Open the input, and return its name for messages."""
    if name == "-":
        return sys.stdin.buffer, "stdin"
    path = user_path(name)
    try:
        refuse_pointer(path)
        return stack.enter_context(Path(path).open("rb")), str(path)
    except Unreadable as error:
        raise DataError(f"{error}.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason_of(error)}).") from error


def _writer(path: Path | None, stack: ExitStack) -> Callable[[str], object]:
    """Open the output, and return the function that writes a text to it; None stands for stdout."""
    if path is None:
        return sys.stdout.write
    output = stack.enter_context(writing_atomically(path))
    return lambda text: output.write(text.encode())


def _with_progress(lines: Iterable[AnswerLine]) -> Iterator[AnswerLine]:
    """Yield lines, and show their number on stderr if it is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} answers"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("answers", total=None)
        for line in lines:
            yield line
            progress.advance(task)


if __name__ == "__main__":
    sys.exit(main())
