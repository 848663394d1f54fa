"""Read the paper's numbers for an experiment from the experiment's option file."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rpt.config.bounds import MetricName
from rpt.config.compose import published_numbers
from rpt.config.foreign_code import FOREIGN, OPTION
from rpt.config.hydra_errors import USER_ERRORS, explain
from rpt.config.paths import config_dir
from rpt.config.schema import Section
from rpt.errors import RptError


class UnreadableRun(RptError):
    """A record's configuration cannot be read by this version of rpt, or names an unknown experiment."""


class Expected(Section):
    """A row of numbers in the paper for an experiment. `rpt.reproduce` compares them with trained runs."""

    source: str  # table or figure of the paper
    kind: Literal["printed", "recomputed", "digitised"]  # recomputed from printed numbers; digitised from a figure
    at: str | None = None  # Hydra override that the row has in addition to the experiment's setting; null: none
    metric: MetricName | Literal["score"] = "score"  # metric of rpt's runs that the numbers are compared with
    copied: str | None = None  # publication whose numbers the paper repeats; null: the paper's own runs
    caveat: str | None = None  # reason why no run can repeat the paper's runs exactly; null: a run can
    points: dict[str, Annotated[float, Field(ge=0, le=100)]]  # score points by task; `average` is over all eight tasks


PUBLISHED = "paper/"
"""Prefix of the names of the experiments that have numbers of the paper. A user's own experiments do not have it."""


@cache
def expected_of(experiment: str) -> tuple[Expected, ...]:
    """Return the paper's numbers for an experiment; empty if the paper has none, or for a user's own experiment.

    Args:
        experiment: Name of the experiment in a record, which is untrusted data.

    Raises:
        UnreadableRun: The name cannot be the name of an option, or the experiment cannot be composed.
    """
    if not OPTION.fullmatch(experiment):
        raise UnreadableRun(f"experiment = {experiment!r}: is not the name of an option. {FOREIGN}")
    if not (experiment.startswith(PUBLISHED) or (config_dir() / "experiment" / f"{experiment}.yaml").is_file()):
        return ()
    try:
        return TypeAdapter(tuple[Expected, ...]).validate_python(tuple(published_numbers(experiment)))
    except USER_ERRORS as error:
        raise UnreadableRun(f"the experiment {experiment} cannot be composed: {explain(error)}") from error
