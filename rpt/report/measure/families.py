"""Holm's correction of all comparisons of a report, in two families.

The answer in words is based on few comparisons: the leading encoder with each other encoder, two values of an axis of
`rpt.report.measure.along.asked_axes`, each encoder with the majority answer, the leading encoder with each baseline,
and training speed if the study asks for it. These comparisons form one family, so that the probability of any false
claim in the answer is at most 5 % (Holm 1979). Every other comparison of the page is exploratory and belongs to a
second family with its own 5 %. The second family is large, so its p-values are computed for one difference among many
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
"""Ending of the name of a study that compares how fast encoders train."""

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
    of_answer = asked_pairs(study, [pair for pair in pairs if pair.where == "value"])
    of_family = [_with_family(pair, _of_pair(study, pair, main, of_answer)) for pair in pairs]
    paces_of_family = [_with_family(pace, _of_pace(study, pace)) for pace in paces]
    tests = [(pair.family, pair.comparison.p) for pair in of_family] + [
        (pace.family, pace.comparison.p) for pace in paces_of_family
    ]
    adjusted = _adjusted(tests)
    count = len(of_family)
    return (
        [replace(comparison, p_holm=p) for comparison, p in zip(of_family, adjusted[:count], strict=True)],
        [replace(comparison, p_holm=p) for comparison, p in zip(paces_of_family, adjusted[count:], strict=True)],
    )


def main_where(study: Study, pairs: Sequence[Pair]) -> Where:
    """Return the main kind of comparison: `sweep` if encoders are compared over a sweep, otherwise `tuned`."""
    has_sweep = any(pair.where == "sweep" and pair.second in study.methods for pair in pairs)
    return "sweep" if has_sweep else "tuned"


def asks_how_soon(study: Study) -> bool:
    """Whether the answer compares training speed: the study is named `*convergence`, or has no axes."""
    return study.name.endswith(ASKS_HOW_SOON) or not study.axes


def _adjusted(tests: Sequence[tuple[Family, float]]) -> list[float]:
    """Adjust each p-value by Holm's correction within its family."""
    ps = [0.0] * len(tests)
    for name in dict.fromkeys(family for family, _ in tests):
        members = [index for index, (family, _) in enumerate(tests) if family == name]
        for index, p in zip(members, holm([tests[index][1] for index in members]), strict=True):
            ps[index] = p
    return ps


def _with_family(comparison: One, family: Family) -> One:
    compared = comparison.comparison
    if family == "exploratory" and compared.p_of_many is not None:
        compared = replace(compared, p=compared.p_of_many)
    return replace(comparison, family=family, comparison=compared)


def _of_pair(study: Study, pair: Pair, main: Where, of_answer: Sequence[Pair]) -> Family:
    leader = study.leader
    is_main = pair.where == main and pair.first == leader and pair.second in study.methods
    is_beside = pair.where == "tuned" and pair.first == leader and pair.second in BASELINES
    return "answer" if is_main or is_beside or pair in of_answer or pair.second == MAJORITY else "exploratory"


def _of_pace(study: Study, pace: Pace) -> Family:
    return "answer" if asks_how_soon(study) and pace.first == study.leader else "exploratory"
