"""Types of the options of components (encoders, inits, optimizers). Each type states its bounds.

The module imports only pydantic, so that a configuration can be checked without waiting for torch.
"""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, PositiveInt
from pydantic_core import PydanticCustomError

__all__ = ["Activation", "CountOrAuto", "Decay", "Finite", "Negative", "PositiveInt", "Probability", "Scale", "Start"]

Probability = Annotated[float, Field(ge=0, lt=1)]
"""Probability that dropout drops a unit; 1 would drop every unit."""

Activation = Literal["relu", "gelu", "tanh", "silu"]
"""Nonlinearity of an encoder. The paper finds that the choice matters little."""

Start = Literal["init", "source"]
"""Initial values of an encoder's trained numbers.

`init` fits the numbers to the initial table, which the config group `init` determines. `source` draws them as the
authors of the encoder do.
"""

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A number that is neither infinite nor NaN."""

Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A standard deviation or another positive, finite factor."""

Decay = Annotated[float, Field(ge=0, lt=1)]
"""Decay factor of a running mean; with 1 the mean would never change."""

Negative = Annotated[float, Field(lt=0, allow_inf_nan=False)]
"""A number below zero."""


def _count_or_auto(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_count and value != "auto":
        raise PydanticCustomError("count_or_auto", "must be a whole number of at least 1, or auto")
    return value


CountOrAuto = Annotated[int | Literal["auto"], PlainValidator(_count_or_auto)]
"""A whole number of at least 1, or `auto` for a number that fits the machine."""
