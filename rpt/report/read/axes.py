"""Find a study's axes: the configuration keys in which its runs differ, apart from encoder, task and seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from rpt.config.schema import Config
from rpt.report.read.run import Axis, Value
from rpt.tracking.identity import OF_THE_PROMPT, OF_THE_TRAINING, is_aside
from rpt.tracking.record import Record

FlatConfig = dict[str, Value]
"""Configuration of a run by dotted key. If runs differ in a group of `COLLAPSED`, the group has one key, its name."""

KNOWN = {
    "lr": ("learning rate", True),
    "prompt.length": ("virtual tokens", True),
    "init": ("initialisation", False),
    "prompt.unit": ("unit of the prompt", False),
    "backbone.prompt_layer": ("layer of the prompt", False),
    "data.k_per_class": ("rows per class", True),
    "encoder.bottleneck_dim": ("bottleneck width", True),
    "encoder.shared": ("shared encoder", False),
    "backbone": ("backbone", False),
    "encoder_lr": ("learning rate of the encoder", True),
    "head_lr": ("learning rate of the head", True),
    "weight_decay": ("weight decay", True),
    "encoder_weight_decay": ("weight decay of the encoder", True),
    "trainer.epochs": ("epochs", True),
    "trainer.batch_size": ("rows in a step", True),
    "optim": ("optimizer", False),
    "schedule": ("schedule", False),
}
"""Label of an axis, and whether figures draw it on a logarithmic scale, by configuration key.

The axes of a study have the order of this table. Keys that are missing here follow in the order of the configuration,
with the key as label. The first axis whose key is not in `NOT_AVERAGED` is the main axis.
"""

NOT_AVERAGED = ("backbone", "backbone.prompt_at", "backbone.prompt_layer", "prompt.unit")
"""Keys of axes that are never the main axis, so that no score of a sweep is averaged over them.

The keys name the backbone, and the position, layer and unit of the prompt. Two values of such an axis make two
experiments, whose scores do not belong in one mean.
"""

COLLAPSED = ("init", "backbone", "optim")
"""Groups whose options have different keys. If runs differ in the option, the option's name is the axis value."""


BASELINES = ("head alone", "zero-shot", "fine-tuning")
"""Names of the methods that train no prompt (`encoder=none`)."""


OF_ONE_ENCODER = ("encoder.", "prompt.unit", "prompt.length", "prompt.freeze")
"""Prefixes of keys that are an axis only if runs of the same encoder differ in them.

For example, if one encoder is always trained in the unit `raw` and another in `vocab`, the unit is not an axis.
"""


def method_of(record: Record) -> str:
    """Return the name of a run's method: `report.method`, the encoder's option, or a baseline's name (`head alone`).

    `report.method` lets a study compare variants of one encoder like encoders, such as `residual` without LayerNorm.
    """
    encoder = str(record.chosen.get("encoder"))
    if encoder != "none":
        return (record.config.get("report") or {}).get("method") or encoder
    if record.config["trainer"]["tune"] == "all":
        return "fine-tuning"
    return "head alone" if record.backbone.family == "encoder" else "zero-shot"


def unit_of(record: Record) -> str | None:
    """Return the unit of a run's prompt: None for a run without a prompt, `raw` for a record without `prompt.unit`."""
    if record.chosen.get("encoder") == "none":
        return None
    return str(record.config["prompt"].get("unit", "raw"))


def layer_of(record: Record) -> int | None:
    """Return the layer before which a run's prompt enters: None for a run without a prompt, 0 if not recorded."""
    if record.chosen.get("encoder") == "none":
        return None
    return int(record.config.get("backbone", {}).get("prompt_layer", 0))


def flatten(records: Sequence[Record]) -> list[FlatConfig]:
    """Return the configuration of each run by dotted key.

    The task, the seed and keys that cannot change a score are left out. `data.order_seed` is left out if it equals the
    seed in every run.
    """
    flats = [_flat(record) for record in records]
    if all(flat.get("data.order_seed") == record.config["seed"] for flat, record in zip(flats, records, strict=True)):
        for flat in flats:
            flat.pop("data.order_seed", None)
    for group in COLLAPSED:
        names = [_option(record, group) for record in records]
        if len(set(names)) > 1:
            _collapse(flats, names, group)
    return flats


def find_axes(records: Sequence[Record], flats: Sequence[FlatConfig]) -> tuple[tuple[Axis, ...], list[str]]:
    """Find the configuration keys that are axes of a study, such as the learning rate.

    Args:
        records: Records (`run.json`) of the runs that train a prompt, in the order in which the runs were started.
        flats: Configurations of the same runs, from `flatten`.

    Returns:
        `(axes, notes)`. The axes have the order of `KNOWN`. Each note is a sentence about a configuration key that
            differs between runs but is not an axis, because the task or an axis determines its value.
    """
    methods = [method_of(record) for record in records]
    tasks: list[Value] = [record.task.name for record in records]
    known = list(KNOWN)
    keys = [key for key in dict.fromkeys(key for flat in flats for key in flat) if _varies(key, flats, methods)]
    keys.sort(key=lambda key: known.index(key) if key in known else len(known))
    axes: list[Axis] = []
    notes = []
    for key in keys:
        column = [flat.get(key) for flat in flats]
        drivers = [("task", tasks), *((axis.key, [flat.get(axis.key) for flat in flats]) for axis in axes)]
        driver = next((name for name, other in drivers if _goes_with(column, name, other)), None)
        if driver is None:
            axes.append(_axis(key, [flat[key] for flat in flats if key in flat]))
        else:
            notes.append(f"{key} is not compared separately: in all runs its value follows from {driver}.")
    return tuple(axes), notes


