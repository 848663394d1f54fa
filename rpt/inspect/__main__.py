"""`python -m rpt.inspect RUN...`: show the virtual tokens of trained prompts, and the similarity between prompts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rpt.config.paths import user_path
from rpt.inspect.facts import PromptFacts, Similarity, read_facts, similarities
from rpt.system.command import ExitCode, explained
from rpt.system.writing import as_json
from rpt.tracking.find import find_runs

PIPE_WIDTH = 120
"""Width of the tables in characters if the output is not a terminal."""

SHOWN = 3
"""Number of nearest tokens in a line of a table. `--json` prints all nearest tokens that the run has recorded."""

COLUMNS = """columns of the table of a run:
  token           number of the virtual token
  norm            Euclidean norm of the virtual token
  of vocab        norm divided by the mean norm of the vocabulary's embeddings
  drift           distance from the virtual token before training, divided by the norm before training
  update          norm of the encoder's update, divided by the norm of the table's row; empty without a skip connection
  nearest tokens  tokens of the vocabulary whose embeddings have the highest cosine with the virtual token

columns of the table of similarities:
  same position   mean cosine of the virtual tokens at equal positions
  best match      mean of the highest cosine of each token of the first run with any token of the second run
"""
"""Meaning of the columns, which `--help` prints."""


@explained("the command writes no file.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each run and a table of similarities, or JSON, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rpt.inspect",
        description=__doc__,
        epilog=COLUMNS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run",
        nargs="+",
        type=user_path,
        metavar="RUN",
        help="folder of a finished run, or folder that holds several runs",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args(arguments)
    facts = [read_facts(folder) for folder in find_runs(given.run, needs_prompt=True)]
    pairs = similarities(facts)
    if given.json:
        values = {"runs": [one.values() for one in facts], "similarities": [asdict(pair) for pair in pairs]}
        sys.stdout.write(as_json(values, indent=2) + "\n")
        return ExitCode.DONE
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for one in facts:
        console.print(_table(one))
    if pairs:
        console.print(_similarity_table(pairs))
    return ExitCode.DONE


def _table(facts: PromptFacts) -> Table:
    table = Table(title=Text(f"{facts.run}: {facts.backbone}, encoder {facts.encoder}"), title_justify="left")
    for name in ("token", "norm", "of vocab", "drift", "update"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("nearest tokens (cosine)")
    for number, token in enumerate(facts.tokens, start=1):
        nearest = ", ".join(f"{name} {cosine:.2f}" for name, cosine in token.nearest[:SHOWN])
        update = "" if token.gate is None else f"{token.gate:.2f}"
        numbers = (f"{token.norm:.2f}", f"{token.norm_ratio:.1f} x", f"{token.drift:.2f}", update)
        table.add_row(str(number), *numbers, Text(nearest))
    return table


def _similarity_table(pairs: Sequence[Similarity]) -> Table:
    table = Table(title="similarity of the prompts of two runs (cosine)", title_justify="left")
    for name in ("first", "second", "same position", "best match"):
        table.add_column(name)
    for pair in pairs:
        cosines = ("different shapes" if value is None else f"{value:.3f}" for value in (pair.cosine, pair.best_cosine))
        table.add_row(*map(Text, pair.runs), *cosines)
    return table


if __name__ == "__main__":
    sys.exit(main())
