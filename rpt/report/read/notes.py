"""Write notes on differences between the runs of a study, for the readers of its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rpt.report.read.frame import groups
from rpt.report.read.run import StudyRun
from rpt.report.read.series import run_frame


def notes_on(runs: Sequence[StudyRun]) -> Iterator[str]:
    """Yield sentences on missing seeds, selection on reported rows, differing commits or machines, and warnings."""
    yield from _missing_seeds(runs)
    if runs[0].record.protocol.select_on == "validation":
        yield (
            "This protocol chooses checkpoints on the reported rows. Where this page names held-out rows, it means the "
            "reported rows. Scores of tuned settings are therefore higher than they would be on new rows."
        )
    environments = [run.record.environment for run in runs]
    gits = [environment.git for environment in environments]  # None for a run outside a git checkout
    for noun, values in (
        ("commits of rpt", {str(getattr(git, "commit", None))[:10] for git in gits}),
        ("kinds of machine", {str(environment.bits["device"]) for environment in environments}),
        ("number formats of the frozen backbone", {run.record.backbone.dtype for run in runs}),
    ):
        if len(values) > 1:
            yield f"The runs come from {len(values)} {noun}: {', '.join(sorted(values))}."
    if any(getattr(git, "dirty", False) for git in gits):
        yield "Some runs were made with uncommitted changes of the code."
    doubtful = sum(bool(run.record.warnings) for run in runs)
    if doubtful:
        yield f"{doubtful} of {len(runs)} runs carry warnings; the table of runs names them."


def _missing_seeds(runs: Sequence[StudyRun]) -> Iterator[str]:
    axes = dict.fromkeys(key for run in runs for key in run.values)
    for (task, method), members in run_frame(runs).groupby(["task", "method"], sort=False):
        points = [{run.seed for run in point} for point in groups(members, ("task", *axes))]
        lacking = sum(seeds != set(members["seed"]) for seeds in points)
        common = set.intersection(*points)
        if lacking:
            kept = ", ".join(map(str, sorted(common))) or "none"
            yield (
                f"{task}, {method}: {lacking} of {len(points)} points lack a seed. Numbers over the whole sweep use "
                f"the seeds that every point has: {kept}."
            )
