"""Find the inputs of a run: its rows and the files of its backbone, with their checksums.

This module does not import torch, so that a command whose runs are all finished ends without that import.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rpt.backbones.files import NoSuchBackbone, files_sha256, locate, weights_sha256
from rpt.config.schema import Config
from rpt.data.sources import Source, hub_source, jsonl_source, sample_source
from rpt.errors import WeightsError


class BackboneFiles(NamedTuple):
    """Files of a backbone.

    Attributes:
        folder: Folder of the files.
        weights_sha256: sha256 of the weight files.
        files_sha256: sha256 of all files that can change a score: weights, config and tokenizer.
    """

    folder: Path
    weights_sha256: str
    files_sha256: str


def build_source(config: Config) -> Source:
    """Read the task's rows.

    Raises:
        DataError: The rows cannot be read.
    """
    section, folder = config.data, config.task.folder
    if section.source == "sample":
        return sample_source(folder, section.max_rows)
    if section.source == "hub":
        assert section.hub_id is not None
        return hub_source(section.hub_id, folder, section.max_rows)
    assert section.root is not None
    return jsonl_source(section.root, folder, section.max_rows)


def find_backbone(config: Config) -> BackboneFiles:
    """Find the backbone's files, downloading them from the hub if configured, and compute their checksums.

    Raises:
        WeightsError: The files are not on this machine and cannot be downloaded.
    """
    folder = find_folder(config)
    try:
        weights = weights_sha256(folder)
        return BackboneFiles(folder, weights, files_sha256(folder, weights))
    except NoSuchBackbone as error:
        raise WeightsError(f"backbone={config.backbone.name}: {error}") from error


def find_folder(config: Config) -> Path:
    """Find the folder of the backbone's files without reading the weights.

    Raises:
        WeightsError: The files are not on this machine and cannot be downloaded.
    """
    section = config.backbone
    try:
        return locate(section.package, section.path, section.hub_id, section.revision)
    except NoSuchBackbone as error:
        raise WeightsError(f"backbone={section.name}: {error}") from error
