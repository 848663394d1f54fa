"""Restore interrupted packs (runs that are trained together), and find the step from which each pack is resumed.

A pack is resumed with the same runs, so that the results have the same bits as without the interruption. A run is left
out only if it cannot be resumed: its checkpoint is lost or damaged, or it has ended already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpt.console import several
from rpt.errors import CheckpointError, StorageError
from rpt.tracking import checkpoint
from rpt.tracking.checkpoint_shape import misfit_of_counts, misfit_of_run
from rpt.tracking.folder import RunFolder
from rpt.tracking.recorder import Recorder
from rpt.training.module import PromptTuner

State = dict[str, Any]
Pair = tuple[Recorder, State | None]
Saved = tuple[Path, State]


@dataclass(frozen=True)
class Pack:
    """Runs that are trained together.

    Attributes:
        recorders: Recorder of each run, in the pack's order.
        states: Checkpoint of each run, all of the same step; all None for a new training.
        members: Identity hashes of the pack's runs, for the checkpoints and records. They may include runs that have
            ended already and are not trained again.
        num_left_out: Number of runs of the original pack that are left out.
    """

    recorders: list[Recorder]
    states: list[State | None]
    members: list[str]
    num_left_out: int = 0

    @property
    def checkpoints(self) -> list[Saved | None]:
        """Path and content of each run's checkpoint; None for a new training."""
        return [
            (checkpoint.newest(recorder.folder), state) if state is not None else None
            for recorder, state in zip(self.recorders, self.states, strict=True)
        ]

    @property
    def warnings(self) -> list[str]:
        """Warnings for the runs' records; empty if the pack is resumed with the same runs."""
        is_exact = self.recorders[0].config.has_own_forwards
        if self.num_left_out == 0 or self.states[0] is None or is_exact:
            return []
        return [f"resumed without {several(self.num_left_out, 'run')} of its pack, so not exact to the last bit"]


def packs(
    recorders: Sequence[Recorder], epochs: int, unusable: Collection[str] = (), *, is_halved: bool = False
) -> tuple[list[Pack], dict[Recorder, CheckpointError]]:
    """Group runs into the packs in which they were interrupted; new runs form a new pack.

    Args:
        recorders: Recorders of the runs that are to be trained.
        epochs: Number of epochs of the whole training.
        unusable: Identity hashes of further runs that cannot be trained; their packs are resumed without them.
        is_halved: Whether successive halving is on. If not, a run that halving has stopped before is trained anew.

    Returns:
        The packs, and the error of each run whose checkpoint cannot be read. Such a run is in no pack.

    Raises:
        CheckpointError: A pack is not fully trained, and one of its runs that can be resumed is not in `recorders`.
    """
    pairs: list[Pair] = []
    damaged: dict[Recorder, CheckpointError] = {}
    stopped: set[str] = set()
    for recorder in recorders:
        try:
            state = recorder.load_checkpoint()
        except CheckpointError as error:
            damaged[recorder] = error
            continue
        if state and state["run"]["status"] == "stopped" and not is_halved:
            recorder.begins_anew = True
            stopped.add(recorder.identity_hash)
            state = None
        pairs.append((recorder, state))
    begun = list(dict.fromkeys(tuple(state["pack"]) for _, state in pairs if state))
    groups: dict[tuple[str, ...], list[Pair]] = {}
    for recorder, state in pairs:
        members = tuple(state["pack"]) if state else _pack_of_new(recorder, begun)
        groups.setdefault(members, []).append((recorder, state))
    unusable = {*unusable, *(recorder.identity_hash for recorder in damaged)}
    made: list[Pack] = []
    for members, group in groups.items():
        # A stopped run takes no part in forward passes, so its pack has the same bits without the run.
        trained = tuple(member for member in members if member not in stopped)
        made += _packs(trained, group, epochs, unusable)
    return made, damaged


def restore(tuner: PromptTuner, checkpoints: Sequence[Saved | None], steps_per_epoch: int) -> None:
    """Load the runs' checkpoints into a newly built pack.

    Args:
        tuner: Module of the pack.
        checkpoints: Path and content of each run's checkpoint, all of the same step; None for a new run.
        steps_per_epoch: Number of steps of a whole epoch.

    Raises:
        CheckpointError: A checkpoint does not fit its run. In this case no run is changed.
    """
    pairs = [(run, *saved) for run, saved in zip(tuner.runs, checkpoints, strict=True) if saved is not None]
    for run, path, state in pairs:
        reason = misfit_of_counts(state, steps_per_epoch) or misfit_of_run(run, state["run"])
        if reason is not None:
            raise checkpoint.damaged(path, reason)
    for run, _, state in pairs:
        run.restore(state["run"])
        tuner.steps_done, tuner.epochs_done = state["steps_done"], state["epochs_done"]
        if state["token_budget"] is not None:  # it was reduced when memory ran out
            tuner.token_budget = min(tuner.token_budget, state["token_budget"])


