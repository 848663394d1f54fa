"""`python -m rpt.reproduce DIR`: print how scores differ from the paper's, with intervals and verdicts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence

from rpt.config.paths import user_path
from rpt.console import several
from rpt.reproduce.lines import PAPER_RUNS, Line, compare
from rpt.reproduce.points import LeftOut, Point, read
from rpt.system.command import ExitCode, explained

HOW = (
    "difference: rpt's mean minus the paper's number, in points, with a 95 % interval over seeds. The paper's number "
    f"is treated as the mean of {PAPER_RUNS} runs with the standard deviation of rpt's runs."
)
UNPRINTED = (
    "the paper prints neither bottleneck widths nor the epochs of 100-token prompts; conf/experiment/ holds rpt's "
    "values"
)
HEAD = f"{'task':8} {'rpt':>6} {'sd':>5} {'seeds':>5} {'paper':>6}  {'difference':22} {'source':38} verdict"


@explained("the command writes no file.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparisons. The exit code is 2 if there is nothing to compare or a record cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m rpt.reproduce", description=__doc__)
    parser.add_argument("dir", type=user_path, metavar="DIR", help="an output_dir, such as runs/paper/learning_rate")
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")
    options = parser.parse_args(arguments)
    points, left_out, damaged = read(options.dir)
    lines = compare(points)
    if options.json:
        sys.stdout.write(json.dumps([as_json(line) for line in lines], indent=2) + "\n")
    else:
        sys.stdout.write(table(lines, notes(points), left_out))
    sys.stderr.writelines(f"{message}\n" for message in damaged)
    return ExitCode.REFUSED if damaged else ExitCode.DONE


def table(lines: Sequence[Line], notes: Iterable[str], left_out: LeftOut) -> str:
    """Format the comparisons as text for readers, with a heading for each experiment.

    Args:
        lines: Comparisons, grouped by experiment.
        notes: Sentences to print below the comparisons.
        left_out: Numbers of runs that are not compared, because their training has not ended or was stopped early.
    """
    text: list[str] = []
    experiment = None
    for line in lines:
        if line.experiment != experiment:
            experiment = line.experiment
            text += ["", experiment, HEAD]
        text.append(_row(line))
    text += ["", HOW, *notes]
    unfinished, stopped = left_out
    if unfinished:
        text.append(f"not compared: {several(unfinished, 'run')} whose training has not ended")
    if stopped:
        text.append(
            f"not compared: {several(stopped, 'run')} that successive halving stopped. A comparison needs the full "
            "training: train without hydra.launcher.halving."
        )
    return "\n".join(text).lstrip("\n") + "\n"


def notes(points: Iterable[Point]) -> list[str]:
    """Return a sentence for each reason why the runs of some points cannot repeat the paper's runs exactly.

    The reasons are settings that the paper does not print, and properties of the paper's published code that rpt does
    not reproduce.
    """
    sentences: list[str] = []
    for point in points:
        if point.config.backbone.family == "seq2seq":
            habits = [habit for habit in point.records[0].protocol.habits if habit.startswith("not reproduced")]
            sentences += [UNPRINTED, *(f"{point.config.task.name}: {habit}" for habit in habits)]
    return [f"note: {sentence}" for sentence in dict.fromkeys(sentences)]


def as_json(line: Line) -> dict[str, object]:
    """Return a comparison as a JSON object for other programs."""
    between = line.difference
    return {
        "experiment": line.experiment,
        "task": line.task,
        **line.row.model_dump(exclude={"points"}),
        "expected": line.expected,
        "ours": line.mean,
        "sd": line.sd,
        "seeds": line.seeds,
        "diverged": line.diverged,
        "difference": None if between is None else between.value,
        "interval": None if between is None or not between.has_interval else [between.low, between.high],
        "verdict": line.verdict.partition(":")[0],
        "reasons": list(line.reasons),
    }


def _row(line: Line) -> str:
    source = ", ".join(part for part in (line.row.source, line.row.kind, line.row.at) if part)
    mean = "" if line.mean is None else f"{line.mean:.1f}"
    sd = "" if line.sd is None else f"{line.sd:.1f}"
    diverged = f" ({line.diverged} diverged)" if line.diverged else ""
    numbers = f"{line.task:8} {mean:>6} {sd:>5} {line.seeds:5} {line.expected:6.1f}"
    return f"{numbers}  {_between(line):22} {source:38} {line.verdict}{diverged}"


def _between(line: Line) -> str:
    if line.difference is None:
        return ""
    ends = f" ({line.difference.low:+z.1f} to {line.difference.high:+z.1f})" if line.difference.has_interval else ""
    return f"{line.difference.value:+z.1f}{ends}"


if __name__ == "__main__":
    sys.exit(main())
