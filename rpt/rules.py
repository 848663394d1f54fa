"""What must hold between the parts of a configuration, and between it and this machine.

A rule takes the plain values, whatever is wrong with them otherwise, and yields what it finds. None of them
imports torch: a refusal must not wait for it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from rpt.backbones.files import NoSuchBackbone, locate, num_positions
from rpt.data.files import SPLITS, split_path
from rpt.data.samples import GENERATORS
from rpt.errors import Problem
from rpt.near_miss import near_miss
from rpt.problems import hinted

T = TypeVar("T")
Values = dict[str, Any]


def one_option_a_group(values: Values) -> Iterator[Problem]:
    """Only `logger` takes several options; elsewhere Hydra would quietly lay one over the other."""
    chosen = _get(values, "chosen", dict) or {}  # lists are missing from it
    for group in ("task", "data", "protocol", "backbone", "encoder", "init", "scorer", "optim", "trainer"):
        if group in values and group not in chosen:
            yield Problem(group, "[...]", f"takes one option. To compare several, sweep: -m {group}=A,B")


def prompt_fits_backbone(values: Values) -> Iterator[Problem]:
    """Prompt and text together must not be longer than the backbone's positions."""
    package, path = _get(values, "backbone.package", str), _get(values, "backbone.path", str)
    has_prompt = _get(values, "encoder._target_", str) is not None  # encoder=none has no prompt of any length
    length = _get(values, "prompt.length", int) if has_prompt else 0
    limit = _get(values, "backbone.text_limit", int)
    if path is None or (package is None and (values["backbone"].get("package") is not None)):
        return
    try:
        positions = num_positions(locate(package, path))
    except NoSuchBackbone as error:
        key = "backbone.path" if package is None else "backbone.package"
        yield Problem(key, package or path, str(error))
        return
    if positions is None or length is None or limit is None or length + limit <= positions:
        return
    room = positions - limit
    if room < has_prompt:
        most = positions - has_prompt
        advice = f"must be at most {most} with the {positions} positions of this backbone. Set backbone.text_limit=256."
        yield Problem("backbone.text_limit", limit, advice)
        return
    shorter = f", or backbone.text_limit={positions - length} or less" if positions - length >= 8 else ""
    advice = (
        f"with backbone.text_limit={limit} at most {room} virtual tokens fit the {positions} positions of "
        f"this backbone. Set prompt.length={room} or less{shorter}."
    )
    yield Problem("prompt.length", length, advice)


def data_is_there(values: Values) -> Iterator[Problem]:
    """The rows of the task must exist in the chosen source, and no other source may be half meant."""
    source, root = _get(values, "data.source", str), _get(values, "data.root", str)
    name, seed = _get(values, "task.name", str), _get(values, "data.sample_seed", int)
    if source == "sample":
        if name is not None and name not in GENERATORS:
            tasks = ", ".join(sorted(GENERATORS))
            yield Problem("data", "sample", f"no sample rows for task {name}; there are for {tasks}. Use data=jsonl.")
        if root is not None:
            advice = "data=sample reads no files. Set data=jsonl to train on that folder, or leave data.root out."
            yield Problem("data.root", root, advice)
        if seed is None:
            yield Problem("data.sample_seed", None, "must be a whole number for data=sample. Set data.sample_seed=0.")
    elif source == "jsonl":
        if seed is not None:
            yield Problem("data.sample_seed", seed, "has no effect on data=jsonl. Leave it out, or set data=sample.")
        yield from _release_is_there(root, _get(values, "task.folder", str))


def _release_is_there(root: str | None, folder: str | None) -> Iterator[Problem]:
    if root is None or root == "???" or folder is None:
        if root is None:
            yield Problem("data.root", None, hinted("data.root", "needs a value."))
        return
    if not Path(root).is_dir():
        yield Problem("data.root", root, hinted("data.root", "there is no such folder."))
        return
    for split in SPLITS:
        path = split_path(root, folder, split)
        if path.is_file():
            continue
        partial = path.with_name(f"{split}.partial.jsonl")
        lacks = f"there is no {folder}/{path.name} in it."
        if partial.is_file():
            lacks = f"holds {folder}/{partial.name}, a part of the official {path.name}, which is not taken for it."
        yield Problem("data.root", root, f"{lacks} Unpack the official {folder}.zip there.")
        return


