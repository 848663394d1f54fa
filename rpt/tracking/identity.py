"""Compute the identity of a run: a hash of everything that can change the run's score, and of nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rpt.config.schema import Config
from rpt.errors import ConfigError
from rpt.prompt.files import prompt_file
from rpt.system.checksums import file_sha256
from rpt.tracking.source import source_hash
from rpt.tracking.syntax import NoSource

SCHEMA = 3
"""Version of run.json and of checkpoints. It is raised when readers must handle a change."""

READABLE = (2, SCHEMA)
"""Versions of run.json that this rpt reads. Records of version 2 do not identify the code of the training."""

TRAINING_VERSION = 4
"""Version of rpt's training code: backbones, batches, loop and metrics.

It is raised by hand when a change to that code can change a score, because the hashes of components
(`rpt.tracking.source`) do not cover that code. `tests/golden/test_losses.py` fails if the numbers of a small training
change and this version does not.
"""

SCORERS = {
    "head": "rpt.scoring.head.HeadScorer",
    "rank": "rpt.scoring.language.RankScorer",
    "generate": "rpt.scoring.language.GenerateScorer",
}
"""Dotted path of each scorer's class, by the name of the option."""

OF_THE_PROMPT = (
    *("prompt", "init", "lr", "encoder_lr", "weight_decay", "encoder_weight_decay"),
    "backbone.prompt_layer",
)
"""Keys of the configuration that have no effect on a run without a prompt (`encoder=none`)."""


OF_THE_TRAINING = (
    *OF_THE_PROMPT,
    *("seed", "head_lr", "head_weight_decay", "encoder", "optim", "schedule", "warmup_steps", "clip_norm", "trainer"),
)
"""Keys of the configuration that have no effect on a run without trainable parameters (zero-shot)."""


OF_ONE_RUN = ("data.order_seed", "trainer.patience")
"""Keys that may differ between the runs of a pack, although their sections are shared."""


@dataclass(frozen=True)
class Identity:
    """Identity of a run.

    Attributes:
        hash: Identity hash: sha256 of setting, code and record schema.
        setting_hash: sha256 of the setting without the task's version. It is equal for runs that differ only in code.
        code: Versions and hashes of the run's code, as `rpt.tracking.identity.code` returns them.
        backbone_sha256: sha256 of the backbone's files.
    """

    hash: str
    setting_hash: str
    code: dict[str, Any]
    backbone_sha256: str


def identify(config: Config, data_checksum: str, backbone_sha256: str) -> Identity:
    """Compute the identity of a run.

    Args:
        config: Checked configuration of the run.
        data_checksum: sha256 of the rows.
        backbone_sha256: sha256 of the backbone's files.

    Raises:
        ConfigError: A component's source or the file of `init.path` cannot be read.
    """
    values = identity(config, data_checksum, backbone_sha256)
    plain = {key: value for key, value in values.items() if key not in ("schema", "code")}
    plain["task"] = {key: value for key, value in plain["task"].items() if key != "version"}
    return Identity(digest(values), digest(plain), values["code"], backbone_sha256)


def identity(config: Config, data_checksum: str, backbone_sha256: str) -> dict[str, Any]:
    """Collect everything that can change the score of a run: setting, code and record schema.

    Paths, loggers, devices and progress bars are left out: `rpt.config.schema` marks their fields by `ASIDE`. Files are
    replaced by checksums: the backbone by the sha256 of its files, the data by the checksum of the rows, the file of
    `init.path` by its sha256, each component by the hash of its source. Keys that affect only a prompt are left out for
    a run without a prompt.

    Raises:
        ConfigError: A component's source or the file of `init.path` cannot be read.
    """
    return {"schema": SCHEMA, "code": code(config), **setting(config, data_checksum, backbone_sha256)}


def code(config: Config) -> dict[str, Any]:
    """Identify the code of a run: the version of the training code, and a hash of each component's source.

    Raises:
        ConfigError: A component's source cannot be read.
    """
    component = config.scorer.component
    scorer = SCORERS.get(config.scorer.name, config.scorer.name) if component is None else str(component.target)
    targets = {"task.reader": config.task.reader, "scorer": scorer}
    if config.is_trained:
        targets["optim"] = str(config.optim.target)
    if config.has_prompt:
        targets |= {"encoder": str(config.encoder.target), "init": str(config.init.target)}
    targets |= {f"callbacks.{name}": str(section.target) for name, section in config.callbacks.items()}
    hashes: dict[str, Any] = {"training": TRAINING_VERSION}
    for key, target in targets.items():
        try:
            hashes[key] = source_hash(target)
        except NoSource as error:
            raise ConfigError.of(key, target, f"{error}. Name a class or function of a Python file.") from error
    return hashes


def setting(config: Config, data_checksum: str, backbone_sha256: str) -> dict[str, Any]:
    """Collect everything that can change the score of a run, except the code and the record schema.

    Raises:
        ConfigError: The file of `init.path` cannot be read.
    """
    parts = _part(config)
    _drop_unset(config, parts)
    if not config.is_trained:
        parts = {key: value for key, value in parts.items() if key not in OF_THE_TRAINING}
        parts["data"].pop("order_seed")
        return {**parts, "data_checksum": data_checksum, "backbone_sha256": backbone_sha256}
    if not config.has_prompt:
        parts = {key: value for key, value in parts.items() if key not in OF_THE_PROMPT}
    elif isinstance(path := config.init.options.get("path"), str):
        parts["init"]["path"] = _sha256(prompt_file(path))
    if config.trainer.tune == "prompt":
        del parts["trainer"]["tune_lr"]
    return {**parts, "data_checksum": data_checksum, "backbone_sha256": backbone_sha256}


