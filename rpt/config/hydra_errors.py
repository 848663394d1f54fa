"""Explain in plain words why Hydra or omegaconf could not compose a configuration."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from rpt.config.broken_files import BROKEN_FILE, explain_file
from rpt.config.command_line import prints_configuration, study_name
from rpt.config.near_miss import near_miss
from rpt.config.option_files import groups, option_folders, options_of, yaml_names
from rpt.config.paths import MOST_BYTES, config_dir, is_too_long, shortened, sweeps_dir
from rpt.config.user_folders import folders_of
from rpt.errors import CompositionError, ConfigError, RptError

PLUGINS = {
    "hydra/sweeper/optuna": "pip install 'optuna>=5' colorlog && pip install --no-deps hydra-optuna-sweeper==1.3.0",
    "hydra/sweeper/list": "pip install hydra-list-sweeper",
    "hydra/launcher/joblib": "pip install hydra-joblib-launcher",
}
"""Command that installs the package of a Hydra option, by option."""

SAMPLED = "hydra/sweeper=optuna"
"""Override that chooses Optuna's sweeper, which needs a sampler."""

USER_ERRORS = (RptError, HydraException, OmegaConfBaseException, *BROKEN_FILE)
"""Types of errors that the user can mend. They are printed without a traceback."""


@contextmanager
def refusals_explained(arguments: Sequence[str] | None = None) -> Iterator[None]:
    """Turn an error of Hydra, omegaconf or PyYAML in the block into an error with the message of `explain`.

    Args:
        arguments: Overrides that the block composes; None for the command line of this process.

    Raises:
        CompositionError: The block has raised such an error. A `ConfigError` is raised unchanged.
    """
    try:
        yield
    except ConfigError:
        raise
    except USER_ERRORS as error:
        raise CompositionError.of("overrides", arguments, explain(error, arguments)) from error


def explain(error: BaseException, arguments: Sequence[str] | None = None) -> str:
    """Explain a refused configuration: the key, the allowed values and what to do.

    Args:
        error: Error that refuses the configuration.
        arguments: Overrides of the configuration, for a caller of `rpt.compose`; None for the command line of this
            process.
    """
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing(str(error.missing_cfg_file), str(error), error.options or [], option_folders(arguments))
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, ConfigCompositionException) and isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause) or str(error)
    if isinstance(error, ConfigCompositionException):
        message = str(error) or _root_cause(error)
        explained = _unknown_group(message, arguments) or _set_twice(message) or _needs_multirun(message, arguments)
        return explained or message
    if isinstance(error, OmegaConfBaseException):
        return _unresolved(error)
    if isinstance(error, BROKEN_FILE):
        return explain_file(error)
    return str(error)


def unnamed_option(overrides: Sequence[str], arguments: Sequence[str] | None = None) -> str | None:
    """Return the message for the first override such as `encoder=null` or `=3`; None if there is no such override.

    A value of a config group must be the name of an option. Hydra's own error does not name the group.

    Args:
        overrides: Overrides of a configuration.
        arguments: Arguments that name the user's config folders; None for the command line of this process.
    """
    folders = option_folders(arguments)
    group_names = groups(folders)
    for override in overrides:
        key, equals, _ = override.partition("=")
        if equals and not key:
            return _unreadable(override)
        if message := _long_option(override, group_names):
            return message
        group = _group(key)
        if equals and (group in group_names or group.startswith("hydra/")) and not _names_options(override):
            is_known = group in group_names
            options = options_of(group, folders) if is_known else []
            advice = near_miss("", options, "Options") if is_known else "See --help for the options."
            return f"{override}: a group takes the name of an option. {advice}"
    return None


def _long_option(override: str, group_names: Sequence[str]) -> str | None:
    """Return the message for an option whose name is too long for a file name; None for another override.

    Args:
        override: Override of any key.
        group_names: Names of the config groups.
    """
    key, _, value = override.partition("=")
    group = _group(key)
    if group not in group_names and not group.startswith("hydra/"):
        return None
    names = [name for name in re.split(r"[,\[\]]", value) if is_too_long(f"{name}.yaml")]
    advice = f"no such option. The name of its file has at most {MOST_BYTES} bytes. See --help for the options."
    return f"{group} = {shortened(names[0])}: {advice}" if names else None


def _group(key: str) -> str:
    """Return a key without the signs that add, remove or move a group, such as `task` for `+task@place`."""
    return key.lstrip("+~/").partition("@")[0]


@cache  # the points of a sweep repeat the same overrides
def _names_options(override: str) -> bool:
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        return True  # Hydra reports the error
    value = parsed.value()
    is_list_of_names = (
        isinstance(value, list) and not override.startswith("~") and all(isinstance(item, str) for item in value)
    )
    return parsed.is_sweep_override() or isinstance(value, str) or is_list_of_names


def _missing(missing: str, message: str, options: Sequence[str], known_folders: Sequence[Path]) -> str:
    """Explain that Hydra has not found a configuration file.

    Args:
        missing: Name of the missing file, with its group.
        message: Hydra's message, which lists the config folders and names the file that refers to the missing file.
        options: Options directly in the group, as Hydra lists them.
        known_folders: Config folders of rpt and of the user, for a message that lists none.
    """
    folders = _searched(message) or known_folders
    *parents, option = missing.removesuffix(".yaml").split("/")
    if "Cannot find primary config" in message or not parents:
        name = "/".join([*parents, option])
        referring = re.match(r"In '(.+?)': Could not load", message)
        source = f"{referring[1]}.yaml: its defaults name {name}" if referring else f"--config-name {name}"
        return f"{source}: no such file. {near_miss(name, _studies(folders, groups(known_folders)), 'There are')}"
    if parents[0] == "hydra":  # options of Hydra's plugins are not files in rpt's folders
        group = "/".join(parents)
        install = PLUGINS.get(missing.removesuffix(".yaml"))
        advice = f"Run: {install}" if install else near_miss(option, options, "Options")
        return f"{group} = {option}: no such option. {advice}"
    group, option = parents[0], "/".join([*parents[1:], option])
    return f"{group} = {option}: no such option. {near_miss(option, options_of(group, folders), 'Options')}"


