"""Get a result for every run of a sweep: report ended runs, train runs, and wait for runs of other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from rpt.config.schema import Config
from rpt.console import say, several
from rpt.sweep.executors import Executor
from rpt.sweep.ledger import Sweep
from rpt.sweep.observation import ProgressReader
from rpt.sweep.plan import Limits, plan
from rpt.sweep.point import Result
from rpt.sweep.prepare import Prepared
from rpt.sweep.settings import Settings
from rpt.tracking.folder import FolderInUse, RunFolder
from rpt.tracking.run_state import RunState
from rpt.training.live_progress import PackProgress, ProgressCallback, ignore_progress

POLL_SECONDS = 1.0
"""Seconds between two reads of the ledger while other processes train the runs without a result."""

READ_SECONDS = 5.0
"""Seconds between two reads of all run folders for the progress display."""


class Coordinator:
    """Loop that trains the runs of a sweep, or waits for other processes that train them, until every run has a result.

    Args:
        sweep: Ledger of the sweep.
        runs: Runs of the sweep's points that can be trained, each run once.
        executor: Executor that trains packs of runs.
        settings: Options of the packed launcher.
        note: Callback for results, called once for each run. Its arguments are the result and whether the result is
            new. A result is not new if an earlier command has recorded it.
        watch: Callback for progress. Its argument describes the runs without a result, by their points' names; None
            asks the display to redraw itself.
    """

    def __init__(
        self,
        sweep: Sweep,
        runs: Sequence[Prepared],
        executor: Executor,
        settings: Settings,
        note: Callable[[Result, bool], None],
        watch: ProgressCallback = ignore_progress,
    ) -> None:
        self._sweep = sweep
        self._executor = executor
        self._settings = settings
        self._note = note
        self._watch = watch
        self._progress = ProgressReader()
        self._last_read = float("-inf")
        self._open = {run.identity_hash: run for run in runs}  # runs without a result
        self._runs = dict(self._open)
        self._by_number = {run.point.number: run for run in runs}
        self._given_up: dict[str, Result] = {}  # interrupted in this executor; another process may resume the runs
        self._untried = set(self._open) if settings.retry_failed else set()  # runs whose failure may be retried once
        self._is_halved = settings.halving.rungs is not None
        self._is_first_read = True
        self._has_announced_waiting = False

    def run(self) -> None:
        """Train or wait until every run has a result."""
        while self._open:
            states = self._sweep.states()
            self._settle(states)
            free_runs = [run for run in self._open.values() if _is_free(run, states)]
            if free_runs:
                self._train(free_runs, states)
            elif self._open:
                self._wait(states)
            self._is_first_read = False

    def _settle(self, states: Mapping[str, RunState]) -> None:
        """Report the runs that have ended in an earlier command or in another process, or that have no retry left."""
        for identity, run in list(self._open.items()):
            state, given_up = states[identity], self._given_up.get(identity)
            may_fail_again = identity in self._untried and given_up is None
            if state.status == "finished" and not run.config.rerun:
                RunFolder(run.folder).tidy()
                score, objective = state.score, state.objective
                self._end(run, Result(run.point.number, "finished", str(run.folder), score, objective=objective))
            elif state.status == "stopped" and self._is_halved and not run.config.rerun:
                folder, reason, objective = str(run.folder), state.error, state.objective
                self._end(run, Result(run.point.number, "stopped", folder, error=reason, objective=objective))
            elif state.status == "failed" and not run.config.rerun and not may_fail_again:
                self._end(
                    run, Result(run.point.number, "failed", str(run.folder), error=state.error, is_bug=state.is_bug)
                )
            elif given_up is not None and _is_free(run, states):
                self._end(run, given_up, is_new=True)

    def _end(self, run: Prepared, result: Result, *, is_new: bool | None = None) -> None:
        del self._open[run.identity_hash]
        self._note(result, not self._is_first_read if is_new is None else is_new)

    def _train(self, free_runs: Sequence[Prepared], states: Mapping[str, RunState]) -> None:
        """Train the runs that no other process trains. A pack is resumed with its failed runs, as it was begun."""
        states = dict(states)
        resumed = {member for run in free_runs for member in _pack_to_resume(states[run.identity_hash])}
        failed_members = {
            identity: run
            for identity, run in self._runs.items()
            if identity in resumed and states[identity].status == "failed"
        }
        for run in free_runs:
            identity = run.identity_hash
            if states[identity].status == "failed" and identity not in failed_members and self._set_aside(run):
                states[identity] = RunState("missing")
        to_train = {run.identity_hash: run for run in free_runs} | failed_members
        packs = plan(list(to_train.values()), states, self._limits(free_runs[0].config))
        held_elsewhere: list[Result] = []

        def report(result: Result) -> None:
            run = self._by_number[result.number]
            has_failed_again = run.identity_hash in failed_members and result.status == "failed"
            if run.identity_hash not in self._open or has_failed_again:
                return  # the result is reported already, or the run is trained again after its pack has ended
            if result.is_held:
                held_elsewhere.append(result)  # the run stays open
            elif result.status == "interrupted":
                self._given_up[run.identity_hash] = result
            else:
                self._end(run, result, is_new=True)

        self._executor.run([[run.point for run in pack] for pack in packs], report, self._on_progress)
        if held_elsewhere:  # a lease that has expired by this machine's clock may be valid by the worker's clock
            time.sleep(POLL_SECONDS)

    def _set_aside(self, run: Prepared) -> bool:
        """Move a failed training aside, so that the run starts anew; return False if its folder is in use."""
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

    def _wait(self, states: Mapping[str, RunState]) -> None:
        """Wait for a moment, because other processes train the runs without a result."""
        if not self._has_announced_waiting:
            holders = sorted({holder for identity in self._open if (holder := states[identity].holder) is not None})
            count = several(len(self._open), "point")
            say(f"waiting for {count} that other processes train: {', '.join(holders)}")
            self._has_announced_waiting = True
        self._on_progress(None)
        time.sleep(POLL_SECONDS)

    def _on_progress(self, progress: PackProgress | None) -> None:
        """Pass progress to `watch`. With None, read the run folders instead, at most every `READ_SECONDS` seconds."""
        if progress is None and time.monotonic() - self._last_read >= READ_SECONDS:
            self._last_read = time.monotonic()
            folders = {identity: run.folder for identity, run in self._open.items()}
            progress = PackProgress(self._progress.read(folders, self._sweep.states()))
        if progress is not None:  # a resumed pack may hold a failed run whose result is reported already
            open_runs = {
                self._open[identity].point.name: run
                for identity, run in progress.runs.items()
                if identity in self._open
            }
            progress = replace(progress, runs=open_runs)
        self._watch(progress)

    def _limits(self, config: Config) -> Limits:
        budget = self._executor.budget_bytes(config)
        return Limits(self._settings.pack_size, budget, _bytes_of_run, self._executor.workers)


def _bytes_of_run(config: Config) -> int:
    from rpt.sweep.memory import bytes_of_run  # imports torch, which a sweep without open runs does not need

    return bytes_of_run(config)


def _is_free(run: Prepared, states: Mapping[str, RunState]) -> bool:
    """Whether no other process trains this run or any run of the interrupted pack with which it must be resumed."""
    pack = (run.identity_hash, *_pack_to_resume(states[run.identity_hash]))
    return all(states[member].status != "running" for member in pack if member in states)


def _pack_to_resume(state: RunState) -> tuple[str, ...]:
    return state.members if state.status == "interrupted" else ()
