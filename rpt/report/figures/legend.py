"""Draw legends below the panels, so that they hide no data."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from rpt.report.figures.styles import LINE_OF_MAJORITY, Look

INK = "#444444"


def of_method(method: str, look: Look, *, has_line: bool = True, has_marker: bool = True) -> Line2D:
    """Return the legend entry of an encoder or baseline."""
    line = look.line if has_line else "none"
    marker = look.marker if has_marker else ""
    return Line2D([], [], color=look.colour, linestyle=line, marker=marker, label=method)


def of_majority() -> Line2D:
    """Return the legend entry of the line at the score of the majority answer."""
    return Line2D([], [], color=LINE_OF_MAJORITY.colour, linestyle=LINE_OF_MAJORITY.line, linewidth=1, label="majority")


def of_marker(label: str, marker: str, size: float) -> Line2D:
    """Return a grey legend entry for a marker that each encoder draws in its own colour; `size` is in points."""
    return Line2D([], [], color=INK, linestyle="none", marker=marker, markersize=size, label=label)


def put_below(drawing: Drawing, handles: Sequence[Line2D]) -> None:
    """Place a legend below all panels, with as few rows as the width of the drawing allows."""
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        legend = drawing.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=2.6)
        if legend.get_window_extent().width <= drawing.bbox.width:
            return
        legend.remove()
