"""Executor that trains packs in this process, one after the other."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence

from rpt.config.schema import Config
from rpt.sweep.point import Point, Result
from rpt.training.libraries import load_libraries
from rpt.training.live_progress import ProgressCallback, ignore_progress


class InlineExecutor:
    """Trains packs in this process, on this machine's device."""

    workers = 1

    def budget_bytes(self, config: Config) -> int | None:
        """Compute the bytes that a pack's weights and optimizer states may take: a share of the free memory."""
        load_libraries()  # imported late, because a sweep without open runs does not need the libraries
        from rpt.sweep.memory import budget_bytes

        return budget_bytes(config)

    def run(
        self,
        packs: Sequence[Sequence[Point]],
        report: Callable[[Result], None],
        watch: ProgressCallback = ignore_progress,
    ) -> None:
        """Train the packs one after the other.

        Args:
            packs: Packs to train; a pack is a list of points whose runs share the backbone's forward passes.
            report: Function that is called with the result of each point when the point's pack ends.
            watch: Callback for progress during a pack.
        """
        load_libraries()
        from rpt.sweep.work import train_pack

        for pack in packs:
            # Training prints many lines for a single run; a sweep prints one line a point.
            with contextlib.redirect_stdout(io.StringIO()):
                results = train_pack(pack, watch)
            for result in results:
                report(result)
