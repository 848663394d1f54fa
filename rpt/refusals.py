"""Say in plain words why Hydra or omegaconf could not compose a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from rpt.errors import RptError
from rpt.near_miss import near_miss
from rpt.places import config_dir, sweeps_dir

USER_ERRORS = (RptError, HydraException, OmegaConfBaseException)
"""What the user can mend: told without a traceback."""


def explain(error: BaseException) -> str:
    """One message for a refused configuration: the key, what is allowed, what to do."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(str(error.missing_cfg_file), error.options or [])
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, ConfigCompositionException) and isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause) or str(error)
    if isinstance(error, ConfigCompositionException):
        return _unknown_group(str(error)) or _set_twice(str(error)) or str(error)
    if isinstance(error, OmegaConfBaseException):
        return _unresolved(error)
    return str(error)


def groups() -> list[str]:
    """The names of the config groups."""
    return [folder.name for folder in config_dir().iterdir() if folder.is_dir()]


def unnamed_option(overrides: list[str]) -> str | None:
    """The message for `encoder=null` or `=3`, for which Hydra itself raises an error that names nothing."""
    known = groups()
    for override in overrides:
        key, equals, _ = override.partition("=")
        if equals and not key:
            return _unreadable(override)
        if equals and key in known and not _names_options(override):
            return f"{override}: a group takes the name of an option. {near_miss('', _options(key), 'Options')}"
    return None


@cache  # the points of a sweep say the same again and again
def _names_options(override: str) -> bool:
    try:
        parsed = OverridesParser.create().parse_override(override)
    except OverrideParseException:
        return True  # Hydra says what is wrong with it
    value = parsed.value()
    is_list_of_names = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return parsed.is_sweep_override() or isinstance(value, str) or is_list_of_names


def _options(group: str) -> list[str]:
    return _names(config_dir() / group)


def _names(folder: Path) -> list[str]:
    return [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml")]


def _unknown_option(missing: str, known: Sequence[str]) -> str:
    group, _, option = missing.removesuffix(".yaml").partition("/")
    if group not in groups():
        studies = [name for name in _names(sweeps_dir()) if not name.startswith("wandb/")]
        named = f"{group}/{option}" if option else group
        return f"--config-name {named}: no such file. {near_miss(named, ['config', *studies], 'There are')}"
    known = _options(group) if "/" in option else known or _options(group)
    return f"{group} = {option}: no such option. {near_miss(option, known, 'Options')}"


def _unreadable(override: str) -> str:
    key, _, value = override.partition("=")
    if not key or "=" not in override:
        return f"{override}: is not KEY=VALUE. See --help for the groups, --cfg job for every key."
    return f"{override}: cannot be read. Quote a value with special characters: '{key}=\"{value}\"'."


def _unknown_key(cause: OmegaConfBaseException) -> str | None:
    if cause.full_key is None or cause.parent_node is None:
        return None
    parent: Any = cause.parent_node
    place, _, name = str(cause.full_key).rpartition(".")
    keys = [str(key) for key in parent if key != "hydra"] if hasattr(parent, "keys") else []
    options = [key for key in keys if not key.startswith("_")]
    return f"{cause.full_key}: no such key. {near_miss(name, options, f'{place} has' if place else 'The keys are')}"


def _unknown_group(message: str) -> str | None:
    """Hydra's text for `encoderr=plain` names the override; look for the group that was meant."""
    marker = "Could not override '"
    if marker not in message:
        return None
    name = message.split(marker, 1)[1].split("'", 1)[0]
    return f"{name}: no such group or key. {near_miss(name, groups(), 'Groups')}"


def _set_twice(message: str) -> str | None:
    """Hydra's text for `+experiment=NAME`, whose advice is for files."""
    marker = "Multiple values for "
    if not message.startswith(marker):
        return None
    group = message.removeprefix(marker).split(".", 1)[0]
    return f"{group}: has a value already. Write {group}=OPTION, once and without +."


def _unresolved(error: OmegaConfBaseException) -> str:
    """An interpolation `${...}` that leads nowhere."""
    reason = str(error.msg or error).splitlines()[0].rstrip(".")
    advice = "Name a key by its whole dotted path, such as ${seed}, in single quotes."
    return f"{error.full_key}: {reason}. {advice}" if error.full_key else reason
