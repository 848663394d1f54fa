"""Rules about single options, combinations of options, and this machine."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rpt.config.paths import MOST_BYTES, MOST_BYTES_OF_A_PATH, config_dir, is_too_long, shortened
from rpt.config.problems import hinted
from rpt.config.rules.candidate import Candidate
from rpt.config.schema import Component, Config, NotValid
from rpt.config.wandb_login import login_problem
from rpt.errors import Problem
from rpt.prompt.files import ENCODER_FILE, prompt_file

PATHS = ("data.root", "task.folder", "output_dir", "backbone.path", "backbone.text_cache_dir", "init.path")
"""Keys whose values are paths or parts of a path."""

PACKAGES = {"CometLogger": "comet_ml", "LitLogger": "litlogger", "MLFlowLogger": "mlflow", "WandbLogger": "wandb"}
"""Package that each of Lightning's loggers needs, by the name of its class."""

MOST_OF_NAMES = 180
"""Largest number of characters that the names of task, backbone and encoder may have in a run folder's name. The other
parts of the folder's name have at most 70 characters."""


def one_option_a_group(candidate: Candidate) -> Iterator[Problem]:
    """Check that each group has a single option, because Hydra would silently merge several.

    The groups `logger` and `callbacks` take lists and are not checked.
    """
    config = candidate.config
    for group in _groups_of_one():
        if group in config.model_fields_set and group not in config.chosen:  # `chosen` lacks a group set to a list
            yield Problem(group, "[...]", f"takes one option. To compare several, sweep: -m {group}=A,B")


def _groups_of_one() -> list[str]:
    """List the config groups with a single option, which fill a section of the configuration."""
    sections = [name for name, field in Config.model_fields.items() if isinstance(field.annotation, type)]
    return [name for name in sections if (config_dir() / name).is_dir()]


def lstm_can_drop(candidate: Candidate) -> Iterator[Problem]:
    """Check that an LSTM encoder with dropout has several layers, because its dropout acts between layers."""
    options = candidate.config.encoder.options
    if options.get("num_layers") == 1 and (dropout := options.get("dropout")):
        advice = "has no effect with one layer. Set encoder.num_layers=2, or encoder.dropout=0.0."
        yield Problem("encoder.dropout", dropout, advice)


def bounds_are_ordered(candidate: Candidate) -> Iterator[Problem]:
    """Check that the lower bound of uniform initialisation is below the upper bound."""
    options = candidate.config.init.options
    low, high = options.get("low"), options.get("high")
    if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        yield Problem("init.low", low, f"must be below init.high, which is {high}. Lower it, or raise init.high.")


def text_says_something(candidate: Candidate) -> Iterator[Problem]:
    """Check that the text for an initialisation is not blank."""
    text = candidate.config.init.options.get("text")
    if isinstance(text, str) and not text.strip():
        yield Problem("init.text", text, hinted("init.text", "must hold at least one word."))


def devices_have_rows(candidate: Candidate) -> Iterator[Problem]:
    """Check that a step has at least one row for each device of the run."""
    devices, rows = candidate.config.trainer.devices, candidate.config.trainer.batch_size
    if devices != "auto" and devices > rows:
        advice = f"must be at most {rows}, because each device needs a row of the step. "
        advice += f"Set trainer.devices={rows} or less, or trainer.batch_size={devices} or more."
        yield Problem("trainer.devices", devices, advice)


def dropout_has_one_stream(candidate: Candidate) -> Iterator[Problem]:
    """Check that a run with dropout in the backbone uses one device.

    Several devices do not share a run's random stream.
    """
    devices = candidate.config.trainer.devices
    if devices != 1 and candidate.config.backbone.dropout:
        advice = f"does not go with trainer.devices={devices}. Set backbone.dropout=false, or trainer.devices=1."
        yield Problem("backbone.dropout", True, advice)


def callbacks_have_one_device(candidate: Candidate) -> Iterator[Problem]:
    """Check that a run with callbacks uses one device, because callbacks would act on the first device only."""
    devices, names = candidate.config.trainer.devices, candidate.config.callbacks
    if devices != 1 and names:
        advice = f"cannot act on all devices with trainer.devices={devices}. Set trainer.devices=1, or "
        yield Problem("callbacks", ", ".join(names), f"{advice}callbacks=none.")


def paths_are_whole(candidate: Candidate) -> Iterator[Problem]:
    """Check that no path begins with `~NAME` of an unknown user, which `rpt.config.compose.plain` cannot expand."""
    for key, path in _paths(candidate.config):
        if path.startswith("~") and key != "task.folder":
            yield Problem(
                key, path, f"this machine has no user {path.partition('/')[0][1:]}. Write the path without ~."
            )


