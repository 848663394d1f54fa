"""Refuse a bad configuration whole, before any weight loads: every problem at once, each with what to do.

Three layers, all of which always run: the schema (`rpt.config`), the components' own signatures
(`rpt.components`), and the relations between groups and with the machine (`rpt.rules`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from rpt.components import check_component, coerce
from rpt.config import Config
from rpt.errors import ConfigError, Problem
from rpt.problems import hinted, problems_of
from rpt.rules import RULES, Values
from rpt.rules.backbone import family
from rpt.rules.task import writes_freely

COMPONENTS = ("encoder", "init", "optim")
"""The groups whose options are those of a constructor."""


def check(values: Values) -> Config:
    """Check a composed configuration and give it its types.

    Args:
        values: The plain, resolved dictionary of `rpt.config.compose`.

    Raises:
        ConfigError: Everything that is wrong, sorted by key.
    """
    problems = list(unset(values))
    config = None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, "", Config)
    for group in COMPONENTS:
        problems += check_component(group, values.get(group))
    for rule in RULES:
        problems += rule(values)
    if problems or config is None:
        raise ConfigError(_first_of_each_key(problems))
    components = {group: coerce(getattr(config, group)) for group in COMPONENTS}
    return _resolved(config.model_copy(update=components), family(values), writes_freely(values))


def _resolved(config: Config, served: str | None, is_free: bool) -> Config:
    """Put what `auto` stands for in its place, so that the record says what was done.

    Args:
        config: The checked configuration.
        served: The backbone's family.
        is_free: Whether the task's answers are free text.
    """
    assert served is not None  # `backbone_can_serve` has refused a folder whose family is not known
    backbone = config.backbone.model_copy(update={"family": served})
    scorer = config.scorer
    if scorer.name == "auto":
        writes = is_free or (config.protocol.name == "paper" and served == "seq2seq")
        name = "head" if served == "encoder" else "generate" if writes else "rank"
        scorer = scorer.model_copy(update={"name": name})
    return config.model_copy(update={"backbone": backbone, "scorer": scorer})


def unset(values: Values, place: str = "") -> Iterator[Problem]:
    """Values that an option file leaves to the user (`???`) and nobody gave."""
    for name, value in values.items():
        key = f"{place}{name}"
        if isinstance(value, dict):
            yield from unset(value, f"{key}.")
        elif value == "???":
            yield Problem(key, value, hinted(key, "needs a value."))


def _first_of_each_key(problems: list[Problem]) -> list[Problem]:
    """What a later layer says of the same key is mostly that the type is wrong, which the first has explained."""
    return list({problem.key: problem for problem in reversed(problems)}.values())
