"""One number of a whole curve: scores at several points of a sweep, each a mean over the same examples.

A best or worst of noisy means is an extreme, and the curve's own extreme is biased: the lowest of five equal points
looks worse than all of them. Resampling repeats that bias, so nothing is resampled here. Which point is truly the
extreme is not known; the interval is made for every point that may be it, by differences between points (multiple
comparisons with the best, Hsu 1996), and the union is what can be said.

Coverage by simulation (nominal 95 %; 3, 5 and 10 seeds; 56 and 256 examples; peaks, plateaus, slopes, ties, cliffs):
best and worst 92 to 99 %, window 94 to 100 %, reach and the distance of best and worst 92 to 100 %. It is above 98 %
where the truth is the end of what is possible (all points equal, so that the window is the whole sweep) or moves in
steps (reach). No interval knows of a collapse that happened to none of its seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rpt.stats.crossed import crossed_mean
from rpt.stats.estimate import LEVEL, Estimate
from rpt.stats.mean import mean

Points = Float[np.ndarray, " points"]
Pairs = Float[np.ndarray, "points points"]
Units = Float[np.ndarray, "points seeds units"]

MISS = 1 - LEVEL
"""How often an interval may miss."""

WINDOW_MISS = 0.08
"""How often one difference may miss in a window, which rests on several that seldom all miss on the same side. Where
one of them decides, a window's interval still covers 92 %."""


@dataclass(frozen=True, slots=True)
class Window:
    """The region around the best point whose score is close to it; between points the score is a straight line.

    Attributes:
        width: Decades that it spans; at most those of the sweep.
        low: Where it begins, in the points' unit.
        high: Where it ends.
        open_low: Whether it reaches the sweep's lowest point, so that it may go on below.
        open_high: Whether it reaches the highest.
    """

    width: Estimate
    low: float
    high: float
    open_low: bool
    open_high: bool


SUSPECT_MISS = 0.01
"""How often a difference may miss that clears a point of being the worst."""

TIED_MISS = 0.03
"""How often all points that may be the worst may miss together. Below 0.05, since with 3 seeds intervals of 98 and 99 %
miss more than they say: with 0.05 five equal points were covered 90 %, with 0.03 they are 93 %."""

APART_MISS = 0.005
"""How often the lower end of any of all differences may be above 0 where all points are equal. Below 0.025 for the same
reason: with 0.025 and 3 seeds it was 10 % of five equal points, with 0.005 it is 5 %."""


def average(units: Units) -> Estimate:
    """The score averaged over the points."""
    return mean(units.mean(axis=0))


def best(units: Units) -> Estimate:
    """The score of the point that is truly best; the value is that of the best on these runs, which is a bit high."""
    found = worst(1 - units)
    return Estimate(1 - found.value, 1 - found.high, 1 - found.low, found.seeds)


def worst(units: Units) -> Estimate:
    """The score of the point that is truly worst; the value is that of the worst on these runs, which is a bit low.

    One point may be the worst: its own interval. Several may: the lowest of their lower ends, and the lowest of upper
    ends that leave each a k-th of `TIED_MISS`, since the worst lies below all of them (Bonferroni); with ties the
    lowest of the lower ends is never too high.
    """
    means = units.mean(axis=(1, 2))
    value, seeds = float(means.min()), units.shape[1]
    if seeds == 1:
        return Estimate(value, math.nan, math.nan, seeds)
    suspects = units[_may_be_best(*_differences(1 - units, miss=SUSPECT_MISS))]
    each = min(MISS / 2, TIED_MISS / len(suspects))  # above alone
    low = min(mean(point).low for point in suspects)
    high = min(mean(point, 1 - 2 * each).high for point in suspects)
    return Estimate(value, low, high, seeds)


