"""Compose configurations for tests. Overrides that repeat are composed once in a test session."""

import copy
import os
import re
from typing import Any

from rpt.config import compose as composition
from rpt.config.paths import config_dir

OUTPUT_DIR = re.compile(r"output_dir=(/[\w./-]+)")
"""Override of the output folder by a plain absolute path, such as the temporary folder of a test."""

_composed: dict[tuple[str, ...], dict[str, Any]] = {}


def compose(overrides: list[str]) -> dict[str, Any]:
    """Compose a configuration as `rpt.config.compose.compose` does.

    A composition takes a tenth of a second, and many tests compose the same overrides. No key is derived from
    `output_dir`, which differs from test to test and is set afterwards. Overrides with `hydra.searchpath` are composed
    each time, because a test may change its own option files.
    """
    if any("hydra.searchpath" in text for text in overrides):
        return composition.compose(overrides)
    folders = [match[1] for text in overrides if (match := OUTPUT_DIR.fullmatch(text))]
    others = [text for text in overrides if not OUTPUT_DIR.fullmatch(text)]
    key = (str(config_dir()), os.environ.get("HOME", ""), *others)
    if key not in _composed:
        _composed[key] = composition.compose(others)
    values = copy.deepcopy(_composed[key])
    return {**values, "output_dir": folders[-1]} if folders else values
