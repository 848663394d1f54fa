"""Types of the leaves' options: each states its bounds once, for check and reader.

Only pydantic is imported here, so that a configuration can be checked without waiting for torch.
"""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, PositiveInt
from pydantic_core import PydanticCustomError

__all__ = ["Activation", "CountOrAuto", "Decay", "Finite", "Negative", "PositiveInt", "Probability", "Scale"]

Probability = Annotated[float, Field(ge=0, lt=1)]
"""A share of units to drop; 1 would drop everything."""

Activation = Literal["relu", "gelu", "tanh", "silu"]
"""The nonlinearities that an encoder offers. The paper finds that the choice matters little."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""Any number, but neither infinite nor NaN."""

Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A standard deviation or another positive, finite factor."""

Decay = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running mean stays from one step to the next; 1 would never learn."""

Negative = Annotated[float, Field(lt=0, allow_inf_nan=False)]
"""A number below zero."""


def _count_or_auto(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_count and value != "auto":
        raise PydanticCustomError("count_or_auto", "must be a whole number of at least 1, or auto")
    return value


CountOrAuto = Annotated[int | Literal["auto"], PlainValidator(_count_or_auto)]
"""A number of things, or what fits the machine."""
