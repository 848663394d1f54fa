"""Write the table of a study's runs that `docs/results/` keeps: one line for each finished run, as CSV.

    python -m tools.results_table runs/ablation docs/results/ablation_cb.csv

The numbers of `docs/results.md` are computed from these tables, and tests compute them again.
"""

import argparse
from pathlib import Path

import pandas as pd

from rpt.report.read.axes import method_of, unit_of
from rpt.tracking.record import Record

PROMPT = ("start_norm_ratio", "start_update_ratio", "first_step", "end_norm_ratio", "end_update_ratio")
"""Columns from the record's section `prompt`; their meaning is in `docs/records.md`."""


def line(record: Record) -> dict[str, object]:
    """Return the values of a run, by column. Scores are shares from 0 to 1."""
    config = record.config
    prompt = {name: getattr(record.prompt, name, None) for name in PROMPT}
    return {
        "folder": record.name,
        "encoder": record.chosen["encoder"],
        "method": method_of(record),
        "unit": unit_of(record),
        "init": record.chosen["init"],
        "length": config["prompt"]["length"],
        "k_per_class": config["data"]["k_per_class"],
        "lr": config["lr"],
        "seed": config["seed"],
        **record.scores,
        "majority": record.majority["score"],
        "held_out": None if record.best is None else record.best.held_out.get("score"),
        "best_epoch": None if record.best is None else record.best.epoch,
        **prompt,
    }


def table(root: Path) -> pd.DataFrame:
    """Return the lines of all finished runs in a folder, ordered by method and setting."""
    records = [Record.read(path.parent) for path in sorted(root.glob("*/run.json"))]
    lines = pd.DataFrame([line(record) for record in records if record.status == "finished"])
    return lines.sort_values(["method", "length", "init", "k_per_class", "lr", "seed"], ignore_index=True)


def main() -> None:
    """Write the table of the runs in a folder to a file. The command line names folder and file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of a study's runs")
    parser.add_argument("output", type=Path, help="CSV file to write")
    given = parser.parse_args()
    table(given.folder).round(6).to_csv(given.output, index=False)


if __name__ == "__main__":
    main()
