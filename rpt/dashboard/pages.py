"""Build the dashboard's workspace and report with W&B's library, and publish them. Only publishing needs a login."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rpt.dashboard.panels import Panel, Section
from rpt.errors import RptError

WIDTH, HEIGHT = 12, 8
"""Width and height of a panel in grid units; W&B's reports have a grid of 24 columns."""

CAVEAT = (
    "Bars are means over runs with one standard deviation. Intervals over seeds and examples, and paired tests, are in "
    "the report that `python -m rpt.report` makes of the run folders. Runs tagged `sample-data` were trained on sample "
    "rows, and their scores are not SuperGLUE scores."
)


class DashboardError(RptError):
    """The dashboard cannot be built or published."""


@dataclass(frozen=True)
class RunSelection:
    """The W&B project, and optionally the sweep, whose runs the dashboard shows.

    Attributes:
        entity: Name of the W&B user or team that owns the project.
        project: Name of the W&B project.
        group: W&B group of the sweep whose runs are shown; None for all runs of the project.
    """

    entity: str
    project: str
    group: str | None

    @property
    def title(self) -> str:
        """Title of the workspace and the report."""
        return f"rpt robustness: {self.group or self.project}"


def build_workspace(selection: RunSelection, sections: Sequence[Section]) -> Any:
    """Build a workspace with the dashboard's sections, without saving it.

    Raises:
        DashboardError: wandb-workspaces is not installed.
    """
    reports, workspaces = _libraries()
    return workspaces.Workspace(
        entity=selection.entity,
        project=selection.project,
        name=selection.title,
        sections=[
            workspaces.Section(
                name=section.title, panels=[_panel(reports, panel) for panel in section.panels], is_open=True
            )
            for section in sections
        ],
        runset_settings=workspaces.RunsetSettings(filters=_filters(selection)),
    )


def build_report(selection: RunSelection, sections: Sequence[Section]) -> Any:
    """Build a report with the dashboard's sections, each under its title and text, without saving it.

    Raises:
        DashboardError: wandb-workspaces is not installed.
    """
    reports, _ = _libraries()
    blocks: list[Any] = [reports.MarkdownBlock(CAVEAT)]
    for section in sections:
        runs = reports.Runset(entity=selection.entity, project=selection.project, filters=_filters(selection))
        panels = [_panel(reports, panel) for panel in section.panels]
        blocks += [reports.H2(section.title), reports.P(section.text), reports.PanelGrid(runsets=[runs], panels=panels)]
    return reports.Report(
        entity=selection.entity, project=selection.project, title=selection.title, blocks=blocks, width="fluid"
    )


def publish(selection: RunSelection, sections: Sequence[Section]) -> list[str]:
    """Save a new report, then a new workspace. W&B refuses the report if the project does not exist.

    Returns:
        Address of the report and address of the workspace.

    Raises:
        DashboardError: wandb-workspaces is not installed, W&B cannot be reached, or W&B refuses the report or the
            workspace.
    """
    addresses: list[str] = []
    for page in (build_report(selection, sections), build_workspace(selection, sections)):
        try:
            addresses.append(str(page.save().url))
        except Exception as error:  # W&B's library may raise any type
            reason = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(".")
            before = f" The report is saved: {addresses[0]}." if addresses else ""
            advice = "Check --entity and --project and that this machine reaches W&B."
            raise DashboardError(
                f"{selection.entity}/{selection.project}: cannot be published ({reason}).{before} {advice}"
            ) from error
    return addresses


def _libraries() -> tuple[Any, Any]:
    try:
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise DashboardError("wandb-workspaces is not installed. Run: pip install 'rpt[dashboard]'") from error
    return reports, workspaces


def _filters(selection: RunSelection) -> str:
    """Return W&B's filter expression for the runs of the group; an empty text if all runs are shown.

    The library's filter objects do not escape quotes, so the expression is written with Python's `repr`.
    """
    return "" if selection.group is None else f"Metric('Group') == {selection.group!r}"


def _panel(reports: Any, panel: Panel) -> Any:
    layout = reports.Layout(w=WIDTH, h=HEIGHT)
    first = reports.Config(panel.over[0])
    if panel.kind == "dots":
        y = reports.SummaryMetric(panel.shows[0])
        return reports.ScatterPlot(
            title=panel.title, x=first, y=y, log_x=panel.is_log, range_y=(0, 1), running_ymean=True, layout=layout
        )
    if panel.kind == "parallel":
        keys = [reports.Config(key) for key in panel.over] + [reports.SummaryMetric(key) for key in panel.shows]
        columns = [
            reports.ParallelCoordinatesPlotColumn(metric=key, log=panel.is_log if key == first else None)
            for key in keys
        ]
        return reports.ParallelCoordinatesPlot(title=panel.title, columns=columns, layout=layout)
    grouped = {"groupby": first, "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    if panel.kind == "bars":
        return reports.BarPlot(title=panel.title, metrics=list(panel.shows), orientation="v", layout=layout, **grouped)
    return reports.LinePlot(title=panel.title, x="Step", y=list(panel.shows), layout=layout, **grouped)
