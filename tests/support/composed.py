"""Compose configurations for tests. Options of groups that repeat are composed once in a test session."""

import copy
import os
import re
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict

from rpt.config import compose as composition
from rpt.config.check import check
from rpt.config.compose import plain
from rpt.config.paths import config_dir
from rpt.config.schema import Config

OUTPUT_DIR = re.compile(r"output_dir=(/[\w./-]+)")
"""Override of the output folder by a plain absolute path, such as the temporary folder of a test."""

VALUE = re.compile(r"\+{0,2}(\w+)((?:\.[\w-]+)*)=.*", re.DOTALL)
"""Override of a value, or of a group's option if there is a folder of its name in `conf/`."""

_bases: dict[tuple[str, ...], tuple[DictConfig, dict[str, str]]] = {}
"""Configuration without its `hydra` part, and option of each group, by the overrides that choose options."""

_composed: dict[tuple[str, ...], dict[str, Any]] = {}


def compose(overrides: list[str]) -> dict[str, Any]:
    """Compose a configuration as `rpt.config.compose.compose` does.

    Hydra takes a tenth of a second, and many tests choose the same options. No key is derived from `output_dir`, which
    differs from test to test and is set afterwards. Overrides with `hydra.` are composed by Hydra each time, because a
    test may change its own option files.
    """
    if any("hydra." in text for text in overrides):
        return composition.compose(overrides)
    folders = [match[1] for text in overrides if (match := OUTPUT_DIR.fullmatch(text))]
    others = [text for text in overrides if not OUTPUT_DIR.fullmatch(text)]
    key = (*_place(), *others)
    if key not in _composed:
        _composed[key] = _values(others)
    values = copy.deepcopy(_composed[key])
    return {**values, "output_dir": folders[-1]} if folders else values


def _place() -> tuple[str, str]:
    """Return what a composition depends on besides the overrides."""
    return str(config_dir()), os.environ.get("HOME", "")


def _values(overrides: list[str]) -> dict[str, Any]:
    """Compose the options by Hydra, once for equal options, and then apply the other overrides as Hydra does."""
    set_values = [text for text in overrides if _sets_a_value(text)]
    options = [text for text in overrides if not _sets_a_value(text)]
    try:
        base, choices = _base(options)
        composed = copy.deepcopy(base)
        ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(set_values), composed)
        return plain(composed, choices)
    except Exception:  # Hydra raises its own error
        return composition.compose(overrides)


def _sets_a_value(override: str) -> bool:
    match = VALUE.fullmatch(override)
    return match is not None and bool(match[2] or not (config_dir() / match[1]).is_dir())


def _base(options: list[str]) -> tuple[DictConfig, dict[str, str]]:
    key = (*_place(), *options)
    if key not in _bases:
        composed = composition._composed(options)
        choices = dict(composed.hydra.runtime.choices)
        with open_dict(composed):
            del composed["hydra"]
        _bases[key] = composed, choices
    return _bases[key]


def checked(overrides: list[str]) -> Config:
    """Compose and check a configuration as `rpt.compose` does."""
    return check(compose(overrides))
