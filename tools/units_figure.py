"""Draw the learning-rate study of MiniLM in both units of the prompt, for `docs/units.md`.

    python -m tools.units_figure learning_rate.csv learning_rate_raw.csv units.svg

The tables are from `tools.results_table`. Learning rates of the unit `raw` are converted to the unit `vocab`: divided
by the scale that `prompt.unit=vocab` has for MiniLM.
"""

import argparse
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rpt.prompt.unit import T5_RMS
from rpt.report.figures.figure import PAGE, RC, SAMPLE_MARK
from rpt.report.figures.styles import LINE_OF_MAJORITY, LOOKS

SCALE = 0.05562 / T5_RMS
"""Root mean square of MiniLM's input embeddings, divided by that of T5."""

ENCODERS = ("plain", "residual")


def draw(runs: pd.DataFrame) -> Figure:
    """Return the figure: a panel for each encoder, with a curve for each unit and a dot for each run."""
    with matplotlib.rc_context({**RC, "svg.fonttype": "path"}):
        figure = Figure(figsize=(PAGE, 2.6))
        panels = figure.subplots(1, len(ENCODERS), sharey=True)
        for panel, encoder in zip(panels, ENCODERS, strict=True):
            _plot(panel, runs[runs.encoder == encoder], encoder)
        panels[0].set_ylabel("score (points)")
        panels[0].legend(loc="lower right")
        figure.suptitle(SAMPLE_MARK, fontsize=6, color="#777777")
    return figure


def _plot(panel: Axes, runs: pd.DataFrame, encoder: str) -> None:
    look = LOOKS[encoder]
    for unit, style, fill in (("vocab", "-", look.colour), ("raw", "--", "white")):
        of_unit = runs[runs.unit == unit]
        rates = of_unit.lr / (SCALE if unit == "raw" else 1.0)
        panel.plot(rates, 100 * of_unit.score, "o", markersize=2, color=look.colour, alpha=0.4)
        means = (100 * of_unit.score).groupby(rates).mean()
        options = {"color": look.colour, "linestyle": style, "marker": look.marker, "markerfacecolor": fill}
        panel.plot(means.index, means, label=f"prompt.unit={unit}", **options)
    majority = LINE_OF_MAJORITY
    panel.axhline(100 * runs.majority.iloc[0], color=majority.colour, linestyle=majority.line, label="majority answer")
    panel.set_xscale("log")
    panel.set_xlabel("learning rate in numbers of T5 (log scale)")
    panel.set_title(encoder, loc="left")


def main() -> None:
    """Draw the runs of the tables to a file. The command line names tables and file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs=2, help="CSV files of a study in two units")
    parser.add_argument("output", type=Path, help="SVG file to write")
    given = parser.parse_args()
    runs = pd.concat([pd.read_csv(path) for path in given.tables])
    draw(runs).savefig(given.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
