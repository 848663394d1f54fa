"""Is a run's setting that of a published row? Whatever can change a number must be as its experiment says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from rpt.config import Config, compose
from rpt.errors import RptError
from rpt.refusals import USER_ERRORS, explain
from rpt.tracking.identity import setting
from rpt.trust import OPTION

Flat = dict[str, object]

FREE = (
    *("seed", "data.source", "data.split_seed", "data.order_seed"),
    *("backbone.attention", "trainer.token_budget", "trainer.eval_token_budget"),
)
"""What may differ: seeds, how forwards are cut, and where the rows come from, which `rpt.reproduce.lines` looks at."""

COMPONENTS = ("encoder", "init", "optim")
"""Groups whose options have keys of their own, so that another option is one difference."""

MOST_SAID = 3
"""Differences that a message lists."""


class UnreadableRun(RptError):
    """A record that this version of rpt cannot read as a configuration."""


def config_of(record: Mapping[str, Any]) -> Config:
    """The configuration of a record, without a look at files.

    Raises:
        UnreadableRun: It is that of another version.
    """
    try:
        return Config.model_validate({**record["config"], "chosen": record["chosen"]})
    except (ValidationError, KeyError, TypeError) as error:
        advice = "Another version of rpt made it: compare it with that version."
        raise UnreadableRun(f"{record.get('name', 'a run')}: its configuration cannot be read. {advice}") from error


def flat(config: Config) -> Flat:
    """All that can change a number and is not free, by dotted key."""
    leaves = _leaves(setting(config, "", "")) | {"backbone.dropout": config.backbone.dropout}
    return {key: value for key, value in leaves.items() if key not in FREE}


def published(config: Config, at: str | None) -> Config:
    """The setting of a row: the run's experiment and task, and the override that the row has beside them.

    A record is data: its experiment and task must be options of this installation, and the override must be one that
    the experiment itself states.

    Raises:
        UnreadableRun: The experiment is not there any more, or is no configuration, or has no such row.
    """
    names = {group: str(config.chosen.get(group)) for group in ("experiment", "task")}
    for group, name in names.items():
        if not OPTION.fullmatch(name):
            raise UnreadableRun(f"{group} = {name!r}: is no name of an option. The record is damaged or foreign.")
    overrides = [f"{group}={name}" for group, name in names.items()]
    if at is None:
        return _composed(*overrides)
    if at not in {row.at for row in _composed(*overrides).expected or ()}:
        raise UnreadableRun(f"experiment {names['experiment']} has no row at {at!r}. The record is damaged or foreign.")
    return _composed(*overrides, at)


@cache
def _composed(*overrides: str) -> Config:
    try:
        return Config.model_validate(compose(list(overrides)))
    except ValidationError as error:
        raise UnreadableRun(f"the setting of {' '.join(overrides)} is no configuration: {error}") from error
    except USER_ERRORS as error:
        raise UnreadableRun(f"the setting of {' '.join(overrides)} cannot be composed: {explain(error)}") from error


def differences(config: Config, at: str | None) -> list[str]:
    """What a run has otherwise than a published row, in words; empty where they are the same."""
    row = published(config, at)
    ours, theirs = flat(config), flat(row)
    found = []
    for group in COMPONENTS:
        if config.chosen.get(group) != row.chosen.get(group):
            found.append(f"{group} is {config.chosen.get(group)}, not {row.chosen.get(group)}")
            ours, theirs = _without(ours, group), _without(theirs, group)
    for key in {**theirs, **ours}:
        mine, its = ours.get(key), theirs.get(key)
        if mine != its and its != "auto":
            found.append(f"{key} is {_said(mine)}, not {_said(its)}")
    more = len(found) - MOST_SAID
    return [*found[:MOST_SAID], f"{more} more differ"] if more > 0 else found


def _leaves(section: Mapping[str, Any], place: str = "") -> Flat:
    leaves: Flat = {}
    for name, value in section.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{place}{name}.")
        else:
            leaves[f"{place}{name}"] = value
    return leaves


def _without(leaves: Flat, group: str) -> Flat:
    return {key: value for key, value in leaves.items() if not key.startswith(f"{group}.")}


def _said(value: object) -> str:
    return "null" if value is None else str(value)
