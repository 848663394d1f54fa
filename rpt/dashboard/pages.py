"""The dashboard's panels as objects of W&B, and their way there. Building needs no login, publishing does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rpt.dashboard.panels import Panel, Section
from rpt.errors import RptError

WIDTH, HEIGHT = 12, 8
"""Of a panel in the report, whose grid is 24 wide."""

CAVEAT = (
    "Bars are means over runs with one standard deviation. Intervals over seeds and examples, and paired tests, are in "
    "the report that `python -m rpt.report` makes of the run folders. Runs tagged `sample-data` were trained on sample "
    "rows: their scores are no SuperGLUE scores."
)


class DashboardError(RptError):
    """A dashboard that cannot be built or published."""


@dataclass(frozen=True)
class Place:
    """Where the runs are.

    Attributes:
        entity: The user or team.
        project: The project.
        group: The sweep whose runs are shown; None: all.
    """

    entity: str
    project: str
    group: str | None

    @property
    def title(self) -> str:
        """What workspace and report are called."""
        return f"rpt robustness: {self.group or self.project}"


def build_workspace(place: Place, sections: Sequence[Section]) -> Any:
    """A workspace whose first sections are the dashboard's.

    Raises:
        DashboardError: wandb-workspaces is not installed.
    """
    reports, workspaces = _libraries()
    return workspaces.Workspace(
        entity=place.entity,
        project=place.project,
        name=place.title,
        sections=[
            workspaces.Section(name=one.title, panels=[_panel(reports, panel) for panel in one.panels], is_open=True)
            for one in sections
        ],
        runset_settings=workspaces.RunsetSettings(filters=_filters(place)),
    )


def build_report(place: Place, sections: Sequence[Section]) -> Any:
    """A report with the same panels, each section under its question.

    Raises:
        DashboardError: wandb-workspaces is not installed.
    """
    reports, _ = _libraries()
    blocks: list[Any] = [reports.MarkdownBlock(CAVEAT)]
    for one in sections:
        runs = reports.Runset(entity=place.entity, project=place.project, filters=_filters(place))
        panels = [_panel(reports, panel) for panel in one.panels]
        blocks += [reports.H2(one.title), reports.P(one.text), reports.PanelGrid(runsets=[runs], panels=panels)]
    return reports.Report(entity=place.entity, project=place.project, title=place.title, blocks=blocks, width="fluid")


def publish(place: Place, sections: Sequence[Section]) -> list[str]:
    """Save the report, which W&B refuses where there is no such project, then the workspace; new ones each time.

    Returns:
        Their addresses.

    Raises:
        DashboardError: W&B has refused one of them, or cannot be reached.
    """
    addresses: list[str] = []
    for page in (build_report(place, sections), build_workspace(place, sections)):
        try:
            addresses.append(str(page.save().url))
        except Exception as error:  # whatever a third party raises
            reason = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(".")
            before = f" The report is saved: {addresses[0]}." if addresses else ""
            advice = "Check --entity and --project and that this machine reaches W&B."
            raise DashboardError(
                f"{place.entity}/{place.project}: cannot be published ({reason}).{before} {advice}"
            ) from error
    return addresses


def _libraries() -> tuple[Any, Any]:
    try:
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise DashboardError("wandb-workspaces is not installed. Run: pip install 'rpt[dashboard]'") from error
    return reports, workspaces


def _filters(place: Place) -> str:
    """A filter in the library's language, whose texts are Python's: its own objects leave quotes unescaped."""
    return "" if place.group is None else f"Metric('Group') == {place.group!r}"


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
