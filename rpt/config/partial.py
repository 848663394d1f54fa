"""Build the valid part of a configuration that is wrong elsewhere, so that its relations can still be checked."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model

Model = TypeVar("Model", bound=BaseModel)

UNSET = "???"
"""Text that stands for a value which an option file requires and the user has not set."""


def valid_part(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Build a section of the configuration from its valid values alone.

    Args:
        model: Schema of the section.
        values: Plain values of the section, which may be wrong or unset.

    Returns:
        Section without the values that are wrong, unset or missing. Reading them raises `rpt.config.schema.NotValid`.
    """
    fields: dict[str, Any] = {}
    wrong = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = values.get(key, UNSET)
        section = _section_of(field.annotation)
        if section is not None and isinstance(value, dict):
            fields[key] = valid_part(section, value)
        elif key in values and value != UNSET and (valid := _validated(model, name, value)) is not None:
            fields[key] = getattr(valid, name)
        elif key in values or field.is_required():
            wrong.append(name)
    if model.model_config.get("extra") == "allow":
        fields = {**{key: value for key, value in values.items() if value != UNSET}, **fields}
    made = model.model_construct(**fields)
    for name in wrong:
        made.__dict__.pop(name, None)  # a default would stand for a value that the user has not chosen
    return made


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that an annotation names, alone or with None; None if it names no section."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else [annotation]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _validated(model: type[BaseModel], name: str, value: Any) -> BaseModel | None:
    """Validate one value of a section, and return a model that holds it; None if the value is wrong."""
    try:
        return _single(model, name).model_validate({model.model_fields[name].alias or name: value})
    except ValidationError:
        return None


@cache
def _single(model: type[BaseModel], name: str) -> type[BaseModel]:
    """Build a schema that has one field of another schema."""
    field = model.model_fields[name]
    fields: dict[str, Any] = {name: (field.annotation, field)}
    return create_model(model.__name__, __config__=model.model_config, **fields)
