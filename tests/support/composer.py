"""Compose many configurations that choose the same options, as tests do."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict

from rpt.config.compose import plain

SETTING = re.compile(r"\+{0,2}([\w.-]+)=(?!\{)(?!.*\bglob\().*", re.DOTALL)
"""Override whose key has no package, no `/` and no `~`, and whose value is neither a dictionary nor a pattern."""


class Composer:
    """Compose configurations from overrides, and let Hydra compose equal options once.

    Hydra merges the files of the chosen options, and then sets the values of the other overrides. The first part takes
    a tenth of a second and depends on the options alone. The second part takes a few milliseconds. Hydra composes the
    whole if an override is no `SETTING`, names the part `hydra`, or is refused.

    Args:
        compose: Function that composes a configuration by Hydra from overrides, with its `hydra` part.
        groups: Names of the configuration groups. An override of any other key sets a value.
    """

    def __init__(self, compose: Callable[[list[str]], DictConfig], groups: Collection[str]) -> None:
        self._compose = compose
        self._groups = frozenset(groups)
        self._bases: dict[tuple[str, ...], tuple[DictConfig, dict[str, Any]]] = {}

    def __call__(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Return the composed configuration as `rpt.config.compose.plain` does, and raise the errors of Hydra."""
        shared = self._shared(overrides)
        if shared is not None:
            return shared
        whole = self._compose([*overrides])
        return plain(whole, whole.hydra.runtime.choices)

    def _shared(self, overrides: Sequence[str]) -> dict[str, Any] | None:
        """Compose by the stored options; None if Hydra must compose the whole."""
        keys = [match and match[1] for match in map(SETTING.fullmatch, overrides)]
        if not all(keys) or any("hydra" in text for text in overrides):
            return None
        values = [text for text, key in zip(overrides, keys, strict=True) if key not in self._groups]
        options = tuple(text for text, key in zip(overrides, keys, strict=True) if key in self._groups)
        try:
            base, choices = self._base(options)
            composed = copy.deepcopy(base)
            ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(values), composed)
            return plain(composed, choices)
        except Exception:  # Hydra raises its own error
            return None

    def _base(self, options: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
        """Return the configuration of the options without its `hydra` part, and the option of each group."""
        if options not in self._bases:
            composed = self._compose([*options])
            choices = dict(composed.hydra.runtime.choices)
            with open_dict(composed):
                del composed["hydra"]
            self._bases[options] = composed, choices
        return self._bases[options]
