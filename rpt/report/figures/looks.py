"""How each encoder and baseline looks, the same in every figure.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers too. Every encoder also has a marker and a
line style of its own, so that a grey print can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rpt.report.study import Axis, Study, Value
from rpt.report.words import at_text

LineStyle = Literal["-"] | tuple[int, Sequence[int | float]]


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one encoder or baseline."""

    colour: str
    marker: str
    line: LineStyle


LOOKS = {
    "residual": Look("#0072B2", "o", "-"),
    "plain": Look("#D55E00", "s", (0, (5, 1.5))),
    "mlp": Look("#009E73", "^", (0, (5, 1.5, 1, 1.5))),
    "lstm": Look("#CC79A7", "D", (0, (2, 1))),
    "head alone": Look("#000000", "v", (0, (1, 1.5))),
    "zero-shot": Look("#000000", "<", (0, (3, 1.5, 1, 1.5, 1, 1.5))),
    "fine-tuning": Look("#000000", ">", (0, (6, 2, 1, 2))),
}
"""Of the encoders and baselines that rpt ships."""

OTHERS = (
    Look("#E69F00", "P", (0, (4, 1, 1, 1))),
    Look("#56B4E9", "X", (0, (3, 1, 1, 1, 1, 1))),
    Look("#666666", "p", (0, (8, 2))),
    Look("#8C6D00", "h", (0, (2, 2))),
)
"""For encoders that somebody has added, in the order of the study; a fifth takes the first again."""

LINE_OF_MAJORITY = Look("#777777", "", (0, (4, 2)))


def looks_of(study: Study) -> dict[str, Look]:
    """A look for each encoder and baseline of a study."""
    names = dict.fromkeys([*study.methods, *(run.method for run in study.baselines)])
    added = sorted(name for name in names if name not in LOOKS)
    return {name: LOOKS.get(name) or OTHERS[added.index(name) % len(OTHERS)] for name in names}


def points(score: float) -> str:
    """A score in points, `61.4`."""
    return f"{100 * score:.1f}"


def axis_title(axis: Axis) -> str:
    """The label of an axis, which says when it is logarithmic."""
    return f"{axis.label} (log scale)" if axis.is_log else axis.label


def heading(study: Study, task: str, at: Mapping[str, Value]) -> str:
    """Of a panel: the task, and what else is held fixed there."""
    return ", ".join(filter(None, (task, at_text(study.axes, at))))
