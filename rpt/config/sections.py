"""Find the sections of a schema: the pydantic models in the annotations of its fields."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def section_in(annotation: Any) -> type[BaseModel] | None:
    """Return the pydantic model `M` of an annotation `M` or `M | None`; None for any other annotation."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else [annotation]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
