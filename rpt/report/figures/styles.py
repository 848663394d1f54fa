"""Colour, marker and line style of each encoder and baseline, the same in every figure.

The colours are from Okabe and Ito (2008); colour-blind readers can tell them apart. Every encoder also has its own
marker and line style, so that a grey print remains readable.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rpt.report.read.run import POINTS, Axis, Value
from rpt.report.read.study import Study
from rpt.report.say.words import at_text

LineStyle = Literal["-"] | tuple[int, Sequence[int | float]]


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style of one encoder or baseline."""

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
"""Looks of the encoders and baselines that rpt ships, by name."""

OTHERS = (
    Look("#E69F00", "P", (0, (4, 1, 1, 1))),
    Look("#56B4E9", "X", (0, (3, 1, 1, 1, 1, 1))),
    Look("#666666", "p", (0, (8, 2))),
    Look("#8C6D00", "h", (0, (2, 2))),
    Look("#882255", "d", (0, (5, 1, 1, 1, 1, 1))),
    Look("#332288", "*", (0, (1, 1))),
    Look("#44AA99", "8", (0, (6, 1))),
)
"""Looks of all other encoders.

A hash of the encoder's name chooses the look, so that an encoder has the same look in all studies. If another encoder
of the study has this look, the next free look is used. If a study has more than seven such encoders, the further ones
get looks from `_mixtures`.
"""

LINE_OF_MAJORITY = Look("#777777", "", (0, (4, 2)))

MOST_BANDS = 4
"""Largest number of curves of a panel that all have a band. With more, overlapping bands would hide the curves."""


def looks_of(study: Study) -> dict[str, Look]:
    """Return the look of each encoder and baseline of a study, by name."""
    names = dict.fromkeys([*study.methods, *(run.method for run in study.baselines)])
    free = _mixtures()
    added: dict[str, Look] = {}
    for name in sorted(name for name in names if name not in LOOKS):
        start = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(OTHERS)
        preferred = [look for look in (*OTHERS[start:], *OTHERS[:start]) if look not in added.values()]
        added[name] = preferred[0] if preferred else next(free)
    return {name: LOOKS.get(name) or added[name] for name in names}


def _mixtures() -> Iterator[Look]:
    """Yield all other combinations of a colour, a marker and a line style from `OTHERS`, again and again.

    Two consecutive looks differ in colour, marker and line style.
    """
    number = len(OTHERS)
    shifts = itertools.product(range(number), range(number), range(number))
    mixed = [
        Look(OTHERS[i].colour, OTHERS[(i + j) % number].marker, OTHERS[(i + k) % number].line) for j, k, i in shifts
    ]
    return itertools.cycle([look for look in mixed if look not in OTHERS])


def has_band(study: Study, method: str, num_curves: int) -> bool:
    """Whether a panel draws a curve's interval. A panel of more than four curves draws only the leading method's."""
    return num_curves <= MOST_BANDS or method == study.leader


BANDS_OF_MANY = f" (in a panel of more than {MOST_BANDS} curves, only for the leading method)"
"""Part of a caption that says which curves have bands."""


def points(score: float) -> str:
    """Format a score from 0 to 1 in points, such as `61.4`."""
    return f"{POINTS * score:.1f}"


def axis_title(axis: Axis) -> str:
    """Return the label of an axis; a logarithmic axis is marked as such."""
    return f"{axis.label} (log scale)" if axis.is_log else axis.label


def heading(study: Study, task: str, setting: Mapping[str, Value]) -> str:
    """Return the heading of a panel: the task, and the axis values that are fixed in the panel."""
    return ", ".join(filter(None, (task, at_text(study.axes, setting))))