def names_are_short(candidate: Candidate) -> Iterator[Problem]:
    """Check that no path is longer than the file system accepts."""
    for key, path in _paths(candidate.config):
        if is_too_long(path):
            advice = (
                f"is too long. A name of a file or folder may have {MOST_BYTES} bytes, and a whole path "
                f"{MOST_BYTES_OF_A_PATH}. Set {key} to a shorter path."
            )
            yield Problem(key, shortened(path), advice)


def folder_name_is_short(candidate: Candidate) -> Iterator[Problem]:
    """Check that the names in a run folder's name are short enough for the file system."""
    with suppress(NotValid):
        config = candidate.config
        names = {"task.name": config.task.name, "backbone.name": config.backbone.name}
        encoder = str(config.chosen.get("encoder", ""))
        if len(encoder) + sum(map(len, names.values())) > MOST_OF_NAMES:
            key = max(names, key=lambda name: len(names[name]))
            advice = (
                f"is too long. The name of the run's folder holds task.name, backbone.name and the encoder's name, "
                f"which may have {MOST_OF_NAMES} characters together. Set {key} to a shorter name."
            )
            yield Problem(key, shortened(names[key]), advice)


def _paths(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of each path that is set and valid."""
    for key in PATHS:
        group, _, name = key.rpartition(".")
        with suppress(NotValid):
            section: Any = getattr(config, group) if group else config
            path = section.options.get(name) if group == "init" else getattr(section, name)
            if isinstance(path, str):
                yield key, path


def files_exist(candidate: Candidate) -> Iterator[Problem]:
    """Check that the file of an initialisation exists, and that it is not of a run whose encoder cannot be folded."""
    path = candidate.config.init.options.get("path")
    if not isinstance(path, str) or is_too_long(path):
        return
    file = prompt_file(path)
    if file.name == ENCODER_FILE or (file / ENCODER_FILE).is_file():
        advice = "is a run whose encoder cannot be replaced by an exported prompt. Name a run with prompt.safetensors."
        yield Problem("init.path", path, advice)
    elif not file.is_file():
        yield Problem("init.path", path, hinted("init.path", "there is no such file."))


def folders_are_writable(candidate: Candidate) -> Iterator[Problem]:
    """Check that the folder of runs and the folder of the text cache can be written."""
    with suppress(NotValid):
        output = candidate.config.output_dir
        if (reason := _why_not_writable(output)) is not None:
            yield Problem("output_dir", output, f"{reason}. Set output_dir=DIR to a writable folder.")
    with suppress(NotValid):
        cache = candidate.config.backbone.text_cache_dir
        if cache is not None and (reason := _why_not_writable(cache)) is not None:
            yield Problem("backbone.text_cache_dir", cache, f"{reason}. Set it to a writable folder, or to null.")


def _why_not_writable(path: str) -> str | None:
    """Return the reason why the nearest existing folder of a path cannot be written; None if it can be written."""
    if is_too_long(path):
        return None  # `names_are_short` reports the path
    parents = [Path(path).absolute(), *Path(path).absolute().parents]
    nearest = next(parent for parent in parents if parent.exists())
    is_writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return None if is_writable else f"nothing can be written in {nearest}"


def components_have_targets(candidate: Candidate) -> Iterator[Problem]:
    """Check that each component that is built names its class or function.

    Only an encoder may have no `_target_`, which means that there is no prompt.
    """
    config = candidate.config
    components: dict[str, Component | None] = {"init": config.init, "optim": config.optim}
    components |= {f"callbacks.{name}": section for name, section in config.callbacks.items()}
    loggers = {f"logger.{name}": section for name, section in config.logger.items() if section.kind == "lightning"}
    components |= {key: section.component for key, section in loggers.items()}
    if config.scorer.component is not None:
        components["scorer"] = config.scorer.component
    for key, component in components.items():
        if component is None or component.target is None:
            yield Problem(f"{key}._target_", None, "must name a class or function, such as my_package.module.Name.")


def loggers_can_start(candidate: Candidate) -> Iterator[Problem]:
    """Check that the package of a chosen logger is installed, and that W&B has a login in online mode."""
    for name, logger in candidate.config.logger.items():
        kind, target = logger.kind, None if logger.component is None else logger.component.target
        package = kind if kind != "lightning" else _package_of(target or "")
        if package is not None and importlib.util.find_spec(package) is None:
            key, value = (f"logger.{name}", kind) if target is None else (f"logger.{name}._target_", target)
            yield Problem(key, value, f"{package} is not installed. Run: pip install {package}")
        elif kind == "wandb" and logger.mode == "online" and (problem := login_problem()) is not None:
            advice = f"Run `wandb login`, or set logger.{name}.mode=offline and upload later with `wandb sync`."
            yield Problem(f"logger.{name}.mode", logger.mode, f"{problem}. {advice}")


def _package_of(target: str) -> str | None:
    """Return the package that a logger of Lightning needs; None for another logger."""
    module, _, name = target.rpartition(".")
    return PACKAGES.get(name) if f"{module}.".startswith("lightning.pytorch.loggers.") else None
