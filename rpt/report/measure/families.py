"""Holm's correction of all comparisons of a report, in two families.

The answer in words rests on few comparisons: the leading encoder against each other encoder, two values of an axis
other than the learning rate, each encoder against the majority answer, the leading encoder against each baseline, and
training speed where the study asks for it. These comparisons form one family, so that the probability of any false
claim in the answer is at most 5 % (Holm 1979). Every other comparison of the page is exploratory and belongs to a
second family with its own 5 %. That family is large, so that its p-values are those for one difference among many
(`rpt.stats.paired.compare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from rpt.report.measure.along import asked_pairs
from rpt.report.measure.comparisons import MAJORITY, Family, Pair, Where
from rpt.report.measure.pace import Pace
from rpt.report.read.axes import BASELINES
from rpt.report.read.study import Study
from rpt.stats.paired import holm

ASKS_HOW_SOON = "convergence"
"""Last part of the name of every study that asks how soon encoders train."""

One = TypeVar("One", Pair, Pace)


def adjust(study: Study, pairs: Sequence[Pair], paces: Sequence[Pace]) -> tuple[list[Pair], list[Pace]]:
    """Assign each comparison to its family, and adjust its p-value within the family.

    Args:
        study: Study that the comparisons belong to.
        pairs: All comparisons of scores.
        paces: All comparisons of training speed.

    Returns:
        The comparisons of scores and of training speed, in the given order, with family and adjusted p-value.
    """
    main = main_where(study, pairs)
    asked = asked_pairs(study, [pair for pair in pairs if pair.where == "value"])
    found = [_with_family(pair, _of_pair(study, pair, main, asked)) for pair in pairs]
    soon = [_with_family(pace, _of_pace(study, pace)) for pace in paces]
    told = [(pair.family, pair.comparison.p) for pair in found] + [(pace.family, pace.comparison.p) for pace in soon]
    adjusted = _adjusted(told)
    count = len(found)
    return (
        [replace(one, p_holm=p) for one, p in zip(found, adjusted[:count], strict=True)],
        [replace(one, p_holm=p) for one, p in zip(soon, adjusted[count:], strict=True)],
    )


def main_where(study: Study, pairs: Sequence[Pair]) -> Where:
    """Return the main comparison of a study's encoders: `sweep` if it averages over points of an axis, else `tuned`."""
    has_sweep = any(pair.where == "sweep" and pair.theirs in study.methods for pair in pairs)
    return "sweep" if has_sweep else "tuned"


def asks_how_soon(study: Study) -> bool:
    """Whether the answer compares training speed: the study asks for it, or varies nothing except encoder and task."""
    return study.name.endswith(ASKS_HOW_SOON) or not study.axes


def _adjusted(found: Sequence[tuple[Family, float]]) -> list[float]:
    """Adjust each p-value by Holm's correction within its family."""
    ps = [0.0] * len(found)
    for name in dict.fromkeys(family for family, _ in found):
        members = [at for at, (family, _) in enumerate(found) if family == name]
        for at, p in zip(members, holm([found[at][1] for at in members]), strict=True):
            ps[at] = p
    return ps


def _with_family(one: One, family: Family) -> One:
    found = one.comparison
    if family == "exploratory" and found.p_of_many is not None:
        found = replace(found, p=found.p_of_many)
    return replace(one, family=family, comparison=found)


def _of_pair(study: Study, pair: Pair, main: Where, asked: Sequence[Pair]) -> Family:
    leader = study.leader
    is_main = pair.where == main and pair.ours == leader and pair.theirs in study.methods
    is_beside = pair.where == "tuned" and pair.ours == leader and pair.theirs in BASELINES
    return "answer" if is_main or is_beside or pair in asked or pair.theirs == MAJORITY else "exploratory"


def _of_pace(study: Study, pace: Pace) -> Family:
    return "answer" if asks_how_soon(study) and pace.ours == study.leader else "exploratory"