def _searched(message: str) -> list[Path]:
    """List the config folders in Hydra's message, without Hydra's own folder."""
    folders = []
    for path in re.findall(r"provider=(?!hydra,).+?, path=(.+)$", message, re.MULTILINE):
        scheme, _, location = path.rpartition("://")
        folders += folders_of(scheme, location) if location else []
    return folders


def _studies(folders: Sequence[Path], group_names: Sequence[str]) -> list[str]:
    """List the studies that `-cn` may name: YAML files of rpt and of the user that are in no config group."""
    left_out = ("frame", "wandb")  # frame: settings of Hydra; wandb: sweeps in W&B's format
    names = {name for folder in [config_dir(), sweeps_dir(), *folders] for name in yaml_names(folder)}
    nested = {name for name in names if "/" in name and name.partition("/")[0] in group_names}
    return sorted(name for name in names - nested if name.partition("/")[0] not in left_out)


def _unreadable(override: str) -> str:
    key, _, value = override.partition("=")
    if not key or "=" not in override:
        return f"{override}: is not KEY=VALUE. See --help for the groups, --cfg job for every key."
    return f"{override}: cannot be read. Quote a value with special characters: '{key}=\"{value}\"'."


def _unknown_key(cause: OmegaConfBaseException) -> str | None:
    if cause.full_key is None or cause.parent_node is None:
        return None
    parent: Any = cause.parent_node
    section, _, name = str(cause.full_key).rpartition(".")
    keys = [str(key) for key in parent if key != "hydra"] if hasattr(parent, "keys") else []
    options = [key for key in keys if not key.startswith("_")]
    return f"{cause.full_key}: no such key. {near_miss(name, options, f'{section} has' if section else 'The keys are')}"


def _unknown_group(message: str, arguments: Sequence[str] | None) -> str | None:
    """Explain Hydra's message for an unknown group such as `encoderr=plain`; None for another message."""
    marker = "Could not override '"
    if marker not in message:
        return None
    name = message.split(marker, 1)[1].split("'", 1)[0]
    if name.startswith("hydra/"):
        return f"{name}: no such group for the chosen options of Hydra. hydra/sweeper/sampler needs {SAMPLED}."
    return f"{name}: no such group or key. {near_miss(name, groups(option_folders(arguments)), 'Groups')}"


def _needs_multirun(message: str, arguments: Sequence[str] | None) -> str | None:
    """Explain Hydra's message for `lr=1,2` without `-m`; None for another message."""
    match = re.search(r"Ambiguous value for argument '(.+)'", message) or re.match(r"Sweep parameters '(.+)'", message)
    if match is None:
        return None
    quoted = " Quote a text that has a comma: 'group=\"a,b\"'." if "Ambiguous" in message else ""
    if arguments is not None:
        return f"{match[1]}: several values. A configuration belongs to a single run: give one value.{quoted}"
    if hidden := _error_of_study():
        return explain(hidden)
    if prints_configuration(sys.argv[1:]):
        return f"{match[1]}: several values. A printed configuration belongs to a single run: give one value."
    return f"{match[1]}: several values. Add -m for a sweep.{quoted}"


def _error_of_study() -> Exception | None:
    """Return the error of a study that cannot be composed; None if there is no such error.

    The key `hydra.mode` in a study's file makes the command a sweep. If the study cannot be composed, Hydra drops the
    error, treats the command as a single run, and refuses lists of values. The dropped error is the real reason.
    """
    name = study_name(sys.argv[1:])
    if name is None:
        return None
    overrides = [text for text in sys.argv[1:] if not text.startswith("-") and "=" in text]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        try:
            loader.load_configuration(name, overrides, RunMode.MULTIRUN, validate_sweep_overrides=False)
        except MissingConfigException:
            return None  # a study in the folder of `--config-dir`, which this composition does not search
        except USER_ERRORS as error:
            return error
    return None


def _set_twice(message: str) -> str | None:
    """Explain Hydra's message for a group that is set twice, as by `+experiment=NAME`; None for another message.

    Hydra's own advice is about files.
    """
    marker = "Multiple values for "
    if not message.startswith(marker):
        return None
    group = message.removeprefix(marker).split(".", 1)[0]
    return f"{group}: has a value already. Write {group}=OPTION, once and without +."


def _root_cause(error: BaseException) -> str:
    """Return the first line of the first error with a message in the chain of causes."""
    while (cause := error.__cause__ or error.__context__) is not None and not str(error).strip():
        error = cause
    return f"a value of the configuration cannot be read: {(str(error).splitlines() or ['no reason is given'])[0]}."


def _unresolved(error: OmegaConfBaseException) -> str:
    """Explain an interpolation `${...}` that cannot be resolved."""
    reason = str(error.msg or error).splitlines()[0].rstrip(".")
    advice = "Name a key by its whole dotted path, such as ${seed}, in single quotes."
    return f"{error.full_key}: {reason}. {advice}" if error.full_key else reason
