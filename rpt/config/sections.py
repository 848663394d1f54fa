"""Find the sections of a schema: the models that the annotations of its fields name."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def section_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation names, alone or with None; None if it names no model."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else [annotation]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
