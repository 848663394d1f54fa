"""The interquartile mean of all runs of a sweep, over one or several tasks.

Source: Agarwal et al. 2021 (arXiv 2108.13264), section 4.3: the mean of the middle half of the runs, with the runs of
all tasks in one list. A few runs with very low or very high scores do not change it much.

The paper resamples seeds by a bootstrap. The interval here is for new seeds and new examples, as are the other
intervals of scores. The interquartile mean is not a mean over seeds and examples. For its interval, it is therefore
replaced by a mean that varies in the same way:

- Between seeds: each score outside the middle half is replaced by the nearest score of the middle half (winsorised,
  Tukey and McLaughlin 1963).
- Between examples: only the runs of the middle half are used.

`rpt.stats.crossed` then gives the interval of this mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rpt.stats.crossed import CrossedMean, crossed_mean
from rpt.stats.estimate import Estimate
from rpt.stats.mean import bounded

OUTSIDE = 0.25
"""Share of the runs that is left out at each end. The number of runs is rounded down."""

RunUnits = Float[np.ndarray, "_ _ _"]


def interquartile_mean(tasks: Sequence[RunUnits]) -> Estimate:
    """Estimate the mean of the middle half of all runs, with an interval for new seeds and new examples.

    Args:
        tasks: For each task, the score of each sampling unit (example) in each run, `[points, seeds, units]`, 0 to 1.

    Examples:
        >>> runs = np.array([0.1, 0.5, 0.6, 0.9])[None, :, None]
        >>> round(interquartile_mean([runs]).value, 3)
        0.55
    """
    scores = [units.mean(axis=2) for units in tasks]
    flat = np.concatenate([of_task.ravel() for of_task in scores])
    order = np.argsort(flat, kind="stable")
    outside = int(OUTSIDE * len(flat))
    inside = order[outside : len(flat) - outside]
    weights = np.zeros(len(flat))
    weights[inside] = 1 / len(inside)
    nearest = np.clip(flat, flat[inside[0]], flat[inside[-1]]) / len(inside)
    ends = np.cumsum([of_task.size for of_task in scores])[:-1]
    parts = [
        crossed_mean(_units_like(units, weight.reshape(of_task.shape), change.reshape(of_task.shape)))
        for units, of_task, weight, change in zip(
            tasks, scores, np.split(weights, ends), np.split(nearest, ends), strict=True
        )
    ]
    least_seeds = min(of_task.shape[1] for of_task in scores)
    return bounded(_sum_of(parts), least_seeds, sum(units.shape[2] for units in tasks))


def _units_like(
    units: RunUnits, weights: Float[np.ndarray, "points seeds"], changes: Float[np.ndarray, "points seeds"]
) -> Float[np.ndarray, "seeds units"]:
    """Return values of a crossed design whose mean is a task's part of the interquartile mean.

    The variances of the values between seeds and between examples are approximately those of the interquartile mean.

    Args:
        units: Score of each sampling unit in each run of the task.
        weights: Weight of each run in the interquartile mean; 0 outside the middle half.
        changes: Score of each run, clipped to the range of the middle half, divided by the number of runs in the
            middle half.
    """
    scores = units.mean(axis=2)
    num_seeds = scores.shape[1]
    part = (weights * scores).sum()
    by_seed = num_seeds * changes.sum(axis=0)
    by_example = num_seeds * np.einsum("ps,psu->su", weights, units - scores[:, :, None])
    values: Float[np.ndarray, "seeds units"] = part + (by_seed - by_seed.mean())[:, None] + by_example
    return values


def _sum_of(parts: Sequence[CrossedMean]) -> CrossedMean:
    """Return the sum of independent means. Its 1 / df is the mean of their 1 / df, weighted by their variances."""
    values, errors, dfs = np.array([(part.value, part.error, part.df) for part in parts]).T
    total = (errors**2).sum()
    shares = errors**2 / total if total > 0 else np.full(len(parts), 1 / len(parts))
    return CrossedMean(np.asarray(values.sum()), np.asarray(np.sqrt(total)), np.asarray(1 / (shares / dfs).sum()))
