"""What a sweep does before its first point trains: check every point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rpt.check import check
from rpt.config import plain
from rpt.errors import RptError
from rpt.refusals import explain


class CheckPoints(Callback):
    """Check every point of a multirun at its start, before anything is written or trained.

    Each refused point is said at once with its problems and later fails as that point alone, while the others
    train. Where no point can be accepted, the sweep ends here with exit code 2. Sweepers that invent their points
    as they go (optuna) have them checked one by one instead, when each is launched.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hydra's hook; see the class."""
        if not str(config.hydra.sweeper["_target_"]).endswith("BasicSweeper"):
            return
        points = list(expand(config))
        refusals = {tuple(point): message for point in points if (message := refusal(config, point))}
        for point, message in refusals.items():
            sys.stderr.write(f"refused: {' '.join(point)}\n  " + message.replace("\n", "\n  ") + "\n")
        if len(refusals) == len(points):
            # Hydra turns exceptions of a callback into warnings; an exit is not one.
            sys.exit(2)


def expand(config: DictConfig) -> Iterator[list[str]]:
    """Every point of a grid sweep, as the overrides that compose it."""
    given = [str(text) for text in config.hydra.overrides.task]
    params = OmegaConf.to_container(config.hydra.sweeper.params or OmegaConf.create()) or {}
    assert isinstance(params, dict)
    texts = [f"{key}={value}" for key, value in params.items()] + given
    axes = []
    for override in OverridesParser.create().parse_overrides(texts):
        key = override.get_key_element()
        if override.is_sweep_override():
            axes.append([f"{key}={value!s}" for value in override.sweep_string_iterator()])
        else:
            axes.append([override.input_line or key])
    for point in product(*axes):
        yield list(point)


def refusal(config: DictConfig, point: list[str]) -> str | None:
    """Why a point cannot be trained, or None where it can."""
    from hydra import compose

    try:
        composed = compose(config.hydra.job.config_name, point, return_hydra_config=True)
        check(plain(composed, composed.hydra.runtime.choices))
    except (RptError, HydraException, OmegaConfBaseException) as error:
        return explain(error)
    return None