def compared_keys(records: Sequence[Record]) -> set[str]:
    """Return the keys of the axes on which runs of the same task, encoder and seed have different values."""
    flats = flatten(records)
    axes, _ = find_axes(records, flats)
    values_of: dict[tuple[object, ...], set[Value]] = {}
    for record, flat in zip(records, flats, strict=True):
        for axis in axes:
            group = axis.key, record.task.name, method_of(record), record.config["seed"]
            values_of.setdefault(group, set()).add(flat.get(axis.key))
    return {str(group[0]) for group, values in values_of.items() if len(values) > 1}


def values_on(axes: Sequence[Axis], flat: FlatConfig, method: str) -> dict[str, Value]:
    """Return a run's value on each axis that exists for the run and can change its score, by key."""
    return {axis.key: flat[axis.key] for axis in axes if axis.key in flat and concerns(axis.key, method)}


def concerns(key: str, method: str) -> bool:
    """Whether a configuration key can change the score of a method, which is an encoder or a baseline."""
    unfelt = {
        "head alone": (*OF_THE_PROMPT, "encoder"),
        "fine-tuning": (*OF_THE_PROMPT, "encoder"),
        "zero-shot": (*OF_THE_TRAINING, "data.order_seed"),
    }.get(method, ())
    return not any(key == part or key.startswith(f"{part}.") for part in unfelt)


def _flat(record: Record) -> FlatConfig:
    aside = set(_aside_keys(Config))
    unit = unit_of(record)
    known = record.flat()
    if unit is not None:
        known |= {"prompt.unit": unit, "backbone.prompt_layer": layer_of(record)}
    return {
        key: value
        for key, value in known.items()
        if key != "seed" and not key.startswith("task.") and not any(_is_in(key, part) for part in aside)
    }


def _is_in(key: str, part: str) -> bool:
    return key == part or key.startswith(f"{part}.")


def _aside_keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if is_aside(field):
            yield f"{above}{name}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _aside_keys(field.annotation, f"{above}{name}.")


def _option(record: Record, group: str) -> str:
    """Return the option of a group that a run uses. For a backbone, return its name: `local` can be any model."""
    name = record.config[group].get("name") if group == "backbone" else record.chosen.get(group)
    return str(name)


def _collapse(flats: Sequence[FlatConfig], names: Sequence[str], group: str) -> None:
    """Replace the keys of a group by a single key, the group's name, with the option's name as value.

    If runs of the same option differ in some keys, these keys are appended to the value, such as `normal std=0.02`. The
    layer of the prompt keeps a key of its own, because it cannot change the score of a run without a prompt.
    """
    settings = [{key: flat.pop(key) for key in [*flat] if _is_of_option(key, group)} for flat in flats]
    of_option: dict[str, list[FlatConfig]] = {}
    for name, setting in zip(names, settings, strict=True):
        of_option.setdefault(name, []).append(setting)
    for flat, name, setting in zip(flats, names, settings, strict=True):
        varied = [key for key in setting if len({other.get(key) for other in of_option[name]}) > 1]
        flat[group] = " ".join((name, *(f"{key.removeprefix(f'{group}.')}={setting[key]}" for key in varied)))


def _is_of_option(key: str, group: str) -> bool:
    return key.startswith(f"{group}.") and key not in OF_THE_PROMPT


def _varies(key: str, flats: Sequence[FlatConfig], methods: Sequence[str]) -> bool:
    """Whether runs differ in a key; a key of `OF_ONE_ENCODER` must differ between runs of the same encoder."""
    if not key.startswith(OF_ONE_ENCODER):
        return len({flat.get(key) for flat in flats}) > 1
    values_of: dict[str, set[Value]] = {}
    for flat, method in zip(flats, methods, strict=True):
        values_of.setdefault(method, set()).add(flat.get(key))
    return any(len(values) > 1 for values in values_of.values())


def _goes_with(column: Sequence[Value], name: str, other: Sequence[Value]) -> bool:
    """Whether a key must not become an axis of its own, because the task or an earlier axis determines its value.

    The task, or an axis of options such as `init`, determines the key if runs of the same task or option have the same
    value of the key. Any other axis, such as the learning rate, determines the key only if their values correspond one
    to one.

    Args:
        column: Value of the key in each run.
        name: `task`, or the key of an earlier axis.
        other: Task, or value on the earlier axis, in each run.
    """
    is_told = _follows(column, other) and len(set(other)) > 1
    return is_told and (name in ("task", *COLLAPSED) or _follows(other, column))


def _follows(column: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether the value in `column` is determined by the value in `other`."""
    return len(set(zip(other, column, strict=True))) == len(set(other))


def _axis(key: str, column: Sequence[Value]) -> Axis:
    label, is_log = KNOWN.get(key, (key, False))
    values: tuple[Value, ...] = tuple(dict.fromkeys(column))
    axis = Axis(key, label, values, is_log=False)
    if axis.is_numeric:
        numbers = sorted(value for value in values if isinstance(value, int | float))
        return Axis(key, label, tuple(numbers), is_log and numbers[0] > 0)
    known = Axis(key, label, tuple(value for value in values if value is not None), is_log=False)
    if None in values and known.is_numeric:  # null means off and comes before the numbers
        return Axis(key, label, (None, *sorted(known.values, key=lambda value: float(value or 0))), is_log=False)
    return axis