def _pack_of_new(recorder: Recorder, begun: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Find the pack of a run without a checkpoint; empty for a new run and for a run whose folder is lost.

    If a pack is killed while it writes its first checkpoints, all its runs have records, but some have no checkpoint.
    """
    if recorder.begins_anew or recorder.folder.read_record() is None:
        return ()
    return next((members for members in begun if recorder.identity_hash in members), ())


def _packs(members: tuple[str, ...], group: list[Pair], epochs: int, unusable: Collection[str]) -> list[Pack]:
    if not members:
        return [_pack(group, [None for _ in group], 1)]
    group = sorted(group, key=lambda pair: members.index(pair[0].identity_hash))
    present = [recorder.identity_hash for recorder, _ in group]
    absent = [member for member in members if member not in present]
    if absent and all(state and _is_over(state, epochs) for _, state in group):
        return [Pack([recorder for recorder, _ in group], [state for _, state in group], list(members))]
    parent = group[0][0].folder.path.parent
    if any(member not in unusable and _waits(member, members, parent) for member in absent):
        path = next(recorder.folder.path for recorder, state in group if state)
        advice = "Sweep the same points again, or set rerun=true."
        raise CheckpointError(f"{path}: was trained in a pack with other runs. {advice}")
    return _split(group, len(members))


def _split(group: list[Pair], num_members: int) -> list[Pack]:
    """Split runs into as few packs as possible, so that all runs of a pack are at the same step.

    The function tries a single pack first. Then it separates the runs without checkpoints. Last, it makes a pack for
    each step.
    """
    begun, new = [pair for pair in group if pair[1]], [pair for pair in group if not pair[1]]
    by_step = [
        [pair for pair in begun if _step(pair[1]) == step] for step in sorted({_step(state) for _, state in begun})
    ]
    for parts in ([group], [begun, new], [*by_step, new]):
        parts = [part for part in parts if part]
        aligned = [_aligned(part) for part in parts]
        if all(states is not None for states in aligned):
            return [_pack(part, states or [], num_members) for part, states in zip(parts, aligned, strict=True)]
    raise AssertionError("runs of one step are aligned")


def _pack(group: list[Pair], states: list[State | None], num_members: int) -> Pack:
    members = [recorder.identity_hash for recorder, _ in group]
    return Pack([recorder for recorder, _ in group], states, members, max(num_members - len(members), 0))


def _waits(member: str, members: tuple[str, ...], parent: Path) -> bool:
    """Whether the output folder holds a checkpoint of an interrupted run of the same pack.

    Args:
        member: Identity hash of the run.
        members: Identity hashes of the pack's runs.
        parent: Output folder.
    """
    for path in parent.glob(f"*-{member[:10]}"):
        folder = RunFolder(path)
        try:
            record = folder.read_record()
        except StorageError:
            continue
        is_of_pack = record is not None and not record.is_over and record.pack.members == members
        if is_of_pack and (folder.checkpoint.exists() or folder.previous_checkpoint.exists()):
            return True
    return False


def _is_over(state: State, epochs: int) -> bool:
    """Whether a run takes no more steps: all epochs are done, or the run is finished, stopped or failed."""
    return bool(state["epochs_done"] >= epochs or state["run"]["status"] != "running")


def _aligned(pairs: list[Pair]) -> list[State | None] | None:
    """Find the last step for which all runs have a checkpoint, and return the checkpoints of that step.

    The last steps of two runs differ if the process was killed between writing their checkpoints. The run with the
    later step then uses its previous checkpoint.

    Returns:
        State of each run; None if the runs have no common step.
    """
    oldest = min(_step(state) for _, state in pairs)
    ahead = [recorder for recorder, state in pairs if _step(state) > oldest]
    try:
        aligned = [recorder.load_previous_checkpoint() if recorder in ahead else state for recorder, state in pairs]
    except CheckpointError:
        return None
    if any(_step(state) != oldest for state in aligned):
        return None
    for recorder in ahead:
        recorder.step_back()
    return aligned


def _step(state: State | None) -> tuple[int, int]:
    """Return the numbers of steps and epochs of a checkpoint. An evaluation raises only the number of epochs."""
    return (int(state["steps_done"]), int(state["epochs_done"])) if state else (0, 0)
