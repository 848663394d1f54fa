"""Types of the options of components (encoders, inits, optimizers). Each type states its bounds.

The module imports only pydantic, so that a configuration can be checked without waiting for torch.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, PositiveInt
from pydantic_core import PydanticCustomError

__all__ = [
    "Activation",
    "CountOrAuto",
    "Decay",
    "Finite",
    "Negative",
    "PositiveInt",
    "Probability",
    "Scale",
    "Size",
    "Start",
    "num_bytes",
]

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

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
"""Number of bytes of each unit of a size."""

SIZE = re.compile(rf"([0-9]{{1,6}})({'|'.join(UNITS)})")


def _size(value: object) -> object:
    if not isinstance(value, str) or SIZE.fullmatch(value) is None:
        allowed = "must be a whole number with the unit KiB, MiB, GiB or TiB, such as 500MiB or 4GiB"
        raise PydanticCustomError("size", allowed)
    return value


Size = Annotated[str, PlainValidator(_size)]
"""A size in memory or on disk, such as `500MiB` or `4GiB`."""


def num_bytes(size: str) -> int:
    """Convert a size to a number of bytes.

    Args:
        size: Value of the type `Size`.

    Examples:
        >>> num_bytes("4GiB")
        4294967296
    """
    match = SIZE.fullmatch(size)
    assert match is not None
    return int(match[1]) * UNITS[match[2]]
