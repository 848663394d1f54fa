"""Refuse a record that would make this program run unknown code, before anything is imported.

A record may choose components only by the names of options. An option file determines a component's code. It must be
in this installation's `conf/` or in a folder that the user names with `--config-dir`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rpt.config.compose import compose
from rpt.config.hydra_errors import USER_ERRORS, explain
from rpt.config.paths import search_path
from rpt.errors import ConfigError, Problem

FOREIGN = "The record is damaged, or rpt did not write it."
"""End of messages about a record that holds a value which rpt does not write."""

FROM_OPTIONS = {
    "task": ("reader",),
    "data": ("hub_id",),
    "backbone": ("package", "hub_id"),
    "encoder": ("_target_",),
    "init": ("_target_",),
    "optim": ("_target_",),
}
"""Keys that name code, a package or a hub repository, by config group.

The value in a record must equal the value in the option file. A record may leave `package` and `hub_id` out.
"""

NAME_FOLDER = "--config-dir DIR, or config_dirs=[DIR] of rpt.load"
"""Option or argument that names a folder with the user's own option files, for messages."""

OPTION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
"""Pattern of an option's name, such as `residual` or, for an option in a subfolder, `paper/t5_base/plain`."""


def refuse_foreign_components(
    name: str, chosen: Mapping[str, Any], config: Mapping[str, Any], config_dirs: Sequence[str] = ()
) -> None:
    """Refuse a record whose components differ from the option files that it names.

    Args:
        name: Name of the run.
        chosen: Option of each configuration group, from the run's record.
        config: Configuration of the run, from its record.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.

    Raises:
        ConfigError: An option has no option file, a component in the record differs from its option file, or the record
            names callbacks or a scorer of the user.
    """
    options = {group: chosen.get(group) for group in FROM_OPTIONS}
    odd = [
        Problem(f"chosen.{group}", option, f"is not the name of an option. {FOREIGN}")
        for group, option in options.items()
        if not isinstance(option, str) or not OPTION.fullmatch(option)
    ]
    if odd:
        raise ConfigError(odd)
    try:
        overrides = [f"{group}={option}" for group, option in options.items()]
        trusted = compose([*overrides, *search_path(config_dirs)])
    except USER_ERRORS as error:
        advice = f"If it is an option of your own, name the folder that holds it: {NAME_FOLDER}."
        raise ConfigError.of("replay", name, f"{explain(error)} {advice}") from error
    if problems := list(_problems(config, trusted, options)):
        raise ConfigError(problems)


def _problems(config: Mapping[str, Any], trusted: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Problem]:
    scorer = config.get("scorer")
    has_own_scorer = isinstance(scorer, dict) and ("_target_" in scorer or scorer.get("component"))
    if config.get("callbacks") or has_own_scorer:
        advice = "rpt runs no code of a record, and this record names callbacks or a scorer. Run its command again."
        yield Problem("callbacks, scorer", "_target_", advice)
    for group, keys in FROM_OPTIONS.items():
        section = config.get(group)
        if not isinstance(section, dict):
            yield Problem(group, section, f"must be a group of keys. {FOREIGN}")
            continue
        for key in keys:
            value, expected = section.get(key), trusted[group].get(key)
            is_absent = value is None and key in ("package", "hub_id")
            if value != expected and not is_absent:
                advice = (
                    f"is {'null' if expected is None else expected} in the option file of {group}={options[group]}. "
                    "rpt does not import code that only a record names: write an option file with this value, and name "
                    f"its folder: {NAME_FOLDER}."
                )
                yield Problem(f"{group}.{key}", value, advice)
