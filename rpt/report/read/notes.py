"""Write notes on differences between the runs of a study, for the readers of its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rpt.report.read.frame import groups
from rpt.report.read.run import StudyRun
from rpt.report.read.series import run_frame
from rpt.tracking.record import Record

SELECTED = (
    "No number of this page includes the stopped runs: it compares only the points that finished, and held-out scores "
    "selected these points. Halving is for tuning. Numbers over a whole sweep, such as its average, its worst point or "
    "its share of failed runs, leave out the stopped points. To compare encoders over a sweep, train every point, "
    "without hydra.launcher.halving."
)
"""Sentences on a study whose points were selected by successive halving."""


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
        yield f"{doubtful} of {len(runs)} runs have warnings; the table of all runs lists them."


def notes_on_halving(stopped: Sequence[Record], compared: Sequence[Record]) -> Iterator[str]:
    """Yield sentences on the runs that successive halving has stopped, and on the points that it has selected.

    Args:
        stopped: Records of the stopped runs.
        compared: Records of the study's runs that train a prompt and have ended.
    """
    num_halved = sum(record.halving is not None for record in compared)
    if stopped:
        epochs = Counter(getattr(record.halving, "epoch", None) for record in stopped)
        known = {epoch: count for epoch, count in epochs.items() if epoch is not None}
        where = ", ".join(f"{count} after epoch {epoch}" for epoch, count in sorted(known.items()))
        count = f"{len(stopped)} of {len(stopped) + len(compared)} runs before their last epoch"
        yield f"Successive halving stopped {count}{f' ({where})' if where else ''}. {SELECTED}"
    elif num_halved:
        count = f"{num_halved} of {len(compared)} runs finished in a sweep with successive halving"
        yield f"{count}, and the folder does not hold the runs that it stopped. {SELECTED}"


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
