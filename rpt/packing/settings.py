"""The packed launcher's own options, `hydra.launcher.KEY` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from rpt.config import Section
from rpt.errors import ConfigError
from rpt.problems import problems_of


class Settings(Section):
    """How a sweep is trained."""

    executor: Literal["inline", "submitit", "ray"] = "inline"  # who trains packs; see `rpt.packing.executors`
    pack_size: PositiveInt = 64  # most runs that are trained together
    retry_failed: bool = False  # true: runs that failed at an earlier start are trained again
    submitit: dict[str, Any] = Field(default_factory=dict)  # the executor's own options
    ray: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Give the launcher's options their types.

        Raises:
            ConfigError: Everything that is wrong with them.
        """
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            raise ConfigError(list(problems_of(error, "hydra.launcher", cls))) from error
