"""Types of configuration values with bounds. This module imports only pydantic, so that its import is fast."""

from typing import Annotated, Literal

from pydantic import Field

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]*[A-Za-z0-9_]$")]
"""A text that becomes part of a run folder's name: letters, digits, `_` and `.`, without `.` at its end."""

Choices = Annotated[tuple[str, ...], Field(min_length=2, strict=False)]
MetricName = Literal["accuracy", "f1_macro", "f1a", "em", "f1", "f1_of_sets"]
Metrics = Annotated[tuple[MetricName, ...], Field(min_length=1, strict=False)]
Labels = Annotated[tuple[str | int | bool, ...], Field(min_length=2, strict=False)]

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""A seed that every random generator accepts, also multiplied by 100,003 as in `rpt.data.batches.epoch_batches`."""

ASIDE = Field(json_schema_extra={"identity": False})
"""Mark of a field that cannot change a score. Such a field is not part of a run's identity."""
