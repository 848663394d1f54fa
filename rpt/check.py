"""Refuse a bad configuration whole, before any weight loads: every problem at once, each with what to do.

Three layers, all of which always run: the schema (`rpt.config`), the components' own signatures
(`rpt.components`), and the relations between groups, which are the rules below.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from pydantic import ValidationError

from rpt.backbones.files import NoSuchBackbone, locate
from rpt.components import check_component
from rpt.config import Config
from rpt.data.files import SPLITS, split_path
from rpt.data.samples import GENERATORS
from rpt.errors import ConfigError, Problem
from rpt.problems import hinted, near_miss, problems_of

T = TypeVar("T")
Values = dict[str, Any]


def check(values: Values) -> Config:
    """Check a composed configuration and give it its types.

    Args:
        values: The plain, resolved dictionary of `rpt.config.compose`.

    Raises:
        ConfigError: Everything that is wrong, sorted by key.
    """
    problems: list[Problem] = []
    config = None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, "", Config)
    for group in ("encoder", "init", "optim"):
        problems += check_component(group, values.get(group) or {})
    problems += unset(values)
    for rule in RULES:
        problems += rule(values)
    if problems or config is None:
        raise ConfigError(_first_of_each_key(problems))
    return config


def unset(values: Values, place: str = "") -> Iterator[Problem]:
    """Values that an option file leaves to the user (`???`) and nobody gave."""
    for name, value in values.items():
        key = f"{place}{name}"
        if isinstance(value, dict):
            yield from unset(value, f"{key}.")
        elif value == "???":
            yield Problem(key, value, hinted(key, "needs a value."))


def _first_of_each_key(problems: list[Problem]) -> list[Problem]:
    return list({problem.key: problem for problem in reversed(problems)}.values())


def _get(values: Values, key: str, kind: type[T]) -> T | None:
    """The value at a dotted key, or None where it is absent or of another type (the schema reports that)."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, kind) and not isinstance(found, bool) else None


def prompt_fits_backbone(values: Values) -> Iterator[Problem]:
    """Prompt and text together must not be longer than the backbone's positions."""
    backbone = _get(values, "backbone", dict) or {}
    length, limit = _get(values, "prompt.length", int), _get(values, "backbone.text_limit", int)
    try:
        folder = locate(backbone.get("package"), str(backbone.get("path")))
    except NoSuchBackbone as error:
        yield Problem("backbone", backbone.get("name"), str(error))
        return
    positions = json.loads((folder / "config.json").read_text()).get("max_position_embeddings")
    if positions is None or length is None or limit is None or length + limit <= positions:
        return
    room = positions - limit
    if room < 1:
        advice = f"must be less than the {positions} positions of this backbone. Set backbone.text_limit=256."
        yield Problem("backbone.text_limit", limit, advice)
        return
    advice = (
        f"with backbone.text_limit={limit} at most {room} virtual tokens fit the {positions} positions of "
        f"this backbone. Shorten the prompt, or set backbone.text_limit={max(8, positions - length)} or less."
    )
    yield Problem("prompt.length", length, advice)


def data_is_there(values: Values) -> Iterator[Problem]:
    """The rows of the task must exist in the chosen source."""
    source, root = _get(values, "data.source", str), _get(values, "data.root", str)
    name, folder = _get(values, "task.name", str), _get(values, "task.folder", str)
    if source == "sample" and name is not None and name not in GENERATORS:
        tasks = ", ".join(sorted(GENERATORS))
        yield Problem(
            "data",
            "sample",
            f"no sample rows for task {name}; there are for {tasks}. Use data=jsonl.",
        )
    if source != "jsonl" or root is None or root == "???" or folder is None:
        return
    if not Path(root).is_dir():
        yield Problem("data.root", root, hinted("data.root", "there is no such folder."))
        return
    for split in SPLITS:
        path = split_path(root, folder, split)
        if path.is_file():
            continue
        partial = path.with_name(f"{split}.partial.jsonl")
        advice = f"there is no {folder}/{path.name} in it. Unpack the official {folder}.zip there."
        if partial.is_file():
            advice = f"{folder}/{partial.name} is a part of the official file and is not taken for it. " + advice
        yield Problem("data.root", root, advice)
        return


def task_is_sound(values: Values) -> Iterator[Problem]:
    """Labels and choices pair up; a format names only fields that the task has."""
    task = _get(values, "task", dict) or {}
    labels, choices = task.get("labels"), task.get("choices")
    if isinstance(labels, list) and isinstance(choices, list) and len(labels) != len(choices):
        yield Problem(
            "task.choices",
            choices,
            f"needs one text for each of the {len(labels)} labels, in their order.",
        )
    for listed in ("labels", "choices"):
        if isinstance(task.get(listed), list) and len(set(map(str, task[listed]))) < len(task[listed]):
            yield Problem(f"task.{listed}", task[listed], "must differ from each other.")
    for family, texts in (_get(values, "task.formats", dict) or {}).items():
        for part, template in texts.items() if isinstance(texts, dict) else ():
            used = [name for _, name, _, _ in Formatter().parse(str(template)) if name is not None]
            for name in (name for name in used if name not in task.get("fields", [])):
                advice = f"names no field of the task. {near_miss(name, task.get('fields', []), 'Fields')}"
                yield Problem(f"task.formats.{family}.{part}", template, advice)


def lstm_can_drop(values: Values) -> Iterator[Problem]:
    """An LSTM drops out between its layers, so one layer has nothing to drop."""
    layers, dropout = _get(values, "encoder.num_layers", int), _get(values, "encoder.dropout", float)
    if layers == 1 and dropout:
        advice = "has no effect with one layer. Set encoder.num_layers=2, or encoder.dropout=0.0."
        yield Problem("encoder.dropout", dropout, advice)


def files_exist(values: Values) -> Iterator[Problem]:
    """A file that an option names must be there."""
    path = _get(values, "init.path", str)
    if path is not None and path != "???" and not Path(path).is_file():
        yield Problem("init.path", path, hinted("init.path", "there is no such file."))


def output_is_writable(values: Values) -> Iterator[Problem]:
    """The nearest existing folder above the run folders must take new entries."""
    output = _get(values, "output_dir", str)
    if output is None:
        return
    parents = [Path(output).absolute(), *Path(output).absolute().parents]
    nearest = next(parent for parent in parents if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        advice = f"nothing can be written in {nearest}. Set output_dir=DIR to a folder of yours."
        yield Problem("output_dir", output, advice)


def loggers_are_installed(values: Values) -> Iterator[Problem]:
    """A chosen logger's package must be installed."""
    for name, logger in (_get(values, "logger", dict) or {}).items():
        kind = logger.get("kind") if isinstance(logger, dict) else None
        if kind in ("wandb", "tensorboard") and importlib.util.find_spec(kind) is None:
            yield Problem(f"logger.{name}", kind, f"is not installed. Run: pip install {kind}")


RULES: tuple[Callable[[Values], Iterator[Problem]], ...] = (
    prompt_fits_backbone,
    data_is_there,
    task_is_sound,
    lstm_can_drop,
    files_exist,
    output_is_writable,
    loggers_are_installed,
)
