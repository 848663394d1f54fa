"""Options of the packed launcher, `hydra.launcher.KEY` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from rpt.config.problems import problems_of
from rpt.config.schema import Section
from rpt.errors import ConfigError


class HalvingSettings(Section):
    """Options of successive halving, `hydra.launcher.halving.KEY` on the command line."""

    rungs: PositiveInt | None = None  # number of epochs after which the worse points stop; null: no halving
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5  # share of the points that go on after each rung
    separate: Annotated[tuple[str, ...], Field(strict=False)] = ("encoder",)  # keys that are equal within a competition


class Settings(Section):
    """Options of the packed launcher."""

    executor: Literal["inline", "submitit", "ray"] = "inline"  # trainer of the packs; see `rpt.sweep.executors`
    pack_size: PositiveInt = 64  # largest number of runs that are trained together
    retry_failed: bool = False  # true: runs that failed in an earlier command are trained again
    halving: HalvingSettings = HalvingSettings()  # stops the worse points of a sweep early
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
