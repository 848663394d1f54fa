"""Check a configuration before any weights are loaded, and report all problems at once, each with advice.

Three checks always run: the schema (`rpt.config.schema`), the signatures of the components' constructors
(`rpt.config.signatures`), and the rules about relations between groups and about the machine (`rpt.config.rules`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from rpt.config.problems import hinted, problems_of
from rpt.config.rules import RULES, Values
from rpt.config.rules.backbone import family
from rpt.config.rules.task import writes_freely
from rpt.config.schema import Config
from rpt.config.signatures import check_component, coerce
from rpt.errors import ConfigError, Problem

COMPONENTS = ("encoder", "init", "optim")
"""Config groups whose options are the keyword arguments of a constructor."""


def check(values: Values) -> Config:
    """Check a composed configuration and convert it to a `Config`.

    Args:
        values: Plain, resolved dictionary, as `rpt.config.schema.compose` returns it.

    Raises:
        ConfigError: The configuration is wrong; the error holds all problems, sorted by key.
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
    components = {group: coerce(getattr(config, group), group) for group in COMPONENTS}
    return _resolved(config.model_copy(update=components), family(values), writes_freely(values))


def _resolved(config: Config, served: str | None, is_free: bool) -> Config:
    """Replace `auto` by the family and the scorer that it stands for, so that the record names them.

    Args:
        config: Checked configuration.
        served: Family of the backbone.
        is_free: Whether the task's answers are free text.
    """
    assert served is not None  # `backbone_can_serve` has refused a folder of unknown family
    backbone = config.backbone.model_copy(update={"family": served})
    scorer = config.scorer
    if scorer.name == "auto":
        writes = is_free or (config.protocol.name == "paper" and served == "seq2seq")
        name = "head" if served == "encoder" else "generate" if writes else "rank"
        scorer = scorer.model_copy(update={"name": name})
    return config.model_copy(update={"backbone": backbone, "scorer": scorer})


def unset(values: Values, place: str = "") -> Iterator[Problem]:
    """Yield a problem for each value that is still `???`: an option file requires it, and the user has not set it."""
    for name, value in values.items():
        key = f"{place}{name}"
        if isinstance(value, dict):
            yield from unset(value, f"{key}.")
        elif value == "???":
            yield Problem(key, value, hinted(key, "needs a value."))


def _first_of_each_key(problems: list[Problem]) -> list[Problem]:
    """Keep the first problem of each key. Problems of later checks mostly repeat that the type is wrong."""
    return list({problem.key: problem for problem in reversed(problems)}.values())