def apart(units: Units) -> Estimate:
    """How far the truly best point is above the truly worst; the value is that of these runs, which is a bit high.

    Below the upper end of the one difference that it is; above the lower end of every difference (Bonferroni), since
    any may look large by chance.
    """
    means = units.mean(axis=(1, 2))
    value, num_seeds = float(means.max() - means.min()), units.shape[1]
    if num_seeds == 1:
        return Estimate(value, math.nan, math.nan, num_seeds)
    num_pairs = len(units) * (len(units) - 1) / 2
    found = crossed_mean(units[:, None] - units[None, :])
    low = found.value - found.half_width(APART_MISS / num_pairs)
    high = found.value + found.half_width(MISS)
    return Estimate(value, max(0.0, float(low.max())), min(1.0, float(high.max())), num_seeds)


def window(points: Points, units: Units, within: float = 0.01) -> Window:
    """The region around the best point that scores within `within` of it.

    Args:
        points: Positive values on a logarithmic axis, in any order.
        units: A score's units at each.
        within: How far below the best the score may be: 0.01 is one point.
    """
    order = points.argsort()
    at, units = np.log10(points[order]), units[order]
    means, num_seeds = units.mean(axis=(1, 2)), units.shape[1]
    top = int(means.argmax())
    start, end = _region(at, means - means[top] + within, top)
    low, high = _bounds(at, units, within) if num_seeds > 1 else (math.nan, math.nan)
    width = Estimate(end - start, low, high, num_seeds)
    return Window(width, float(10**start), float(10**end), bool(start == at[0]), bool(end == at[-1]))


def reach(points: Points, units: Units, share: float = 0.99) -> Estimate:
    """The smallest of the points whose score is at least a share of the best's; its ends are points too.

    Args:
        points: Such as prompt lengths, in any order.
        units: A score's units at each.
        share: Of the best score.
    """
    order = points.argsort()
    points, units = points[order], units[order]
    means, num_seeds = units.mean(axis=(1, 2)), units.shape[1]
    value = float(points[(means >= share * means.max()).argmax()])
    if num_seeds == 1:
        return Estimate(value, math.nan, math.nan, num_seeds)
    size, margin = _differences(units, share=share)
    may = (size + margin >= 0).all(axis=1)
    surely = (size - margin >= 0).all(axis=1)
    surely[np.flatnonzero(_may_be_best(*_differences(units)))[-1]] = True  # the best reaches a share of itself
    return Estimate(value, float(points[may.argmax()]), float(points[surely.argmax()]), num_seeds)


def _differences(units: Units, *, share: float = 1.0, miss: float = MISS) -> tuple[Pairs, Pairs]:
    """Each point's mean less a share of each other's, and how far that is from the truth at most."""
    found = crossed_mean(units[:, None] - share * units[None, :])
    return found.value, found.half_width(miss)


def _may_be_best(size: Pairs, margin: Pairs) -> Bool[np.ndarray, " points"]:
    """Which points no other is surely above."""
    return np.asarray((size + margin >= 0).all(axis=1))


def _bounds(at: Points, units: Units, within: float) -> tuple[float, float]:
    """The narrowest and the widest window around any point that may be the best."""
    size, margin = _differences(units, miss=WINDOW_MISS)
    widths = []
    for top in np.flatnonzero(_may_be_best(size, margin)):
        for others in (-size[top] - margin[top], -size[top] + margin[top]):
            start, end = _region(at, np.minimum(others, 0.0) + within, int(top))
            widths.append(end - start)
    return min(widths), max(widths)


def _region(at: Points, above: Points, top: int) -> tuple[float, float]:
    """From where to where a broken line stays at or above 0 around a point where it is."""
    ends = []
    for step, last in ((-1, 0), (1, len(at) - 1)):
        here = top
        while here != last and above[here + step] >= 0:
            here += step
        end = at[here]
        if here != last:
            fall = above[here] / (above[here] - above[here + step])
            end += fall * (at[here + step] - at[here])
        ends.append(float(end))
    return ends[0], ends[1]
