"""Packs in this process, one after the other."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence

from rpt.config import Config
from rpt.packing.point import Point, Result
from rpt.pulse import Watch, nobody
from rpt.startup import load_libraries


class InlineExecutor:
    """Trains here, on this machine's device."""

    workers = 1

    def budget_bytes(self, config: Config) -> int | None:
        """A share of what is free here."""
        load_libraries()  # which a finished sweep need not wait for
        from rpt.packing.memory import budget_bytes

        return budget_bytes(config)

    def run(self, packs: Sequence[Sequence[Point]], report: Callable[[Result], None], watch: Watch = nobody) -> None:
        """Train packs in their order."""
        load_libraries()
        from rpt.packing.work import train_pack

        for pack in packs:
            # What training prints is for one run at a time; a sweep prints one line a point.
            with contextlib.redirect_stdout(io.StringIO()):
                results = train_pack(pack, watch)
            for result in results:
                report(result)
