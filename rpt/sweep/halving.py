"""Assign the runs of a sweep to competitions of successive halving, and refuse a sweep that cannot be halved.

The runs of a competition can be in one pack, and agree in `report.method` and in the keys of
`hydra.launcher.halving.separate`, by default the encoder. `rpt.training.halving` ranks the points of a competition.
`rpt.sweep.plan` keeps the runs of a competition in one pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rpt.config.near_miss import near_miss
from rpt.config.schema import Config
from rpt.console import several
from rpt.errors import ConfigError
from rpt.sweep.pack_key import pack_key
from rpt.sweep.prepare import Prepared
from rpt.sweep.settings import HalvingSettings, Settings
from rpt.tracking.flat import Leaf, flatten
from rpt.tracking.identity import digest, setting
from rpt.training.halving import Competitor, most_rungs, num_left, rung_epochs

KEY = "hydra.launcher.halving"
"""Key of the options in the configuration, for messages."""


def with_competitors(runs: Sequence[Prepared], settings: Settings) -> list[Prepared]:
    """Assign each run that takes part in successive halving to a competition.

    A run without a prompt never competes. Runs of different encoders compete only if `separate` lacks `encoder`.

    Args:
        runs: Runs of the points that the sweeper launches together.
        settings: Options of the packed launcher.

    Returns:
        The runs in the same order. Without halving, they are unchanged.

    Raises:
        ConfigError: The runs cannot be halved with these options.
    """
    rungs = settings.halving.rungs
    if rungs is None:
        return list(runs)
    _refuse_unknown_keys(runs, settings.halving)
    competing = [run for run in runs if run.config.has_prompt]
    for run in competing:
        _refuse_unfit(run.config, rungs, settings.halving.keep)
    competitors = {run.identity_hash: _competitor(run.config, rungs, settings.halving) for run in competing}
    _refuse_sizes(runs, list(competitors.values()), settings)
    return [replace(run, point=replace(run.point, competitor=competitors.get(run.identity_hash))) for run in runs]


def _competitor(config: Config, rungs: int, halving: HalvingSettings) -> Competitor:
    apart = {key: _value(config, key) for key in halving.separate}
    competition = digest({"pack": pack_key(config), "method": config.report.method, "apart": apart})
    values = setting(config, "", "")
    del values["seed"], values["data"]["order_seed"]
    epochs = rung_epochs(config.trainer.epochs, rungs, halving.keep)
    return Competitor(competition, digest(values), epochs, halving.keep)


def _value(config: Config, key: str) -> Leaf:
    """Return a value of the configuration by its dotted key; for a config group, the chosen option's name."""
    return config.chosen[key] if key in config.chosen else _flat(config).get(key)


def _flat(config: Config) -> dict[str, Leaf]:
    return flatten(config.model_dump(by_alias=True, exclude={"chosen"}, mode="json"))


def _refuse_unknown_keys(runs: Sequence[Prepared], halving: HalvingSettings) -> None:
    known = {key for run in runs for key in (*run.config.chosen, *_flat(run.config))}
    for key in halving.separate:
        if runs and key not in known:
            close = near_miss(key, known, "Keys").partition("Keys:")[0]
            advice = f"no run has the key {key}. {close}Name keys of the configuration, such as [encoder,init]."
            raise ConfigError.of(f"{KEY}.separate", list(halving.separate), advice)


def _refuse_unfit(config: Config, rungs: int, keep: float) -> None:
    """Refuse a run that is trained alone, or that has too few epochs for the rungs."""
    if config.is_alone:
        advice = "keep a run out of every pack, and halving ranks the runs of a pack. Set callbacks=none, or "
        raise ConfigError.of("callbacks", ", ".join(config.callbacks), f"{advice}leave {KEY} out.")
    most = most_rungs(config.trainer.epochs, keep)
    if rungs > most:
        room = f"has room for {several(most, 'rung')}" if most else "has no room for a rung"
        epochs = f"trainer.epochs={config.trainer.epochs} {room} at different epochs, with keep={keep:g}"
        advice = f"Set {KEY}.rungs={most}, or train longer." if most else "Train longer, or lower keep."
        raise ConfigError.of(f"{KEY}.rungs", rungs, f"{epochs}. {advice}")


def _refuse_sizes(runs: Sequence[Prepared], competitors: Sequence[Competitor], settings: Settings) -> None:
    """Refuse a competition that does not fit a pack, and a sweep in which no rung would stop a point."""
    for competition in dict.fromkeys(competitor.competition for competitor in competitors):
        size = sum(competitor.competition == competition for competitor in competitors)
        if size > settings.pack_size:
            advice = (
                f"{several(size, 'run')} compete, and they must be in one pack. Set hydra.launcher.pack_size={size}."
            )
            raise ConfigError.of("hydra.launcher.pack_size", settings.pack_size, advice)
    is_first_batch = any(run.point.number == 0 for run in runs)  # a later batch of a search may be small
    if is_first_batch and not any(_stops(competitors, each) for each in competitors):
        advice = (
            "no rung would stop a point: no encoder has enough points that differ in more than their seed. Sweep more "
            "values, such as lr=0.01,0.1,1, or leave the option out. A search gives the launcher n_jobs points at a "
            "time: raise hydra.sweeper.n_jobs."
        )
        raise ConfigError.of(f"{KEY}.rungs", settings.halving.rungs, advice)


def _stops(competitors: Sequence[Competitor], competitor: Competitor) -> bool:
    """Whether the rungs of a competition stop at least one of its points."""
    points = {each.point for each in competitors if each.competition == competitor.competition}
    return num_left(len(points), competitor.keep, len(competitor.rungs)) < len(points)
