"""Build the valid part of a wrong configuration, so that relations between its valid values can still be checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from rpt.config.sections import section_in

Model = TypeVar("Model", bound=BaseModel)

UNSET = "???"
"""Text that stands for a value which an option file requires and the user has not set."""


def valid_part(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Build a section of the configuration from its valid values alone.

    Args:
        model: Schema of the section.
        values: Plain values of the section, which may be wrong or unset.

    Returns:
        Section without the values that are wrong, unset or missing. Reading such a value raises
        `rpt.config.schema.NotValid`.
    """
    refused = _refused(model, values)
    fields = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    valid_names = tuple(name for key, (name, _) in fields.items() if key in values and key not in refused)
    valid_values = {key: value for key, value in values.items() if key not in refused}
    part = _reduced(model, valid_names).model_validate(valid_values)
    parts = {key: getattr(part, name) for key, (name, _) in fields.items() if name in valid_names}
    for key in refused & fields.keys():
        nested = section_in(fields[key][1].annotation)
        if nested is not None and isinstance(values.get(key), dict):
            parts[key] = valid_part(nested, values[key])
    if model.model_config.get("extra") == "allow":
        parts = {**valid_values, **parts}
    section_part = model.model_construct(**parts)
    for key in refused & fields.keys() - parts.keys():
        # A default must not replace a value that the user has set wrongly.
        section_part.__dict__.pop(fields[key][0], None)
    return section_part


def _refused(model: type[BaseModel], values: Mapping[str, Any]) -> set[str]:
    """Return the keys of a section whose values are wrong, missing, or unset somewhere inside."""
    refused = {key for key, value in values.items() if _is_unset(value)}
    try:
        model.model_validate(values)
    except ValidationError as error:
        refused |= {str(finding["loc"][0]) for finding in error.errors(include_url=False) if finding["loc"]}
    return refused


def _is_unset(value: object) -> bool:
    return any(map(_is_unset, value.values())) if isinstance(value, dict) else value == UNSET


@cache
def _reduced(model: type[BaseModel], names: tuple[str, ...]) -> type[BaseModel]:
    """Build a schema that has some of the fields of another schema."""
    fields: dict[str, Any] = {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names}
    return create_model(model.__name__, __config__=ConfigDict(**{**model.model_config, "extra": "ignore"}), **fields)