def answer_code(config: Config, *, is_folded: bool) -> dict[str, Any]:
    """Identify the code that computes an answer of a finished run: a hash of the source of reader and scorer.

    Args:
        config: Configuration of the run.
        is_folded: Whether the run's prompt is kept as one matrix. If not, the encoder's source is hashed, too.

    Raises:
        ConfigError: A component's source cannot be read.
    """
    names = ("task.reader", "scorer") if is_folded else ("task.reader", "scorer", "encoder")
    return {name: value for name, value in code(config).items() if name in names}


def answer_hash(config: Config, backbone_sha256: str, *, is_folded: bool, max_new_tokens: int | None) -> str:
    """Compute a hash of everything on which an answer of a finished run depends, apart from the trained numbers.

    Rows, optimizer, trainer and the version of the training code are left out, so that a trained prompt can be used
    where they are missing or have changed.

    Args:
        config: Configuration of the run.
        backbone_sha256: sha256 of the backbone's files.
        is_folded: Whether the run's prompt is kept as one matrix, so that its encoder has no effect on an answer.
        max_new_tokens: Largest number of tokens of a generated answer; None for a run that generates no text.

    Raises:
        ConfigError: A component's source cannot be read.
    """
    parts = _part(config)
    _drop_unset(config, parts)
    values = {name: parts[name] for name in ("task", "protocol", "backbone", "scorer")}
    values["backbone"].pop("dropout", None)
    if is_folded:
        values["backbone"].pop("prompt_scale", None)
        values["prompt"] = {"length": config.prompt.length} if config.has_prompt else None
    else:
        values |= {"prompt": parts["prompt"], "encoder": parts["encoder"]}
    return digest(
        {
            "schema": SCHEMA,
            "code": answer_code(config, is_folded=is_folded),
            "eval_token_budget": config.trainer.eval_token_budget,
            "backbone_sha256": backbone_sha256,
            "max_new_tokens": max_new_tokens,
            **values,
        }
    )


def _drop_unset(config: Config, parts: dict[str, Any]) -> None:
    """Drop keys of newer versions that are not set, so that the identities of older runs stay the same."""
    if not (config.is_trained and config.backbone.dropout):
        del parts["backbone"]["dropout"]
    flags = {name: value for name, value in parts["trainer"].pop("lightning").items() if value not in (None, False)}
    if {"limit_val_batches", "limit_test_batches"} & flags.keys():
        flags["limited_rows"] = "drawn"  # earlier versions evaluated the shortest rows
    if flags:
        parts["trainer"]["lightning"] = flags
    _drop_unset_of_prompt(config, parts)
    if config.scorer.component is None:
        del parts["scorer"]["component"]
    if not config.callbacks:
        del parts["callbacks"]


def _drop_unset_of_prompt(config: Config, parts: dict[str, Any]) -> None:
    """Drop keys of the prompt that have no effect, or that have the value that all runs of older versions had."""
    is_scaled = config.has_prompt and config.prompt.unit == "vocab"
    if not is_scaled:
        del parts["prompt"]["unit"]
    for section, key in (("prompt", "freeze"), ("backbone", "prompt_layer")):
        if not config.has_prompt or not parts[section][key]:
            del parts[section][key]
    if not is_scaled or config.backbone.prompt_scale is None:
        del parts["backbone"]["prompt_scale"]


def shared(config: Config) -> dict[str, Any]:
    """Collect the values that the runs of a pack must share, by dotted key."""
    sections = {
        name: _part(getattr(config, name)) for name in ("task", "data", "protocol", "backbone", "scorer", "trainer")
    }
    values = {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}
    locations = {f"data.{name}": getattr(config.data, name) for name in ("root", "hub_id")}
    names = ("package", "path", "hub_id", "revision")
    locations |= {f"backbone.{name}": getattr(config.backbone, name) for name in names}
    values |= {**locations, "packing.exact": config.packing.exact}
    return {key: value for key, value in values.items() if key not in OF_ONE_RUN}


def digest(value: dict[str, Any]) -> str:
    """Compute the sha256 of a plain dictionary, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def folder_name(config: Config, identity_hash: str) -> str:
    """Build the name of a run's folder: its main settings, then 10 characters of the identity hash."""
    encoder = re.sub(r"[^A-Za-z0-9_.]", ".", config.chosen.get("encoder", "encoder"))  # options may be in subfolders
    names = (config.task.name, config.data.source, config.backbone.name, encoder)
    if not config.is_trained:
        return "-".join((*names, "zeroshot", identity_hash[:10]))
    rate = config.trainer.tune_lr if config.trainer.tune == "all" else config.head_lr
    layer = f"layer{config.backbone.prompt_layer}-" if config.backbone.prompt_layer else ""
    trained = f"n{config.prompt.length}-{layer}lr{config.lr:g}" if config.has_prompt else f"lr{rate:g}"
    return "-".join((*names, trained, f"s{config.seed}", identity_hash[:10]))


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ConfigError.of(
            "init.path", str(path), f"cannot be read ({error.strerror}). Name another file."
        ) from error


def _part(section: BaseModel) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        if not is_aside(field):
            values[name] = _value(getattr(section, name))
    return {**values, **{key: _value(value) for key, value in (section.model_extra or {}).items()}}


def _value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _part(value)
    if isinstance(value, dict):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return value


def is_aside(field: FieldInfo) -> bool:
    """Whether a field of the configuration cannot change the score (`rpt.config.schema.ASIDE`)."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and typing.cast(dict[str, Any], extra).get("identity") is False
