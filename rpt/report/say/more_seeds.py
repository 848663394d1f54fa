"""Write sentences on how many seeds a study needs to show a difference with a power of 0.8."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rpt.console import several
from rpt.report.measure.comparisons import Pair
from rpt.report.read.run import POINTS
from rpt.stats.estimate import LEAST_SEEDS

UNKNOWN = "The difference does not vary over these runs, so the needed number of seeds cannot be estimated."
"""Sentence for a comparison whose variance is 0."""


def more_seeds(pair: Pair, label: str) -> Iterator[str]:
    """Yield sentences on the number of seeds that would show a difference of one point, and the observed difference.

    The numbers are computed by `rpt.stats.power`. The sentences do not state a verdict.

    Args:
        pair: Comparison of the headline.
        label: Description of the comparison, such as `residual less plain, averaged over the sweep`.
    """
    num_seeds, examples = pair.comparison.difference.seeds, several(pair.num_units, "example")
    yield f"The number above is {label}, from {several(num_seeds, 'seed')} and {examples}."
    if num_seeds < LEAST_SEEDS:
        yield f"With {LEAST_SEEDS} or more seeds the report estimates how many seeds would show a difference."
    elif pair.seeds_needed is None:
        yield UNKNOWN
    else:
        yield from _numbers(pair, examples)
        yield (
            "The estimate is for a power of 0.8, at the 5 % level before Holm's correction. "
            f"It comes from {num_seeds} seeds, so that it is a rough size."
        )


def _numbers(pair: Pair, examples: str) -> Iterator[str]:
    effects = [("a difference of one point", pair.seeds_needed)]
    if pair.seeds_for_observed is not None:
        size = abs(POINTS * pair.comparison.difference.value)
        effects.append((f"a true difference as large as the observed {size:.1f} points", pair.seeds_for_observed))
    for effect, number in effects:
        if number is not None and math.isfinite(number):
            yield f"About {number} seeds would show {effect}."
        else:
            yield f"No number of seeds would show {effect} on {examples}: that needs more examples."
