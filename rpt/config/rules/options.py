"""Rules about single options, alone, in combination, and on this machine."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from rpt.config.paths import MOST_BYTES, is_too_long, shortened
from rpt.config.problems import hinted
from rpt.config.rules.access import Values, get, number
from rpt.config.wandb_login import login_problem
from rpt.errors import Problem

GROUPS = ("task", "data", "protocol", "backbone", "encoder", "init", "scorer", "optim", "trainer")
"""Config groups that take a single option."""


def one_option_a_group(values: Values) -> Iterator[Problem]:
    """Each group but `logger` takes a single option, because Hydra would silently merge several."""
    chosen = get(values, "chosen", dict) or {}  # lists are missing from it
    for group in GROUPS:
        if group in values and group not in chosen:
            yield Problem(group, "[...]", f"takes one option. To compare several, sweep: -m {group}=A,B")


def lstm_can_drop(values: Values) -> Iterator[Problem]:
    """An LSTM with dropout needs several layers, because dropout acts between layers."""
    layers, dropout = get(values, "encoder.num_layers", int), get(values, "encoder.dropout", float)
    if layers == 1 and dropout:
        advice = "has no effect with one layer. Set encoder.num_layers=2, or encoder.dropout=0.0."
        yield Problem("encoder.dropout", dropout, advice)


def bounds_are_ordered(values: Values) -> Iterator[Problem]:
    """Uniform initialisation needs a lower bound below its upper bound."""
    low, high = number(values, "init.low"), number(values, "init.high")
    if low is not None and high is not None and low >= high:
        yield Problem("init.low", low, f"must be below init.high, which is {high}. Set init.low={-abs(high) or -0.5}.")


def text_says_something(values: Values) -> Iterator[Problem]:
    """Initialisation from a text needs a text that is not blank."""
    text = get(values, "init.text", str)
    if text is not None and not text.strip():
        yield Problem("init.text", text, hinted("init.text", "holds no word."))


def devices_have_rows(values: Values) -> Iterator[Problem]:
    """A step must have at least a row for each device of the run."""
    devices, rows = get(values, "trainer.devices", int), get(values, "trainer.batch_size", int)
    if devices is not None and rows is not None and devices > rows > 0:
        advice = f"a step has {rows} rows for them to share. Set it to {rows} or less, or trainer.batch_size higher."
        yield Problem("trainer.devices", devices, advice)


def dropout_has_one_stream(values: Values) -> Iterator[Problem]:
    """Backbone dropout needs a single device, because several devices do not share a run's random stream."""
    devices = get(values, "trainer.devices", int) or get(values, "trainer.devices", str)
    if devices not in (None, 1) and get(values, "backbone.dropout", bool):
        advice = f"does not go with trainer.devices={devices}. Set backbone.dropout=false, or trainer.devices=1."
        yield Problem("backbone.dropout", True, advice)


def paths_are_whole(values: Values) -> Iterator[Problem]:
    """A path must not begin with `~` after `rpt.config.compose.plain` has expanded the home folders that exist."""
    for key in ("data.root", "output_dir", "backbone.path", "init.path", "replay"):
        path = get(values, key, str)
        if path is not None and path.startswith("~"):
            yield Problem(key, path, f"this machine has no user {path.partition('/')[0][1:]}. Write the whole path.")


def names_are_short(values: Values) -> Iterator[Problem]:
    """A path must not be longer than the file system accepts."""
    for key in ("data.root", "task.folder", "output_dir", "backbone.path", "init.path", "replay"):
        path = get(values, key, str)
        if path is not None and is_too_long(path):
            advice = f"is too long. The name of a file or folder has at most {MOST_BYTES} bytes."
            yield Problem(key, shortened(path), advice)


def files_exist(values: Values) -> Iterator[Problem]:
    """A file that an option names must exist."""
    path = get(values, "init.path", str)
    if path is not None and path != "???" and not is_too_long(path) and not Path(path).is_file():
        yield Problem("init.path", path, hinted("init.path", "there is no such file."))


def output_is_writable(values: Values) -> Iterator[Problem]:
    """The nearest existing folder of the output path must be writable."""
    output = get(values, "output_dir", str)
    if output is None or is_too_long(output):
        return
    parents = [Path(output).absolute(), *Path(output).absolute().parents]
    nearest = next(parent for parent in parents if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        advice = f"nothing can be written in {nearest}. Set output_dir=DIR to a folder of yours."
        yield Problem("output_dir", output, advice)


def loggers_can_start(values: Values) -> Iterator[Problem]:
    """A chosen logger's package must be installed, and W&B in online mode needs a login."""
    for name, logger in (get(values, "logger", dict) or {}).items():
        kind, mode = (logger.get("kind"), logger.get("mode")) if isinstance(logger, dict) else (None, None)
        if kind in ("wandb", "tensorboard") and importlib.util.find_spec(kind) is None:
            yield Problem(f"logger.{name}", kind, f"is not installed. Run: pip install {kind}")
        elif kind == "wandb" and mode == "online" and (problem := login_problem()) is not None:
            advice = f"Run `wandb login`, or set logger.{name}.mode=offline and upload later with `wandb sync`."
            yield Problem(f"logger.{name}.mode", mode, f"{problem}. {advice}")
