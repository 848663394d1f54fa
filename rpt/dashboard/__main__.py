"""`python -m rpt.dashboard --entity E --project P`: publish the robustness workspace and report in W&B.

Without a W&B login, or with --dry-run, print the panels that would be published.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rpt.config.wandb_login import login_problem
from rpt.dashboard.pages import RunSelection, build_report, build_workspace, publish
from rpt.dashboard.panels import Section, encoders, sections
from rpt.system.command import ExitCode, explained

NO_ENTITY = "ENTITY"
"""Placeholder that a preview prints for an entity that was not given."""


@explained("W&B keeps what was already published. The same command publishes the whole dashboard.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Publish the dashboard and print its addresses, or print a preview.

    The exit code is 2 if wandb-workspaces is not installed, if W&B refuses the dashboard, or without a needed --entity.
    """
    parser = argparse.ArgumentParser(prog="python -m rpt.dashboard", description=__doc__)
    parser.add_argument("--entity", help="the W&B user or team that owns the project; needed to publish")
    parser.add_argument("--project", default="rpt", help="where logger=wandb sent the runs (default: %(default)s)")
    parser.add_argument("--group", help="the sweep whose runs are shown; default: all runs of the project")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the panels that would be published, and send nothing"
    )
    options = parser.parse_args(arguments)
    selection = RunSelection(options.entity or NO_ENTITY, options.project, options.group)
    dashboard = sections(encoders())
    reason = "--dry-run" if options.dry_run else login_problem()
    if reason is None and options.entity is None:
        parser.error("publishing needs --entity: the W&B user or team that owns the project. --dry-run needs none.")
    if reason is None:
        sys.stdout.writelines(f"{address}\n" for address in publish(selection, dashboard))
        return ExitCode.DONE
    build_workspace(selection, dashboard), build_report(selection, dashboard)
    advice = "" if options.dry_run else " Run `wandb login`, then the same command again."
    sys.stdout.write(f"{preview(selection, dashboard)}Nothing was published: {reason}.{advice}\n")
    return ExitCode.DONE


def preview(selection: RunSelection, dashboard: Sequence[Section]) -> str:
    """Return a list of the panels that would be published, by section."""
    runs = "all runs" if selection.group is None else f"runs of group {selection.group}"
    lines = [f"workspace and report '{selection.title}' in {selection.entity}/{selection.project}, {runs}"]
    for section in dashboard:
        lines += [f"  {section.title}", *(f"    {panel}" for panel in section.panels)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
