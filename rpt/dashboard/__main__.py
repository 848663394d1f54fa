"""`python -m rpt.dashboard --entity E --project P`: the robustness workspace and report in W&B, built and published."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rpt.dashboard.pages import Place, build_report, build_workspace, is_logged_in, publish
from rpt.dashboard.panels import Section, encoders, sections
from rpt.errors import explained


@explained
def main(arguments: Sequence[str] | None = None) -> int:
    """Publish, or say what would be published; 2 where W&B's library is missing or W&B refuses."""
    parser = argparse.ArgumentParser(prog="python -m rpt.dashboard", description=__doc__)
    parser.add_argument("--entity", required=True, help="the W&B user or team that owns the project")
    parser.add_argument("--project", default="rpt", help="where logger=wandb sent the runs (default: %(default)s)")
    parser.add_argument("--group", help="the sweep whose runs are shown; otherwise all of the project")
    parser.add_argument(
        "--publish", action="store_true", help="save both in W&B; otherwise nothing leaves this machine"
    )
    given = parser.parse_args(arguments)
    place, shown = Place(given.entity, given.project, given.group), sections(encoders())
    if given.publish and is_logged_in():
        sys.stdout.writelines(f"{address}\n" for address in publish(place, shown))
        return 0
    build_workspace(place, shown), build_report(place, shown)
    sys.stdout.write(preview(place, shown))
    advice = (
        "Not logged in to W&B: run `wandb login`, then this again." if given.publish else "Add --publish to save it."
    )
    sys.stdout.write(f"Nothing was published. {advice}\n")
    return 0


def preview(place: Place, shown: Sequence[Section]) -> str:
    """What would be published, panel by panel."""
    runs = "all runs" if place.group is None else f"runs of group {place.group}"
    lines = [f"workspace and report '{place.title}' in {place.entity}/{place.project}, {runs}"]
    for section in shown:
        lines += [f"  {section.title}", *(f"    {panel}" for panel in section.panels)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
