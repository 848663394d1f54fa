"""What a person sees of a packed sweep: one line a point as it ends, and a summary."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from rpt.console import say
from rpt.packing.point import Point, Result

WORDS = {"finished": "trained", "failed": "failed", "refused": "refused", "interrupted": "interrupted"}


class Lines:
    """Prints the results of a sweep: scores to stdout, reasons to stderr.

    Args:
        total: Number of points.
        output_dir: Where the ledger is.
    """

    def __init__(self, total: int, output_dir: Path) -> None:
        self._total = total
        self._output_dir = output_dir
        self._counts: Counter[str] = Counter()

    def report(self, point: Point, result: Result, is_new: bool) -> None:
        """A point's line. What was known before is only counted, but for errors of an earlier start."""
        is_old_score = result.status == "finished" and not is_new
        self._counts["finished before" if is_old_score else WORDS[result.status]] += 1
        if result.status == "finished" and is_new:
            place = f"[{self._counts.total():{len(str(self._total))}}/{self._total}]"
            say(f"{place} score {result.score:.3f}  {point.name}")
        elif result.status == "failed" or (result.status != "finished" and is_new):
            before = "" if is_new else " before (hydra.launcher.retry_failed=true trains it again)"
            reason = "\n".join(f"  {line}" for line in (result.error or "").splitlines())
            sys.stderr.write(f"{result.status}{before}: {point.name}\n{reason}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """The summary."""
        order = ("trained", "finished before", "failed", "interrupted", "refused")
        parts = [f"{self._counts[word]} {word}" for word in order if self._counts[word]]
        say(f"{self._total} {'point' if self._total == 1 else 'points'}: {', '.join(parts)}")
        say(f"python -m rpt.ledger {self._output_dir} lists them")
