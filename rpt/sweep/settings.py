"""Options of the packed launcher, `hydra.launcher.KEY` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from rpt.config.problems import problems_of
from rpt.config.schema import Section
from rpt.errors import ConfigError


class Settings(Section):
    """Options of the packed launcher."""

    executor: Literal["inline", "submitit", "ray"] = "inline"  # trainer of the packs; see `rpt.sweep.executors`
    pack_size: PositiveInt = 64  # largest number of runs that are trained together
    retry_failed: bool = False  # true: runs that failed in an earlier command are trained again
    submitit: dict[str, Any] = Field(default_factory=dict)  # options of the submitit executor
    ray: dict[str, Any] = Field(default_factory=dict)  # options of the Ray executor

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Validate the launcher's options.

        Raises:
            ConfigError: Some options are wrong; the error lists all of them.
        """
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            raise ConfigError(list(problems_of(error, "hydra.launcher", cls))) from error