def task_is_sound(values: Values) -> Iterator[Problem]:
    """Labels and choices pair up; a format names only fields that the task has."""
    task = _get(values, "task", dict) or {}
    labels, choices = task.get("labels"), task.get("choices")
    if isinstance(labels, list) and isinstance(choices, list) and len(labels) != len(choices):
        advice = f"needs one text for each of the {len(labels)} labels, in their order."
        yield Problem("task.choices", choices, advice)
    for listed in ("labels", "choices"):
        if isinstance(task.get(listed), list) and len(set(map(str, task[listed]))) < len(task[listed]):
            yield Problem(f"task.{listed}", task[listed], "must differ from each other.")
    fields = [str(field) for field in _get(values, "task.fields", list) or []]
    for family, texts in (_get(values, "task.formats", dict) or {}).items():
        for part, template in texts.items() if isinstance(texts, dict) else ():
            if isinstance(template, str) and (misfit := _misfit(template, fields)):
                yield Problem(f"task.formats.{family}.{part}", template, misfit)


def _misfit(template: str, fields: list[str]) -> str | None:
    """Why a template cannot be filled with the fields' texts, or None where it can."""
    try:
        used = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        unknown = [name for name in used if name not in fields]
        if unknown:
            return f"{{{unknown[0]}}} names no field of the task. {near_miss(unknown[0], fields, 'Fields')}"
        template.format_map(dict.fromkeys(fields, ""))
    except (ValueError, KeyError, IndexError) as error:
        return f"cannot be filled in ({error}). Write {{FIELD}}, and {{{{ or }}}} for a brace."
    return None


def lstm_can_drop(values: Values) -> Iterator[Problem]:
    """An LSTM drops out between its layers, so one layer has nothing to drop."""
    layers, dropout = _get(values, "encoder.num_layers", int), _get(values, "encoder.dropout", float)
    if layers == 1 and dropout:
        advice = "has no effect with one layer. Set encoder.num_layers=2, or encoder.dropout=0.0."
        yield Problem("encoder.dropout", dropout, advice)


def bounds_are_ordered(values: Values) -> Iterator[Problem]:
    """A uniform start needs an interval."""
    low, high = _number(values, "init.low"), _number(values, "init.high")
    if low is not None and high is not None and low >= high:
        yield Problem("init.low", low, f"must be below init.high, which is {high}. Set init.low={-abs(high) or -0.5}.")


def text_says_something(values: Values) -> Iterator[Problem]:
    """A start from a text needs a word."""
    text = _get(values, "init.text", str)
    if text is not None and not text.strip():
        yield Problem("init.text", text, hinted("init.text", "holds no word."))


def paths_are_whole(values: Values) -> Iterator[Problem]:
    """A shell leaves `~` alone behind `=`; a folder of that name is not what is meant."""
    for key in ("data.root", "output_dir", "backbone.path", "init.path"):
        path = _get(values, key, str)
        if path is not None and path.startswith("~"):
            yield Problem(key, path, f"~ is not expanded behind =. Set {key}=$HOME{path[1:]}")


def labels_fit_prompt(values: Values) -> Iterator[Problem]:
    """A prompt that starts from the labels has room for one row of each."""
    length, choices = _get(values, "prompt.length", int), _get(values, "task.choices", list)
    starts_there = str(_get(values, "init._target_", str)).endswith(".labels")
    if starts_there and length is not None and choices is not None and 0 < length < len(choices):
        advice = f"init=labels needs a virtual token for each of the {len(choices)} labels. "
        yield Problem("prompt.length", length, advice + f"Set prompt.length={len(choices)} or more, or init=vocab.")


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


def _get(values: Values, key: str, kind: type[T]) -> T | None:
    """The value at a dotted key, or None where it is absent or of another type (the schema reports that)."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, kind) and not isinstance(found, bool) else None


def _number(values: Values, key: str) -> float | None:
    whole = _get(values, key, int)
    return _get(values, key, float) if whole is None else whole


RULES: tuple[Callable[[Values], Iterator[Problem]], ...] = (
    one_option_a_group,
    paths_are_whole,
    prompt_fits_backbone,
    data_is_there,
    task_is_sound,
    lstm_can_drop,
    labels_fit_prompt,
    bounds_are_ordered,
    text_says_something,
    files_exist,
    output_is_writable,
    loggers_are_installed,
)
