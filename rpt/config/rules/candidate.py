"""The argument of a rule: a configuration, with the backbone's folder and family and the task's format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rpt.backbones.files import NoSuchBackbone, cached, family_of, locate
from rpt.config.schema import Config, PairFormat, TextFormat


@dataclass(frozen=True)
class Candidate:
    """A configuration while the rules on relations between its values are checked.

    Attributes:
        config: The whole configuration, or its valid part if some values have been refused already. Reading a refused
            value raises `rpt.config.schema.NotValid`, which ends the rule that needs the value.
    """

    config: Config

    @cached_property
    def folder(self) -> Path | None:
        """Folder of the backbone's files; None if they must be fetched from the hub or no folder is named.

        Raises:
            NoSuchBackbone: The named folder is missing or incomplete.
        """
        backbone = self.config.backbone
        if backbone.hub_id is not None:
            return cached(backbone.hub_id, backbone.revision)
        return None if backbone.path is None else locate(backbone.package, backbone.path, None, None)

    @cached_property
    def family(self) -> str | None:
        """Family of the backbone. For `auto`, the model's config determines it; None if it is unknown."""
        configured = self.config.backbone.family
        if configured != "auto":
            return configured
        try:
            return None if self.folder is None else family_of(self.folder)
        except NoSuchBackbone:
            return None  # `backbone_can_serve` reports the missing backbone

    @property
    def scorer(self) -> str:
        """Name of the scorer. For `auto`, the backbone's family and the form of the answers determine it."""
        name = self.config.scorer.name
        if name != "auto":
            return name
        if self.family == "encoder":
            return "head"
        return "generate" if self.writes_freely or self.is_published else "rank"

    @property
    def is_published(self) -> bool:
        """Whether rows are formatted as in the paper's published code: protocol=paper with a T5 backbone."""
        return self.config.protocol.name == "paper" and self.family == "seq2seq"

    @property
    def form(self) -> PairFormat | TextFormat | None:
        """Format in which the backbone reads a row under the chosen protocol; None if the task has none."""
        task, family = self.config.task, self.family
        if self.is_published:
            return None if task.paper is None else task.paper.seq2seq
        return None if family is None else getattr(task.formats, family)

    @property
    def writes_freely(self) -> bool:
        """Whether the answer is a text of the row instead of a choice, so that it must be generated."""
        return isinstance(self.form, TextFormat) and self.form.framing not in ("choice", "referent")
