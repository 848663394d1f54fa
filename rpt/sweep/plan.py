"""Group runs into packs: runs with the same pack key, as many as memory and `pack_size` allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from rpt.config.schema import Config
from rpt.console import say, several
from rpt.errors import ConfigError
from rpt.sweep.pack_key import pack_key
from rpt.sweep.prepare import Prepared
from rpt.tracking.run_state import RunState


@dataclass(frozen=True)
class Limits:
    """Limits on the size of a pack.

    Attributes:
        runs: Largest number of runs in a pack.
        bytes: Largest memory of a pack's trainable states, in bytes; None for no limit.
        bytes_of: Function from a run's configuration to the bytes of its trainable state; called only if `bytes` is
            set.
        workers: Number of packs that are trained at the same time. There are at least as many new packs, if there are
            enough runs.
    """

    runs: int
    bytes: int | None
    bytes_of: Callable[[Config], int]
    workers: int = 1


def plan(runs: Sequence[Prepared], states: Mapping[str, RunState], limits: Limits) -> list[list[Prepared]]:
    """Group runs into packs.

    An interrupted pack is resumed with the same runs, whatever its size, so that the results have the same bits as
    without the interruption. The runs of a new pack have the same pack key (`pack_key`), and new packs have nearly
    equal sizes. A run that trains the backbone itself, or that has callbacks, is a pack by itself. With successive
    halving, the runs of a competition are in one pack.

    Args:
        runs: Runs to be trained.
        states: State of each run, by identity hash.
        limits: Limits on the size of a new pack.

    Returns:
        Resumed packs first, then new packs; each is a list of runs.

    Raises:
        ConfigError: A competition of successive halving does not fit the memory of a pack.
    """
    resumed = _resumed(runs, states)
    begun = {run.identity_hash for pack in resumed for run in pack}
    groups: dict[str, list[Prepared]] = {}
    for run in runs:
        if run.identity_hash not in begun:
            alone = run.identity_hash if run.config.is_alone else ""
            groups.setdefault(pack_key(run.config) + alone, []).append(run)
    fewest = ceil(limits.workers / max(len(groups), 1))
    return [*resumed, *(pack for group in groups.values() for pack in _split(group, limits, fewest))]


def _resumed(runs: Sequence[Prepared], states: Mapping[str, RunState]) -> list[list[Prepared]]:
    """Return the interrupted packs with all their runs, even runs that have not written any file yet."""
    packs: dict[tuple[str, ...], list[Prepared]] = {}
    begun = [states[run.identity_hash] for run in runs if states[run.identity_hash].status == "interrupted"]
    of_member = {member: state.members for state in begun for member in state.members}
    for run in runs:
        if run.identity_hash in of_member:
            packs.setdefault(of_member[run.identity_hash], []).append(run)
    return list(packs.values())


def _split(group: list[Prepared], limits: Limits, fewest: int) -> list[list[Prepared]]:
    """Split a group into `fewest` packs of nearly equal size, or into more packs if the limits require it.

    A run that exceeds the memory limit by itself forms a pack of one run. A competition is not split.
    """
    units = _units(group)
    sizes = [0 if limits.bytes is None else sum(limits.bytes_of(run.config) for run in unit) for unit in units]
    fewest = max(ceil(len(group) / limits.runs), min(fewest, len(units)))
    is_tight = False
    for count in range(fewest, len(units) + 1):
        cuts = [number * len(units) // count for number in range(count + 1)]
        parts = [([run for unit in units[a:b] for run in unit], sum(sizes[a:b])) for a, b in pairwise(cuts)]
        if all(len(runs) <= limits.runs and (size <= (limits.bytes or 0) or len(runs) == 1) for runs, size in parts):
            if is_tight:
                limit = f"a pack may take {_mib(limits.bytes or 0)}, half of the free memory"
                packs = f"{several(len(group), 'run')} in {count} packs instead of {fewest}"
                say(f"{packs}, to fit memory: their trainable states take {_mib(sum(sizes))}, and {limit}")
            return [runs for runs, _ in parts]
        is_tight = is_tight or any(size > (limits.bytes or 0) for _, size in parts)
    largest = max(range(len(units)), key=lambda number: sizes[number])
    advice = (
        f"{several(len(units[largest]), 'run')} compete in one pack. Their trainable states take "
        f"{_mib(sizes[largest])}, and a pack may take {_mib(limits.bytes or 0)}, half of the free memory. Sweep fewer "
        "points at a time, or leave halving out."
    )
    raise ConfigError.of("hydra.launcher.halving", "on", advice)


def _units(group: Sequence[Prepared]) -> list[list[Prepared]]:
    """Group the runs that must stay in one pack: the runs of a competition, or a single run that does not compete."""
    units: dict[str, list[Prepared]] = {}
    for run in group:
        competitor = run.point.competitor
        units.setdefault(run.identity_hash if competitor is None else competitor.competition, []).append(run)
    return list(units.values())


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
