"""Which runs go on together, and from which step: a pack resumes as it was, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rpt.errors import CheckpointError
from rpt.tracking.recorder import Recorder

State = dict[str, Any]


@dataclass(frozen=True)
class Pack:
    """Runs that are trained together.

    Attributes:
        recorders: Of the runs, in the pack's order.
        states: The checkpoint of each, all of the same step; all None for a new training.
        members: The identities of all runs that the training began with; some may be finished by now.
    """

    recorders: list[Recorder]
    states: list[State | None]
    members: list[str]


def packs(recorders: Sequence[Recorder], epochs: int) -> list[Pack]:
    """Put runs back into the packs that they were interrupted in; the new ones form a pack of their own.

    Raises:
        CheckpointError: A pack is not whole and still has steps to train, or its checkpoints do not fit together.
    """
    pairs = [(recorder, recorder.load_checkpoint()) for recorder in recorders]
    begun = list(dict.fromkeys(tuple(state["pack"]) for _, state in pairs if state))
    groups: dict[tuple[str, ...], list[tuple[Recorder, State | None]]] = {}
    for recorder, state in pairs:
        mine = tuple(state["pack"]) if state else _left(recorder, begun)
        groups.setdefault(mine, []).append((recorder, state))
    return [_pack(members, group, epochs) for members, group in groups.items()]


def _left(recorder: Recorder, begun: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The pack that a run without a checkpoint was in: it was killed at its first, or there is none."""
    if recorder.config.rerun:
        return ()
    return next((members for members in begun if recorder.identity_hash in members), ())


def _pack(members: tuple[str, ...], group: list[tuple[Recorder, State | None]], epochs: int) -> Pack:
    if not members:
        recorders = [recorder for recorder, _ in group]
        return Pack(recorders, [None for _ in group], [recorder.identity_hash for recorder in recorders])
    group = sorted(group, key=lambda pair: members.index(pair[0].identity_hash))
    recorders, states = [recorder for recorder, _ in group], [state for _, state in group]
    if len(group) == len(members):
        states = _aligned(recorders, states)
    elif not all(state and _is_over(state, epochs) for state in states):
        raise _misfit(group, "was trained in a pack with other runs.")
    return Pack(recorders, states, list(members))


def _is_over(state: State, epochs: int) -> bool:
    """Whether the run has no step left; its evaluation does not depend on the rest of its pack."""
    return bool(state["epochs_done"] >= epochs or state["run"]["status"] != "active")


def _aligned(recorders: list[Recorder], states: list[State | None]) -> list[State | None]:
    """The states of the newest step that all runs have: a kill may fall between the checkpoints of two runs."""
    pairs = list(zip(recorders, states, strict=True))
    oldest = min(map(_step, states))
    ahead = [recorder for recorder, state in pairs if _step(state) > oldest]
    aligned = [recorder.load_previous_checkpoint() if recorder in ahead else state for recorder, state in pairs]
    if any(_step(state) != oldest for state in aligned):
        raise _misfit(pairs, "stands at another step than the rest of its pack.")
    for recorder in ahead:
        recorder.step_back()
    return aligned


def _step(state: State | None) -> tuple[int, int]:
    """Where a checkpoint stands: its steps, and its epochs, which an evaluation counts on without a step."""
    return (int(state["steps_done"]), int(state["epochs_done"])) if state else (0, 0)


def _misfit(group: Sequence[tuple[Recorder, State | None]], what: str) -> CheckpointError:
    path = next(recorder.folder.path for recorder, state in group if state)
    return CheckpointError(f"{path}: {what} Sweep the same points again, or set rerun=true.")
