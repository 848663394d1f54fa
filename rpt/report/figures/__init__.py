"""The figures of a report, drawn from the same numbers as its tables.

Every kind of figure has a module of its own. A figure is left out if the study has no numbers for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.figures.convergence import convergence
from rpt.report.figures.differences import differences, differences_by_value
from rpt.report.figures.figure import Figure, style
from rpt.report.figures.first_step import first_steps
from rpt.report.figures.improvement import improvement
from rpt.report.figures.intervals import intervals
from rpt.report.figures.profile import profiles
from rpt.report.figures.prompts import prompt_figures
from rpt.report.figures.sensitivity import by_encoder, sensitivity
from rpt.report.measure.along import asked_axes
from rpt.report.measure.numbers import Numbers
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.study import Study

__all__ = ["Figure", "draw"]


def draw(study: Study, numbers: Numbers, diagnoses: Sequence[Diagnosis]) -> list[Figure]:
    """Draw all figures that a study has numbers for, the main figure first.

    Args:
        study: Study to draw.
        numbers: Scores and comparisons of the study, from `rpt.report.measure.numbers.measure`.
        diagnoses: Training curves and prompts of the study, from `rpt.report.read.diagnostics.diagnose`.
    """
    with style():
        axes_of_answer = asked_axes(study)
        axes = sorted(study.axes, key=lambda axis: axis not in axes_of_answer)
        main = [figure for axis in axes for figure in sensitivity(study, numbers, axis)]
        return [
            *(main or by_encoder(study, numbers)),
            *profiles(study, numbers),
            *improvement(study, numbers),
            *intervals(study, numbers),
            *differences(study, numbers),
            *differences_by_value(study, numbers),
            *convergence(study, diagnoses),
            *first_steps(study, numbers),
            *prompt_figures(study, diagnoses),
        ]
