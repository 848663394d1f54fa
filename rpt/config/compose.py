"""Compose a configuration from `conf/` and overrides into plain values, before any check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rpt.config.command_line import unusable
from rpt.config.paths import SEARCH_PATH, config_dir, expand_home, expand_override, search_path
from rpt.config.user_folders import check_sources
from rpt.errors import CompositionError, ConfigError

EXPECTED = "expected"
"""Key in an experiment's option file under which the paper's numbers are stored. It is not a setting of a run."""


def compose(overrides: Sequence[str], config_dirs: Sequence[str] = ()) -> dict[str, Any]:
    """Compose a configuration as `python run.py OVERRIDES` does, and return it as a plain dictionary.

    Args:
        overrides: Overrides in Hydra's syntax.
        config_dirs: Folders of the user's option files, in addition to rpt's `conf/`.

    Raises:
        CompositionError: An override is malformed, or names an unknown key, group or option. The message is the
            message of the command line.
        ConfigError: A config folder does not exist or holds a file with the name of a shipped file, or the user has
            set the key `chosen`.
    """
    from rpt.config.hydra_errors import refusals_explained, unnamed_option

    given = [expand_override(text) for text in overrides]
    if config_dirs and (paths := [text for text in given if text.startswith(f"{SEARCH_PATH}=")]):
        advice = "does not go with config_dirs. Add the folders of config_dirs to this list."
        raise ConfigError.of(SEARCH_PATH, paths[0].partition("=")[2], advice)
    given += search_path(config_dirs)
    if message := unusable(given) or unnamed_option(given, given):
        raise CompositionError.of("overrides", given, message)
    with refusals_explained(given):
        composed = _composed(given)
        return checked_values(composed, composed.hydra.runtime)


def targets(group: str, option: str, config_dirs: Sequence[str] = ()) -> list[str]:
    """List the `_target_` of each component that an option of the group `callbacks` or `logger` defines.

    Args:
        group: Name of a group that takes a list of options.
        option: Name of an option of the group.
        config_dirs: Folders of the user's option files, in addition to rpt's `conf/`.

    Raises:
        CompositionError: The option file does not exist or cannot be read.
    """
    from omegaconf import OmegaConf

    from rpt.config.hydra_errors import refusals_explained

    given = [f"{group}=[{option}]", *search_path(config_dirs)]
    with refusals_explained(given):
        components = _composed(given)[group].values()
        return [str(part["_target_"]) for part in components if OmegaConf.is_dict(part) and "_target_" in part]


def checked_values(composed: Any, runtime: Any) -> dict[str, Any]:
    """Check the config folders of a composition, and return its values as a plain dictionary.

    Args:
        composed: Composed configuration, with or without its `hydra` part.
        runtime: Hydra's facts about the composition, `hydra.runtime`: the search path and the chosen options.

    Raises:
        ConfigError: A config folder does not exist or holds a file with the name of a shipped file, or the user has
            set the key `chosen`.
    """
    check_sources(runtime.config_sources)
    return plain(composed, runtime.choices)


def published_numbers(experiment: str) -> list[Any]:
    """Return the list `expected` in the option file of an experiment: the paper's numbers; empty without this key."""
    composed = _composed([f"experiment={experiment}"])
    return list(_resolved(composed, EXPECTED)) if EXPECTED in composed else []


def _composed(overrides: Sequence[str]) -> Any:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    from rpt.config.broken_files import odd_files_refused

    with odd_files_refused(), initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra_compose("config", [*overrides], return_hydra_config=True)


def plain(composed: Any, choices: Any) -> dict[str, Any]:
    """Turn a composed configuration into a plain resolved dictionary.

    Args:
        composed: Composed configuration, with or without its `hydra` part.
        choices: Chosen option of each group, from Hydra; kept as `chosen`.

    Returns:
        Values by key, with `~` in paths expanded. A required value that is not set is the text `???`.

    Raises:
        ConfigError: The user has set the key `chosen`.
    """
    # Convert key by key. A copy without the `hydra` part would take longer than all other work for a sweep's point.
    is_published = choices.get("experiment") is not None
    left_out = ("hydra", EXPECTED) if is_published else ("hydra",)
    values = {key: _resolved(composed, key) for key in composed if key not in left_out}
    if "chosen" in values:
        raise ConfigError.of("chosen", values["chosen"], "no such key. Options are chosen as GROUP=OPTION.")
    expand_home(values)
    chosen = {str(k): str(v) for k, v in choices.items() if not str(k).startswith("hydra")}
    return {**{str(key): value for key, value in values.items()}, "chosen": chosen}


def _resolved(composed: Any, key: Any) -> Any:
    """Resolve one top-level value to plain types; the text `???` for a required value that is not set."""
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(composed, key):
        return "???"
    value = composed[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
