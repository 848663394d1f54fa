"""Compose configurations for tests. Configurations and options that repeat are composed once in a test session."""

import copy
import os
import re
from functools import cache
from typing import Any

from rpt.config import compose as composition
from rpt.config.check import check
from rpt.config.option_files import groups
from rpt.config.paths import config_dir
from rpt.config.schema import Config
from tests.support.composer import Composer

OUTPUT_DIR = re.compile(r"output_dir=(/[\w./-]+)")
"""Override of the output folder by a plain absolute path, such as the temporary folder of a test."""

_composed: dict[tuple[str, ...], dict[str, Any]] = {}


def compose(overrides: list[str]) -> dict[str, Any]:
    """Compose a configuration as `rpt.config.compose.compose` does.

    No key is derived from `output_dir`, which differs from test to test and is set afterwards. Overrides with `hydra.`
    are composed by Hydra each time, because a test may change its own option files.
    """
    if any("hydra." in text for text in overrides):
        return composition.compose(overrides)
    folders = [match[1] for text in overrides if (match := OUTPUT_DIR.fullmatch(text))]
    others = [text for text in overrides if not OUTPUT_DIR.fullmatch(text)]
    place = str(config_dir()), os.environ.get("HOME", "")
    key = (*place, *others)
    if key not in _composed:
        _composed[key] = _composer(*place)(others)
    values = copy.deepcopy(_composed[key])
    return {**values, "output_dir": folders[-1]} if folders else values


def checked(overrides: list[str]) -> Config:
    """Compose and check a configuration as `rpt.compose` does."""
    return check(compose(overrides))


@cache
def _composer(folder: str, home: str) -> Composer:
    """Return the composer for a folder of options and the user's home folder, on which paths depend."""
    return Composer(composition._composed, groups([config_dir()]))
