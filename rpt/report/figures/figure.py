"""A figure as files: PDF and SVG for a paper, PNG for a slide, and the words for who cannot see it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing

from rpt.tracking.files import write_atomic

COLUMN = 3.3
"""Width of a paper's column, in inches."""

PAGE = 6.9
"""Width of both columns, in inches."""

DPI = 200
"""Of PNG files."""

SAMPLE_MARK = "SAMPLE DATA, not SuperGLUE"
"""Written into every figure of sample rows, so that no copy of it can be taken for a result."""

RC: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # TrueType: journals refuse type 3
    "svg.hashsalt": "rpt",  # the same ids each time
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Figure:
    """A drawn figure.

    Attributes:
        name: Of its files: `score-by-lr`.
        title: The quantity that it shows.
        caption: How to read it: what lines, bands, dots and crosses are.
        alt: What is seen, in sentences made from the numbers.
        is_wide: Whether it takes both columns of a paper.
        files: Its content by ending: `pdf`, `svg`, `png`; the same bytes for the same numbers.
    """

    name: str
    title: str
    caption: str
    alt: str
    is_wide: bool
    files: Mapping[str, bytes] = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write `NAME.pdf`, `NAME.svg` and `NAME.png` into a folder that exists."""
        for ending, content in self.files.items():
            write_atomic(folder / f"{self.name}.{ending}", content)


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures, for as long as one is drawn; nobody else's settings are touched."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in RC.items():
            matplotlib.rcParams[name] = value
        yield


def blank(width: float, height: float, *, is_sample: bool) -> Drawing:
    """An empty drawing of so many inches, with the mark of sample data where it is due."""
    drawing = Drawing(figsize=(width, height))
    FigureCanvasAgg(drawing)
    if is_sample:
        drawing.suptitle(SAMPLE_MARK, x=0.005, ha="left", fontsize=6, color="#a61c00", fontweight="bold")
    return drawing


def grid_of_panels(count: int, *, is_sample: bool, height: float = 2.0) -> tuple[Drawing, list[Axes]]:
    """A drawing of so many panels, at most three in a row and four in two rows; one alone fits a column.

    Args:
        count: Of panels, at least one.
        is_sample: Whether to mark it.
        height: Of a row, in inches.
    """
    columns = 2 if count == 4 else min(count, 3)
    rows = -(-count // columns)
    drawing = blank(COLUMN if count == 1 else PAGE, 0.5 + (height + 0.3 * (count == 1)) * rows, is_sample=is_sample)
    axes = drawing.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.remove()
    return drawing, axes[:count]


def finish(drawing: Drawing, name: str, title: str, caption: str, alt: str) -> Figure:
    """Write a drawing in all formats, without dates, so that equal numbers give equal files."""
    metadata: Mapping[str, Mapping[str, str | None]] = {
        "pdf": {"Title": title, "Creator": "rpt", "Producer": None, "CreationDate": None},
        "svg": {"Title": title, "Creator": None, "Date": None},
        "png": {"Title": title, "Software": None},
    }
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of the font's own dates in every PDF
    drawing.draw_without_rendering()  # settles the layout, so that it is not computed again for each format
    drawing.set_layout_engine("none")
    files = {}
    for ending, facts in metadata.items():
        buffer = io.BytesIO()
        drawing.savefig(buffer, format=ending, dpi=DPI, metadata=facts)
        files[ending] = buffer.getvalue()
    mark = f"{SAMPLE_MARK}. " if drawing.get_suptitle() == SAMPLE_MARK else ""
    return Figure(name, title, caption, mark + alt, bool(drawing.get_figwidth() > COLUMN), files)
