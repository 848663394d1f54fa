"""A figure as files: PDF and SVG for a paper, PNG for a slide, and a text alternative for screen readers."""

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

from rpt.system.writing import write_atomic

COLUMN = 3.3
"""Width of a column of a two-column paper, in inches."""

PAGE = 6.9
"""Width of both columns of a two-column paper, in inches."""

EXTRA_HEIGHT = 0.3
"""Additional height of a panel that is the only panel of its figure, in inches."""

DPI = 200
"""Resolution of PNG files, in dots per inch."""

SAMPLE_MARK = "SAMPLE DATA, not SuperGLUE"
"""Mark in every figure of sample rows, so that a copy of the figure is not mistaken for a result on SuperGLUE."""

RC: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so that every machine has it
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
    "pdf.fonttype": 42,  # TrueType, because journals refuse Type 3 fonts
    "svg.hashsalt": "rpt",  # otherwise the ids in the file would be random
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Figure:
    """A drawn figure.

    Attributes:
        name: Name of the files without suffix, such as `score-by-lr`.
        title: Quantity that the figure shows.
        caption: Explanation of the lines, bands, dots and crosses.
        alt: Text alternative: sentences with the numbers in the figure.
        is_wide: Whether the figure is as wide as both columns of a paper.
        files: File content by suffix (`pdf`, `svg`, `png`); equal numbers give equal bytes.
    """

    name: str
    title: str
    caption: str
    alt: str
    is_wide: bool
    files: Mapping[str, bytes] = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write `NAME.pdf`, `NAME.svg` and `NAME.png` into an existing folder."""
        for ending, content in self.files.items():
            path = folder / f"{self.name}.{ending}"
            write_atomic(path, content, advice="Free some space or name another folder.")


@contextmanager
def style() -> Iterator[None]:
    """Apply the style of all figures inside the block; the caller's matplotlib settings are restored after it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in RC.items():
            matplotlib.rcParams[name] = value
        yield


def blank(width: float, height: float, *, is_sample: bool) -> Drawing:
    """Create an empty drawing. Width and height are in inches; `is_sample` adds the mark of sample data."""
    drawing = Drawing(figsize=(width, height))
    FigureCanvasAgg(drawing)
    if is_sample:
        drawing.suptitle(SAMPLE_MARK, x=0.005, ha="left", fontsize=6, color="#a61c00", fontweight="bold")
    return drawing


def grid_of_panels(count: int, *, is_sample: bool, height: float = 2.0) -> tuple[Drawing, list[Axes]]:
    """Create a drawing with a grid of panels: two columns for four panels, otherwise up to three columns.

    A single panel has the width of one column of a paper. A larger grid has the width of both columns.

    Args:
        count: Number of panels, at least one.
        is_sample: Whether the drawing gets the mark of sample data.
        height: Height of a row of panels, in inches.

    Returns:
        The drawing and its panels, row by row.
    """
    columns = 2 if count == 4 else min(count, 3)
    rows = -(-count // columns)
    width, row_height = (COLUMN, height + EXTRA_HEIGHT) if count == 1 else (PAGE, height)
    drawing = blank(width, 0.5 + row_height * rows, is_sample=is_sample)
    axes = drawing.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.remove()
    return drawing, axes[:count]


def finish(drawing: Drawing, name: str, title: str, caption: str, alt: str) -> Figure:
    """Render a drawing in all formats, without dates, so that equal numbers give equal files."""
    metadata: Mapping[str, Mapping[str, str | None]] = {
        "pdf": {"Title": title, "Creator": "rpt", "Producer": None, "CreationDate": None},
        "svg": {"Title": title, "Creator": None, "Date": None},
        "png": {"Title": title, "Software": None},
    }
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # fontTools warns of the font's own dates in every PDF
    drawing.draw_without_rendering()  # computes the layout once for all formats
    drawing.set_layout_engine("none")
    files = {}
    for ending, facts in metadata.items():
        buffer = io.BytesIO()
        drawing.savefig(buffer, format=ending, dpi=DPI, metadata=facts)
        files[ending] = buffer.getvalue()
    mark = f"{SAMPLE_MARK}. " if drawing.get_suptitle() == SAMPLE_MARK else ""
    return Figure(name, title, caption, mark + alt, bool(drawing.get_figwidth() > COLUMN), files)
