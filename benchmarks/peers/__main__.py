"""Compare rpt with PEFT and Trainer, with the habits of the published code, and with a plain PyTorch loop.

    python -m benchmarks.peers                                   # MiniLM and SmolLM2, sample rows of CB
    python -m benchmarks.peers --tokenizer FOLDER                # also T5-small and T5-Base, with random weights
    python -m benchmarks.peers --root superglue --tasks cb,rte   # rows of the official release

All implementations take turns in one process, over the same rows and weights. A ratio compares two implementations in
the same round, and the table has medians over rounds. Peak memory and start-up are measured in separate processes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from benchmarks.peers.names import FAMILIES, PACKS, PARTS, TASKS
from benchmarks.peers.stopwatch import CLOCKS
from rpt.errors import RptError
from rpt.system.command import ExitCode
from rpt.system.openmp import VARIABLES

RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    """Read the options, and measure. Wrong options and unreadable rows end the command with exit code 2."""
    options = _options()
    os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})
    from benchmarks.peers.session import run  # imports torch, which reads the variables

    try:
        run(options)
    except RptError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.REFUSED
    return ExitCode.DONE


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the official release; without it, sample rows")
    parser.add_argument("--tokenizer", help="folder of T5's tokenizer, for the T5 shapes")
    parser.add_argument("--shapes", type=_names, help=f"shapes, separated by commas: {', '.join(FAMILIES)}")
    parser.add_argument("--tasks", type=_names, default=["cb"], help=f"tasks, separated by commas: {', '.join(TASKS)}")
    parser.add_argument("--rounds", type=_positive, default=3, help="number of rounds (default: %(default)s)")
    parser.add_argument("--steps", type=_positive, default=4, help="training steps in a round (default: %(default)s)")
    parser.add_argument("--packs", type=_sizes, default=list(PACKS), help="sizes of packs, separated by commas")
    parser.add_argument("--without", type=_names, default=[], help=f"parts to leave out: {', '.join(PARTS)}")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu on a busy machine (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    if options.shapes is None:
        options.shapes = [name for name in FAMILIES if FAMILIES[name] != "seq2seq" or options.tokenizer is not None]
    _check(parser, "--shapes", options.shapes, FAMILIES)
    _check(parser, "--tasks", options.tasks, TASKS)
    _check(parser, "--without", options.without, PARTS)
    if options.tokenizer is not None and not Path(options.tokenizer).is_dir():
        parser.error(f"--tokenizer {options.tokenizer}: no such folder.")
    needs_tokenizer = [shape for shape in options.shapes if FAMILIES[shape] == "seq2seq"]
    if needs_tokenizer and options.tokenizer is None:
        parser.error(f"--shapes {needs_tokenizer[0]}: set --tokenizer to a folder with T5's tokenizer.")
    return options


def _check(parser: argparse.ArgumentParser, option: str, names: Sequence[str], allowed: Collection[str]) -> None:
    for name in names:
        if name not in allowed:
            parser.error(f"{option} {name}: no such name. Choose from {', '.join(allowed)}.")


def _names(text: str) -> list[str]:
    return text.split(",")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _sizes(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
