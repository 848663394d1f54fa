"""Compare a run's setting with the setting of a row of numbers in the paper, by every key that can change a score."""

from __future__ import annotations

from functools import cache

from pydantic import ValidationError

from rpt.config.compose import compose
from rpt.config.foreign_code import FOREIGN, OPTION
from rpt.config.hydra_errors import USER_ERRORS, explain
from rpt.config.older import values_of_record
from rpt.config.schema import Config
from rpt.reproduce.expected import UnreadableRun, expected_of
from rpt.tracking.flat import Leaf, flatten
from rpt.tracking.identity import setting
from rpt.tracking.record import Record

FREE = (
    *("seed", "data.source", "data.split_seed", "data.order_seed"),
    *("backbone.attention", "trainer.token_budget", "trainer.eval_token_budget"),
)
"""Keys that may differ from the published setting: seeds, attention implementation, token budgets, source of rows.
`rpt.reproduce.lines` checks the rows."""

COMPONENTS = ("encoder", "init", "optim")
"""Config groups whose options have different keys. A different option counts as a single difference."""

MOST_LISTED = 3
"""Largest number of differences that a message lists; further differences are only counted."""


def config_of(record: Record) -> Config:
    """Read the configuration of a record. The files that it names need not exist.

    Raises:
        UnreadableRun: The record's configuration is not valid in this version of rpt.
    """
    try:
        return Config.model_validate(values_of_record(record.config, record.chosen))
    except (ValidationError, KeyError, TypeError) as error:
        advice = "Another version of rpt trained the run: use that version."
        raise UnreadableRun(f"its configuration cannot be read. {advice}") from error


def flat(config: Config) -> dict[str, Leaf]:
    """Return the configuration by dotted key: every key that can change a score, without the keys in `FREE`."""
    leaves = flatten(setting(config, "", "")) | {"backbone.dropout": config.backbone.dropout}
    return {key: value for key, value in leaves.items() if key not in FREE}


def published(config: Config, override: str | None) -> Config:
    """Compose the setting of a row of the paper's numbers: the run's experiment and task, with the row's override.

    A record is untrusted data. Its experiment and task must therefore be names of options of this installation, and
    the override must belong to a row of the experiment.

    Args:
        config: Configuration of the run, which names experiment and task.
        override: Override of the row; None for the experiment's own setting.

    Raises:
        UnreadableRun: The experiment does not exist or is not a valid configuration, or it has no such row.
    """
    names = {group: str(config.chosen.get(group)) for group in ("experiment", "task")}
    for group, name in names.items():
        if not OPTION.fullmatch(name):
            raise UnreadableRun(f"{group} = {name!r}: is not the name of an option. {FOREIGN}")
    overrides = [f"{group}={name}" for group, name in names.items()]
    if override is None:
        return _composed(*overrides)
    if override not in {row.at for row in expected_of(names["experiment"])}:
        raise UnreadableRun(f"experiment {names['experiment']} has no row with {override!r}. {FOREIGN}")
    return _composed(*overrides, override)


@cache
def _composed(*overrides: str) -> Config:
    try:
        return Config.model_validate(compose(list(overrides)))
    except ValidationError as error:
        raise UnreadableRun(f"the setting of {' '.join(overrides)} is not valid: {error}") from error
    except USER_ERRORS as error:
        raise UnreadableRun(f"the setting of {' '.join(overrides)} cannot be composed: {explain(error)}") from error


def differences(config: Config, override: str | None) -> list[str]:
    """Describe the differences between the setting of a run and the setting of a row of the paper's numbers.

    Args:
        config: Configuration of the run.
        override: Override of the row; None for the experiment's own setting.

    Returns:
        A phrase for each difference, such as `lr is 0.1, not 0.3`; empty if the settings are equal. The value `auto`
        of the row agrees with every value. After `MOST_LISTED` phrases, a last phrase counts the further differences.

    Raises:
        UnreadableRun: The setting of the row cannot be composed.
    """
    row = published(config, override)
    run_values, row_values = flat(config), flat(row)
    phrases = []
    for group in COMPONENTS:
        if config.chosen.get(group) != row.chosen.get(group):
            phrases.append(f"{group} is {config.chosen.get(group)}, not {row.chosen.get(group)}")
            run_values, row_values = _without(run_values, group), _without(row_values, group)
    for key in {**row_values, **run_values}:
        run_value, row_value = run_values.get(key), row_values.get(key)
        if run_value != row_value and row_value != "auto":
            phrases.append(f"{key} is {_text(run_value)}, not {_text(row_value)}")
    more = len(phrases) - MOST_LISTED
    return [*phrases[:MOST_LISTED], f"{more} more values differ"] if more > 0 else phrases


def _without(leaves: dict[str, Leaf], group: str) -> dict[str, Leaf]:
    return {key: value for key, value in leaves.items() if not key.startswith(f"{group}.")}


def _text(value: object) -> str:
    return "null" if value is None else str(value)
