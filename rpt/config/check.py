"""Check a configuration before any weights are loaded, and report all problems at once, each with advice.

Three checks always run: the schema (`rpt.config.schema`), the signatures of the components' constructors
(`rpt.config.signatures`), and the rules about relations between groups and about the machine (`rpt.config.rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from rpt.config.partial import UNSET, valid_part
from rpt.config.problems import hinted, problems_of
from rpt.config.rules import RULES, Candidate, Rule
from rpt.config.schema import Config, LoggerConfig, NotValid
from rpt.config.signatures import check_component, coerce
from rpt.config.trainer_flags import refused_flags, resolved_trainer
from rpt.errors import ConfigError, Problem

Values = dict[str, Any]

COMPONENTS = ("encoder", "init", "optim")
"""Config groups whose keys are the keyword arguments of a constructor."""


def check(values: Values, rules: Sequence[Rule] = RULES) -> Config:
    """Check a composed configuration and convert it to a `Config`.

    Args:
        values: Plain, resolved dictionary, as `rpt.config.compose.compose` returns it.
        rules: Rules about relations between groups and about the machine. The default is all rules.

    Raises:
        ConfigError: The configuration is wrong; the error holds all problems, sorted by key.
    """
    problems = list(unset(values))
    problems += refused_flags(values["trainer"].get("lightning") if isinstance(values.get("trainer"), dict) else None)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, "", Config)
        config = None
    for group in (*COMPONENTS, "scorer"):
        problems += check_component(group, values.get(group))
    for group in ("callbacks", "logger"):
        sections = values.get(group)
        for name, section in (sections if isinstance(sections, dict) else {}).items():
            problems += check_component(f"{group}.{name}", section)
    parts = valid_part(Config, _without_options(values, problems)) if config is None or problems else config
    candidate = Candidate(parts)
    for rule in rules:
        with suppress(NotValid):  # the rule needs a value that is refused already
            problems += rule(candidate)
    if problems or config is None:
        raise ConfigError(_first_of_each_key(problems))
    components: dict[str, Any] = {group: coerce(getattr(config, group), group) for group in COMPONENTS}
    components["callbacks"] = {name: coerce(section, "callbacks") for name, section in config.callbacks.items()}
    if config.scorer.component is not None:
        component = coerce(config.scorer.component, "scorer")
        components["scorer"] = config.scorer.model_copy(update={"component": component})
    components["logger"] = {name: _coerced_logger(section) for name, section in config.logger.items()}
    return _resolved(config.model_copy(update=components), candidate)


def _coerced_logger(section: LoggerConfig) -> LoggerConfig:
    if section.component is None:
        return section
    return section.model_copy(update={"component": coerce(section.component, "logger")})


def _without_options(values: Values, problems: Iterable[Problem]) -> Values:
    """Copy the values of a configuration without the components' options that are wrong."""
    refused = {tuple(problem.key.split(".")[:2]) for problem in problems}
    accepted = {}
    for group in COMPONENTS:
        if isinstance(options := values.get(group), dict):
            accepted[group] = {name: value for name, value in options.items() if (group, name) not in refused}
            if (group, "_target_") in refused:
                accepted[group] = {"_target_": options.get("_target_")}
    return {**values, **accepted}


def _resolved(config: Config, candidate: Candidate) -> Config:
    """Replace `auto` by the backbone's family and by the scorer's name, so that the record holds them.

    `backbone.prompt_layer` is set to 0 for a run without a prompt, so that the run never shares a pack with runs whose
    prompt enters before a later layer. Such a pack computes hidden states that differ in the last bits.
    """
    family = candidate.family
    assert family is not None  # `backbone_can_serve` has refused a folder of unknown family
    layer = config.backbone.prompt_layer if config.has_prompt else 0
    backbone = config.backbone.model_copy(update={"family": family, "prompt_layer": layer})
    scorer = config.scorer.model_copy(update={"name": candidate.scorer})
    trainer = config.trainer.model_copy(update=resolved_trainer(config.trainer))
    return config.model_copy(update={"backbone": backbone, "scorer": scorer, "trainer": trainer})


def unset(values: Values, prefix: str = "") -> Iterator[Problem]:
    """Yield a problem for each value that is still `???`: an option file requires it, and the user has not set it."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from unset(value, f"{key}.")
        elif value == UNSET:
            yield Problem(key, value, hinted(key, "needs a value."))


def _first_of_each_key(problems: list[Problem]) -> list[Problem]:
    """Keep the first problem of each key. A later problem of the same key mostly repeats that its type is wrong."""
    return list({problem.key: problem for problem in reversed(problems)}.values())
