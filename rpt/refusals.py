"""Say in plain words why Hydra or omegaconf could not compose a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from rpt.config import config_dir
from rpt.problems import near_miss


def explain(error: BaseException) -> str:
    """One message for a refused configuration: the key, what is allowed, what to do."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options is not None:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        return f"{group} = {option}: no such option. {near_miss(option, error.options, 'Options')}"
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause) or str(error)
    if isinstance(error, ConfigCompositionException):
        return _unknown_group(str(error)) or str(error)
    return str(error)


def _unknown_key(cause: OmegaConfBaseException) -> str | None:
    if cause.full_key is None or cause.parent_node is None:
        return None
    parent: Any = cause.parent_node
    place, _, name = str(cause.full_key).rpartition(".")
    keys = [str(key) for key in parent if key != "hydra"] if hasattr(parent, "keys") else []
    inside = f" {place} has" if place else " The keys are"
    return f"{cause.full_key}: no such key. {near_miss(name, keys, inside.strip())}"


def _unknown_group(message: str) -> str | None:
    """Hydra's text for `encoderr=plain` names the override; look for the group that was meant."""
    marker = "Could not override '"
    if marker not in message:
        return None
    name = message.split(marker, 1)[1].split("'", 1)[0]
    groups = [folder.name for folder in Path(config_dir()).iterdir() if folder.is_dir()]
    return f"{name}: no such group or key. {near_miss(name, groups, 'Groups')}"
