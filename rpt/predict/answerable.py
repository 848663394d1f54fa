"""Check that a finished run can answer rows here, and build the configuration with which it does so.

An answer depends on the trained numbers, the backbone's files, the source of reader and scorer, and a part of the
configuration. If no matrix can replace the encoder, it also depends on the encoder's source. The record's `answer_hash`
covers these. Training rows, optimizer, initialisation, callbacks and the version of the training code have no effect.

A run folder may come from an untrusted source. Its record must not choose code that this program runs
(`rpt.config.foreign_code`). Components without an effect on an answer are replaced by components of rpt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rpt.config.check import check
from rpt.config.foreign_code import refuse_foreign_components
from rpt.config.older import values_of_record
from rpt.config.rules import ANSWER_RULES
from rpt.config.schema import Config
from rpt.data.inputs import build_source, find_backbone
from rpt.data.sources import Source
from rpt.errors import ConfigError
from rpt.replay import recorded, repeatable
from rpt.tracking.identity import answer_code, answer_hash
from rpt.tracking.kinds import WHOLE, Kind
from rpt.tracking.other_code import changes_since
from rpt.tracking.record import Record
from rpt.tracking.record_sections import is_folded

PLAIN = {"_target_": "rpt.prompt.encoders.Plain", "_partial_": True}
"""Encoder that gives the exported prompt of a run."""

PREFIX = {
    **{"_target_": "rpt.prompt.prefix.Prefix", "_partial_": True},
    **{"mlp_width": None, "dropout": 0.0, "start": "init"},
}
"""Encoder that gives the exported prompt of a run whose prompt is a prefix."""

WITHOUT_EFFECT: dict[str, tuple[str, dict[str, Any]]] = {
    "init": ("normal", {"_target_": "rpt.prompt.init.normal", "_partial_": True, "std": 1.0}),
    "optim": (
        "adamw",
        {"_target_": "rpt.training.optimizers.adamw", "_partial_": True, "betas": [0.9, 0.999], "eps": 1e-8},
    ),
}
"""Option and values that replace a component without an effect on an answer, by config group."""

NEEDED = {
    "data.rows.reported": Kind("a whole number of 1 or more", lambda value: WHOLE.accepts(value) and value >= 1),
    "data.checksum": None,
    "backbone.name": None,
    "backbone.weights_sha256": None,
    "scores": None,
}
"""Values that a record must have for an answer, by dotted key, and the kind of a value; None for any kind."""


def answerable(folder: Path, config_dirs: Sequence[str] = (), backbone: Path | None = None) -> tuple[Record, Config]:
    """Check that the run of a folder can answer rows here. Neither rows nor weights are loaded.

    Args:
        folder: Folder of a finished run.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.
        backbone: Folder of the backbone, if its files lie elsewhere than at the training. None reads the place from the
            record.

    Returns:
        Record of the run, and configuration with which it answers rows. An encoder that a matrix can replace is
        replaced by `PLAIN` or `PREFIX`, and the components of `WITHOUT_EFFECT` are replaced, too.

    Raises:
        ConfigError: The folder holds no finished run, or the backbone's files or the code of an answer have changed.
        WeightsError: The backbone's files are missing.
    """
    record = recorded(folder)
    missing, odd = record.problems(NEEDED)
    if missing or odd:
        problem = f"run.json lacks {', '.join(missing)}" if missing else "; ".join(odd)
        raise _refusal(folder, f"holds no record of a run ({problem}). Name a run folder.")
    chosen, values = _without_training(record)
    if backbone is not None:
        place = {"path": str(backbone.expanduser().absolute()), "package": None, "hub_id": None, "revision": None}
        values["backbone"] = _changed(values.get("backbone"), **place)
    rows_apart = {"chosen": {**chosen, "data": "jsonl"}, "config": {**values, "data": {"hub_id": None}}}
    refuse_foreign_components(record.name, **rows_apart, config_dirs=config_dirs)
    config = check(values_of_record(values, record.chosen), ANSWER_RULES)
    if record.answer_hash is None:  # a record of an earlier version can be compared as a whole only
        repeatable(folder, config_dirs)
    else:
        _refuse_other_answers(folder, config, record)
    return record, config


def rows_of(record: Record, config: Config, config_dirs: Sequence[str] = ()) -> Source:
    """Read the rows of a run, and check that they are the rows that the run has read.

    Args:
        record: Record of the run.
        config: Configuration with which the run answers rows.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.

    Raises:
        ConfigError: The rows have changed, or the record names a hub repository that no option file names.
        DataError: The rows cannot be read.
    """
    chosen, values = _without_training(record)
    refuse_foreign_components(record.name, chosen, values, config_dirs)
    source = build_source(config)
    if source.checksum != record.data.checksum:
        advice = f"has read other rows than this source has now. Restore the rows of {config.data.source}."
        raise ConfigError.of("RUN", record.name, advice)
    return source


def _without_training(record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """Replace the components of a record that have no effect on an answer.

    Returns:
        Option of each config group, and values of the configuration.
    """
    chosen, values = dict(record.chosen), {**record.config, "callbacks": {}, "logger": {}}
    chosen.pop("callbacks", None)
    for group, (option, component) in WITHOUT_EFFECT.items():
        chosen[group], values[group] = option, component
    if is_folded(record.prompt) and _value(values, "encoder", "_target_") is not None:
        is_prefix = record.prompt is not None and record.prompt.every_layer
        chosen["encoder"], values["encoder"] = ("prefix", PREFIX) if is_prefix else ("plain", PLAIN)
        values["prompt"] = _changed(values.get("prompt"), freeze=None)
    values["backbone"] = _changed(values.get("backbone"), text_cache_dir=None)
    if _value(values, "trainer", "device") == "cuda":  # the run may be used where no GPU is visible
        values["trainer"] = _changed(values["trainer"], device="auto")
    return chosen, values


def _value(values: Mapping[str, Any], group: str, key: str) -> Any:
    section = values.get(group)
    return section.get(key) if isinstance(section, dict) else None


def _changed(section: Any, **values: Any) -> Any:
    """Return a section with other values; a value that is no section is returned unchanged, for the later check."""
    return {**section, **values} if isinstance(section, dict) else section


def _refuse_other_answers(folder: Path, config: Config, record: Record) -> None:
    """Check that everything is unchanged on which an answer depends, apart from the trained numbers.

    Raises:
        ConfigError: Something has changed; the message names the changes.
        WeightsError: The backbone's files are missing.
    """
    backbone, has_matrix = find_backbone(config), is_folded(record.prompt)
    longest = record.evaluation.max_new_tokens
    now = answer_hash(config, backbone.files_sha256, is_folded=has_matrix, max_new_tokens=longest)
    if now == record.answer_hash:
        return
    changes = changes_since(record, answer_code(config, is_folded=has_matrix), backbone.weights_sha256)
    raise _refusal(folder, f"cannot answer rows as it did: {changes}")


def _refusal(folder: Path, advice: str) -> ConfigError:
    return ConfigError.of("RUN", str(folder), advice)
