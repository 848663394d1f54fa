"""Refuse a record that would make this program run unknown code, before anything is imported.

A record may choose components only by the names of options. An option file determines a component's code. It must be
in this installation's `conf/` or in a folder that the user names with `--config-dir`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rpt.config.compose import compose, targets
from rpt.config.option_files import options_of
from rpt.config.paths import config_dir, user_path
from rpt.errors import ConfigError, Problem

FOREIGN = "The record is damaged, or rpt did not write it."
"""End of messages about a record that holds a value which rpt does not write."""

FROM_OPTIONS = {
    "task": ("reader",),
    "data": ("hub_id",),
    "backbone": ("package", "hub_id"),
    "encoder": ("_target_",),
    "init": ("_target_",),
    "scorer": ("_target_",),
    "optim": ("_target_",),
}
"""Keys that name code, a package or a hub repository, by config group.

The value in a record must equal the value in the option file. A record may leave `package` and `hub_id` out.
"""

NAME_FOLDER = "--config-dir DIR, or config_dirs=[DIR] of rpt.load"
"""Option or argument that names a folder with the user's own option files, for messages."""

ADVICE = (
    "rpt does not import code that only a record names: write an option file with this value, and name its folder: "
    f"{NAME_FOLDER}."
)
"""End of messages about a component that differs from the option files."""

OPTION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
"""Pattern of an option's name, such as `residual` or, for an option in a subfolder, `paper/t5_base/plain`."""


def refuse_foreign_components(
    name: str, chosen: Mapping[str, Any], config: Mapping[str, Any], config_dirs: Sequence[str] = ()
) -> None:
    """Refuse a record whose components differ from the option files that it names.

    A record does not name the options of `callbacks`, because the group takes a list. The target of a callback must
    therefore be the target in any option file of the group.

    Args:
        name: Name of the run.
        chosen: Option of each configuration group, from the run's record.
        config: Configuration of the run, from its record.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.

    Raises:
        ConfigError: An option has no option file, a component in the record differs from its option file, or no option
            file has the target of a callback.
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
        trusted = compose([f"{group}={option}" for group, option in options.items()], config_dirs)
    except ConfigError as error:
        advice = f"If it is an option of your own, name the folder that holds it: {NAME_FOLDER}."
        raise ConfigError.of("RUN", name, f"{error} {advice}") from error
    problems = [*_problems(config, trusted, options), *_problems_of_callbacks(config.get("callbacks"), config_dirs)]
    if problems:
        raise ConfigError(problems)


def _problems(config: Mapping[str, Any], trusted: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Problem]:
    for group, keys in FROM_OPTIONS.items():
        for section in _parts(group, config.get(group)):
            if not isinstance(section, dict):
                yield Problem(group, section, f"must be a group of keys. {FOREIGN}")
                continue
            for key in keys:
                value, expected = section.get(key), trusted[group].get(key)
                is_absent = value is None and key in ("package", "hub_id")
                if value != expected and not is_absent:
                    shown = "null" if expected is None else expected
                    advice = f"is {shown} in the option file of {group}={options[group]}. {ADVICE}"
                    yield Problem(f"{group}.{key}", value, advice)


def _parts(group: str, section: Any) -> list[Any]:
    """Return the parts of a recorded section that may name code. The record of a user's scorer has `component`."""
    if group != "scorer" or not isinstance(section, dict) or section.get("component") is None:
        return [section]
    return [section["component"]] if section.get("_target_") is None else [section, section["component"]]


def _problems_of_callbacks(callbacks: Any, config_dirs: Sequence[str]) -> Iterator[Problem]:
    if not callbacks:
        return
    if not isinstance(callbacks, dict):
        yield Problem("callbacks", callbacks, f"must be a group of keys. {FOREIGN}")
        return
    folders = [config_dir(), *map(user_path, config_dirs)]
    names = [option for option in options_of("callbacks", folders) if OPTION.fullmatch(option)]
    trusted: set[str] = set()
    for option in names:
        with suppress(ConfigError):  # an option file that cannot be read makes no target trusted
            trusted.update(targets("callbacks", option, config_dirs))
    for name, section in callbacks.items():
        target = section.get("_target_") if isinstance(section, dict) else None
        if not isinstance(target, str) or target not in trusted:
            yield Problem(f"callbacks.{name}._target_", target, f"is in no option file of callbacks. {ADVICE}")
