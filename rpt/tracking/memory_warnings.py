"""Warnings of a record about memory and the cache of texts."""

from __future__ import annotations

from collections.abc import Iterator

from rpt.training.module import PromptTuner
from rpt.training.run import Run


def memory_warnings(run: Run, tuner: PromptTuner) -> Iterator[str]:
    """Yield a warning if forward passes ran out of memory, and for each problem of the text cache on disk.

    Args:
        run: Run whose record gets the warnings.
        tuner: Module that has trained and evaluated the run.
    """
    cache = tuner.text_cache
    if cache is not None and cache.is_closed:
        source = "computed" if cache.disk is None else "read from disk or computed"
        yield f"memory ran out, and the states of texts were {source} in each step from then on, which is slower"
    if cache is not None and cache.disk is not None:
        yield from cache.disk.warnings()
    if tuner.token_budget < tuner.full_token_budget:
        yield f"out of memory: forward passes were cut to {tuner.token_budget} tokens, so the last bits differ"
    if run.has_cut_answers:
        yield "out of memory: forward passes of evaluations were cut, so the last bits differ"
