"""Check every point of a sweep before the first point is trained."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override

from rpt.config.hydra_errors import USER_ERRORS, explain, refusals_explained, unnamed_option
from rpt.config.paths import SEARCH_PATH, user_path
from rpt.config.user_folders import check_sources
from rpt.console import say
from rpt.errors import CompositionError, ConfigError
from rpt.sweep.outcome import Accepted, current
from rpt.system.command import ExitCode
from rpt.system.writing import storage

CHECKED_SWEEPER = "hydra_plugins.rpt_packed.sweeper.CheckedSweeper"

MAXIMISING: dict[str, str | bool] = {
    "direction": "maximize",
    "ax_config.experiment.minimize": False,
    "optim.maximize": True,
}
"""Options that make Hydra's searching sweepers (Optuna, Ax, Nevergrad) maximise the objective."""

MANY_POINTS = 50
"""Number of points above which a message announces the check. A check takes about 0.1 s for each point."""


class CheckPoints(Callback):
    """Hydra callback that checks every point of a multirun before anything is written or trained.

    Refused points are printed with their problems, and the other points are trained. If all points are refused, or a
    point cannot be composed (an unknown option or key), the sweep ends with exit code 2. A sweeper that searches
    (Optuna) does not know its points in advance. Each of its points is checked when it is launched.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the points of the sweep, or end the process; Hydra calls this before the sweep."""
        # Hydra turns exceptions of a callback into warnings, except SystemExit.
        outcome = current()
        outcome.given = given_overrides(config)
        try:
            check_sources(config.hydra.runtime.config_sources)
            check_direction(config)
            if is_grid(config):
                if not may_begin(config):
                    sys.exit(ExitCode.REFUSED)
                with flag_override(config, ["struct", "readonly"], [False, False]):
                    config.hydra.sweeper["_target_"] = CHECKED_SWEEPER
            with flag_override(config, ["struct", "readonly"], [False, False]):
                config.hydra.sweep.dir = str(user_path(config.hydra.sweep.dir))
            with storage(Path(config.hydra.sweep.dir)):  # created here, because the sweeper's error has no advice
                Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
            if not str(config.hydra.launcher["_target_"]).endswith("PackedLauncher"):
                outcome.unreported = config.hydra.sweep.dir
        except USER_ERRORS as error:
            sys.stderr.write(explain(error) + "\n")
            sys.exit(ExitCode.REFUSED)
        except Exception:
            traceback.print_exc()
            sys.exit(ExitCode.BUG)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the command that writes a report on the sweep, unless the packed launcher has printed it."""
        if (line := current().report_command()) is not None:
            say(line)


def check_direction(config: DictConfig) -> None:
    """Refuse a search that minimises the objective.

    Args:
        config: Composed configuration of the sweep, with its `hydra` part.

    Raises:
        ConfigError: The sweeper minimises, or expects several objectives.
    """
    for key, needed in MAXIMISING.items():
        value = OmegaConf.select(config.hydra.sweeper, key)
        items = value if isinstance(value, ListConfig) else [value]
        set_values = [str(getattr(item, "name", item)) for item in items]
        if value is not None and set_values != [str(needed)]:
            required = str(needed).lower() if isinstance(needed, bool) else needed
            advice = (
                f"must be {required}, because a search maximises a single number: the run's score on the rows that "
                f"select its checkpoint. Set hydra.sweeper.{key}={required}."
            )
            raise ConfigError.of(f"hydra.sweeper.{key}", ",".join(set_values), advice)


def is_grid(config: DictConfig) -> bool:
    """Whether the sweep uses Hydra's basic sweeper, whose points are known before training."""
    return str(config.hydra.sweeper["_target_"]).endswith("BasicSweeper")


def may_begin(config: DictConfig) -> bool:
    """Print the refused points of a grid sweep, and return whether the other points may be trained."""
    points = expand(config)
    if len(points) > MANY_POINTS:
        sys.stderr.write(f"checking {len(points):,} points before the first is trained\n")
        sys.stderr.flush()
    refusals = [(point, error) for point in points if isinstance(error := examine(config, point), Exception)]
    for message, refused in _by_message(refusals).items():
        heading = _heading(refused, len(points))
        sys.stderr.write(f"refused: {heading}\n{indented(message)}\n")
    are_all_composed = not any(isinstance(error, CompositionError) for _, error in refusals)
    if len(refusals) == len(points) or not are_all_composed:
        sys.stderr.write(f"refused: {len(refusals)} of {len(points)} points; nothing was trained or written\n")
        return False
    if refusals:
        sys.stderr.write(f"refused: {len(refusals)} of {len(points)} points; the others are trained\n")
    return True


def _by_message(refusals: Sequence[tuple[list[str], Exception]]) -> dict[str, list[list[str]]]:
    """Group refused points by their message, so that a wrong value of many points is explained once."""
    grouped: dict[str, list[list[str]]] = {}
    for point, error in refusals:
        grouped.setdefault(explain(error), []).append(point)
    return grouped


def _heading(refused: Sequence[list[str]], count: int) -> str:
    """Name the points that are refused for the same reason, by their common overrides if there are several points.

    Args:
        refused: Overrides of each refused point.
        count: Number of points in the sweep.
    """
    names = [current().name(point) for point in refused]
    if len(names) == 1:
        return names[0]
    if len(names) == count:
        return f"all {count} points"
    fixed = {text.lower() for text in current().given}
    first, *further = refused
    common = [text for text in first if text.lower() not in fixed and all(text in point for point in further)]
    return f"{len(names)} points with {' '.join(common)}" if common else f"{len(names)} points, such as {names[0]}"


def expand(config: DictConfig) -> list[list[str]]:
    """List the points of a grid sweep, as Hydra's own sweeper expands them. A point is a list of overrides."""
    params = OmegaConf.to_container(config.hydra.sweeper.params or OmegaConf.create(), resolve=True)
    assert isinstance(params, dict)
    texts = [*(f"{key!s}={value}" for key, value in params.items()), *given_overrides(config)]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    [points] = BasicSweeper.split_arguments(parser.parse_overrides(texts), None)
    return points


def given_overrides(config: DictConfig) -> list[str]:
    """Return the overrides of the command line, word for word."""
    overrides = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(overrides, list)
    return [str(text) for text in overrides]


def examine(config: DictConfig, point: Sequence[str]) -> Accepted | Exception:
    """Compose and check a point. Return the accepted point, or the error that refuses it.

    The result is cached for the whole sweep.
    """
    key, examined = tuple(point), current().examined
    if key not in examined:
        examined[key] = _examine(config, list(point))
    return examined[key]


def _examine(config: DictConfig, point: list[str]) -> Accepted | Exception:
    from hydra import compose

    from rpt.config.check import check  # imported late, because Hydra imports this module at every start, also for help
    from rpt.config.compose import plain

    if message := unnamed_option(point):
        return CompositionError.of("overrides", point, message)
    searched = [text for text in config.hydra.overrides.hydra if text.startswith(f"{SEARCH_PATH}=")]
    try:
        with refusals_explained():
            composed = compose(config.hydra.job.config_name, [*searched, *point], return_hydra_config=True)
            values = plain(composed, composed.hydra.runtime.choices)
        return Accepted(values, check(values))
    except USER_ERRORS as error:
        return error


def indented(message: str) -> str:
    """Indent the lines of a message by two spaces."""
    return "\n".join(f"  {line}" for line in message.splitlines())
