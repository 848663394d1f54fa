"""From a sweep's ledger to the last result: what has ended is settled, the rest is trained or waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from rpt.config import Config
from rpt.console import say, several
from rpt.packing.executors import Executor
from rpt.packing.ledger import Sweep
from rpt.packing.plan import Limits, plan
from rpt.packing.point import Result
from rpt.packing.prepare import Prepared
from rpt.packing.settings import Settings
from rpt.packing.standings import Standings
from rpt.packing.state import State
from rpt.pulse import Pulse, Watch, nobody
from rpt.tracking.folder import FolderInUse, RunFolder

POLL_SECONDS = 1.0
"""Between two looks at runs that other processes train."""

LOOK_SECONDS = 5.0
"""Between two looks at the folders of all runs, only to show where they stand."""


class Campaign:
    """One start of a sweep, from the first look at its ledger to the last result.

    Args:
        sweep: Its ledger.
        runs: Those of its points that can be trained, each once.
        executor: Who trains.
        settings: How.
        note: Told of each run's result once, and whether this start brought it about.
        watch: Told how training goes with the runs that have no result yet, by their points' names.
    """

    def __init__(
        self,
        sweep: Sweep,
        runs: Sequence[Prepared],
        executor: Executor,
        settings: Settings,
        note: Callable[[Result, bool], None],
        watch: Watch = nobody,
    ) -> None:
        self._sweep = sweep
        self._executor = executor
        self._settings = settings
        self._note = note
        self._watch = watch
        self._standings = Standings()
        self._looked = float("-inf")
        self._open = {run.identity_hash: run for run in runs}  # without a result
        self._runs = dict(self._open)
        self._by_number = {run.point.number: run for run in runs}
        self._given_up: dict[str, Result] = {}  # by the executor; another process may still go on with them
        self._untried = set(self._open) if settings.retry_failed else set()  # may fail once more
        self._is_first_look = True
        self._has_said_waiting = False

    def run(self) -> None:
        """Settle every run."""
        while self._open:
            states = self._sweep.states()
            self._settle(states)
            todo = [run for run in self._open.values() if _is_free(run, states)]
            if todo:
                self._train(todo, states)
            elif self._open:
                self._wait(states)
            self._is_first_look = False

    def _settle(self, states: Mapping[str, State]) -> None:
        """Note the runs that have an end: one of an earlier start, or one that another process brought about."""
        for identity, run in list(self._open.items()):
            state, given_up = states[identity], self._given_up.get(identity)
            may_fail_again = identity in self._untried and given_up is None
            if state.name == "done" and not run.config.rerun:
                RunFolder(run.folder).tidy()
                score, objective = state.score, state.objective
                self._end(run, Result(run.point.number, "finished", str(run.folder), score, objective=objective))
            elif state.name == "failed" and not run.config.rerun and not may_fail_again:
                self._end(
                    run, Result(run.point.number, "failed", str(run.folder), error=state.error, is_bug=state.is_bug)
                )
            elif given_up is not None and _is_free(run, states):
                self._end(run, given_up, is_new=True)

    def _end(self, run: Prepared, result: Result, *, is_new: bool | None = None) -> None:
        del self._open[run.identity_hash]
        self._note(result, not self._is_first_look if is_new is None else is_new)

    def _train(self, todo: Sequence[Prepared], states: Mapping[str, State]) -> None:
        """Train what can be trained now. Failed runs ride along with an interrupted pack, which goes on whole."""
        states = dict(states)
        going_on = {member for run in todo for member in _pack_to_resume(states[run.identity_hash])}
        riding = {one: run for one, run in self._runs.items() if one in going_on and states[one].name == "failed"}
        for run in todo:
            if states[run.identity_hash].name == "failed" and run.identity_hash not in riding and self._set_aside(run):
                states[run.identity_hash] = State("missing")
        together = {run.identity_hash: run for run in todo} | riding
        packs = plan(list(together.values()), states, self._limits(todo[0].config))
        held: list[Result] = []

        def report(result: Result) -> None:
            run = self._by_number[result.number]
            if run.identity_hash not in self._open or (run.identity_hash in riding and result.status == "failed"):
                return  # known before, or to be tried anew once its pack has ended
            if result.is_held:
                held.append(result)  # its point stays open
            elif result.status == "interrupted":
                self._given_up[run.identity_hash] = result
            else:
                self._end(run, result, is_new=True)

        self._executor.run([[run.point for run in pack] for pack in packs], report, self._on_pulse)
        if held:  # a holder whose lease has ended here may seem alive to a worker with another clock
            time.sleep(POLL_SECONDS)

    def _set_aside(self, run: Prepared) -> bool:
        """Put a failed training aside, so that the run begins anew; False where another process has begun it."""
        self._untried.discard(run.identity_hash)
        folder = RunFolder(run.folder)
        with suppress(FolderInUse):
            folder.open()
            try:
                folder.supersede()
            finally:
                folder.close()
            return True
        return False

    def _wait(self, states: Mapping[str, State]) -> None:
        """Let other processes train."""
        if not self._has_said_waiting:
            holders = sorted({holder for identity in self._open if (holder := states[identity].holder) is not None})
            count = several(len(self._open), "point")
            say(f"waiting for {count} in training elsewhere: {', '.join(holders)}")
            self._has_said_waiting = True
        self._on_pulse(None)
        time.sleep(POLL_SECONDS)

    def _on_pulse(self, pulse: Pulse | None) -> None:
        """Pass a pulse on; where others train, their run folders say how it goes."""
        if pulse is None and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            folders = {identity: run.folder for identity, run in self._open.items()}
            pulse = Pulse(self._standings.read(folders, self._sweep.states()))
        if pulse is not None:  # a failed run may ride along that has its result
            open_runs = {self._open[one].point.name: found for one, found in pulse.runs.items() if one in self._open}
            pulse = replace(pulse, runs=open_runs)
        self._watch(pulse)

    def _limits(self, config: Config) -> Limits:
        budget = self._executor.budget_bytes(config)
        return Limits(self._settings.pack_size, budget, _bytes_of_run, self._executor.workers)


def _bytes_of_run(config: Config) -> int:
    from rpt.packing.memory import bytes_of_run  # torch, which a finished sweep need not wait for

    return bytes_of_run(config)


def _is_free(run: Prepared, states: Mapping[str, State]) -> bool:
    """Whether no other process trains the run, or one that it can only go on with."""
    pack = (run.identity_hash, *_pack_to_resume(states[run.identity_hash]))
    return all(states[member].name != "running" for member in pack if member in states)


def _pack_to_resume(state: State) -> tuple[str, ...]:
    return state.members if state.name == "interrupted" else ()
