"""Packs in this process, one after the other."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence

from rpt.packing.point import Point, Result
from rpt.pulse import Watch, nobody


class InlineExecutor:
    """Trains here, on this machine's device."""

    workers = 1

    def run(self, packs: Sequence[Sequence[Point]], report: Callable[[Result], None], watch: Watch = nobody) -> None:
        """Train packs in their order."""
        from rpt.packing.work import train_pack  # torch, which a finished sweep need not wait for

        for pack in packs:
            # What training prints is for one run at a time; a sweep prints one line a point.
            with contextlib.redirect_stdout(io.StringIO()):
                results = train_pack(pack, watch)
            for result in results:
                report(result)
