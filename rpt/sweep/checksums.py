"""Checksums of the rows and weights of a sweep's points, each computed once.

This module does not import torch, so that a sweep whose runs are all finished ends without that import.
"""

from __future__ import annotations

from collections.abc import Callable

from rpt.config.schema import Config
from rpt.data.inputs import build_source, find_backbone
from rpt.errors import RptError


class Provenance:
    """Computes checksums of data and backbones and caches them. An error is cached too, and raised for later points."""

    def __init__(self) -> None:
        self._cached: dict[tuple[object, ...], str | RptError] = {}

    def data_checksum(self, config: Config) -> str:
        """Return the sha256 of the configuration's rows.

        Raises:
            DataError: The rows cannot be read.
        """
        section = config.data
        key = (config.task.name, config.task.folder, section.source, section.root, section.hub_id)
        return self._once((*key, section.max_rows), lambda: build_source(config).checksum)

    def backbone_sha256(self, config: Config) -> str:
        """Return the sha256 of the backbone's files.

        Raises:
            WeightsError: The files are not on this machine and cannot be downloaded.
        """
        section = config.backbone
        key = ("backbone", section.package, section.path, section.hub_id, section.revision)
        return self._once(key, lambda: find_backbone(config).files_sha256)

    def _once(self, key: tuple[object, ...], read: Callable[[], str]) -> str:
        if key not in self._cached:
            try:
                self._cached[key] = read()
            except RptError as error:
                self._cached[key] = error
        checksum = self._cached[key]
        if isinstance(checksum, RptError):
            raise checksum
        return checksum
