"""Where a run's rows and weights come from. Without torch, so that a sweep that is finished can say so at once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rpt.backbones.files import NoSuchBackbone, files_sha256, locate, weights_sha256
from rpt.config import Config
from rpt.data.sources import Source, hub_source, jsonl_source, sample_source
from rpt.errors import WeightsError


class Found(NamedTuple):
    """A backbone's files.

    Attributes:
        place: Their folder.
        weights_sha256: Of the weight files.
        files_sha256: Of weights, config and tokenizer: all that can change a number.
    """

    place: Path
    weights_sha256: str
    files_sha256: str


def build_source(config: Config) -> Source:
    """Read the task's rows.

    Raises:
        DataError: They cannot be read.
    """
    section, folder = config.data, config.task.folder
    if section.source == "sample":
        return sample_source(folder, section.max_rows)
    if section.source == "hub":
        assert section.hub_id is not None
        return hub_source(section.hub_id, folder, section.max_rows)
    assert section.root is not None
    return jsonl_source(section.root, folder, section.max_rows)


def find_backbone(config: Config) -> Found:
    """The backbone's files, fetched from the hub where that was asked for, and their hashes.

    Raises:
        WeightsError: They are not on this machine and cannot be had.
    """
    place = find_place(config)
    try:
        weights = weights_sha256(place)
        return Found(place, weights, files_sha256(place, weights))
    except NoSuchBackbone as error:
        raise WeightsError(f"backbone={config.backbone.name}: {error}") from error


def find_place(config: Config) -> Path:
    """The folder of the backbone's files, without a look into the weights.

    Raises:
        WeightsError: They are not on this machine and cannot be had.
    """
    section = config.backbone
    try:
        return locate(section.package, section.path, section.hub_id, section.revision)
    except NoSuchBackbone as error:
        raise WeightsError(f"backbone={section.name}: {error}") from error
