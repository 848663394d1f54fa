"""Translate pydantic's validation errors into problems: key, value, allowed values and advice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError

from rpt.config.near_miss import near_miss
from rpt.config.paths import config_dir
from rpt.config.sections import section_in
from rpt.errors import Problem

SHIPPED = {
    "prompt.length": ("config", "prompt", "length"),
    "encoder.bottleneck_dim": ("encoder/residual", "bottleneck_dim"),
    "lr": ("config", "lr"),
}
"""Location of a key's shipped value, by key: the option file, and the nested keys inside that file."""

HINTS = {
    "prompt.length": "Set prompt.length={shipped}, as in the paper's Table 1; for no prompt at all, encoder=none.",
    "encoder.bottleneck_dim": "Set encoder.bottleneck_dim={shipped}, the shipped setting.",
    "lr": "Set lr={shipped}, the shipped setting.",
    "data.root": "Set data.root=DIR, the folder that holds the tasks' folders, such as CB of the official release.",
    "init.path": "Set init.path=FILE, a .safetensors or .npy file of shape [prompt.length, hidden].",
    "init.text": "Set 'init.text=\"some words\"'.",
    "backbone.path": "Set backbone.path=DIR, a folder with config.json, tokenizer and weights of a model.",
    "backbone.sha256": "Set the 64 digits of the weight file's sha256, or null to accept any weights.",
}
"""Advice for keys whose bound alone does not help the user, by key. `{shipped}` stands for the shipped value."""

ALLOWED = {
    "int_type": "must be a whole number.",
    "float_type": "must be a number.",
    "finite_number": "must be a finite number.",
    "bool_type": "must be true or false.",
    "tuple_type": "must be a list, such as [a,b].",
    "dict_type": "must be a group of keys.",
    "model_type": "must be a group of keys.",
}
"""Allowed values in plain words, by the type of pydantic's error."""

LABEL_TYPES = ("str", "int", "bool")
"""Allowed types of a label. pydantic reports a wrong label once for each type, and appends the type to the key."""


SET_BY_RPT = ("chosen", "component")
"""Keys that rpt sets itself. A message does not list them among the keys that a user may set."""


def problems_of(error: ValidationError, prefix: str, model: type[BaseModel]) -> Iterator[Problem]:
    """Translate each finding of a validation error into a problem.

    Args:
        error: Validation error of pydantic.
        prefix: Dotted key of the validated values in the whole configuration; empty for the root.
        model: Schema of the validated values, for the names of its keys.
    """
    for finding in error.errors(include_url=False):
        names = [str(part) for part in finding["loc"]]
        if len(names) > 1 and names[-1] in LABEL_TYPES and names[-2].isdigit():
            yield Problem(".".join(names[:-1]), finding["input"], "must be text, a whole number, or true or false.")
            continue
        key = ".".join([prefix, *names] if prefix else names)
        if finding["type"] == "missing" and names[-1].isdigit():
            yield Problem(key.rpartition(".")[0], finding["input"], "must hold one more value.")
        elif finding["type"] == "missing":
            yield Problem(key, "???", hinted(key, "needs a value."))
        elif finding["type"] == "extra_forbidden":
            siblings = _keys_of(model, names[:-1])
            advice = "no such key. " + near_miss(names[-1], siblings, "Keys here")
            yield Problem(key, finding["input"], advice)
        else:
            yield Problem(key, finding["input"], hinted(key, _allowed(key, finding)))


def hinted(key: str, advice: str) -> str:
    """Append the advice of `HINTS` on a key, if there is any."""
    hint = HINTS.get(key)
    if hint is None:
        return advice
    return f"{advice} {hint.replace('{shipped}', _shipped(key)) if key in SHIPPED else hint}"


@cache
def _shipped(key: str) -> str:
    """Read the shipped setting of a key from its option file."""
    file, *names = SHIPPED[key]
    value = yaml.safe_load((config_dir() / f"{file}.yaml").read_text(encoding="utf-8"))
    for name in names:
        value = value[name]
    return str(value)


def _allowed(key: str, finding: Any) -> str:
    """Describe the allowed values for one finding of pydantic."""
    kind, value, bounds = finding["type"], finding["input"], finding.get("ctx", {})
    if kind in ALLOWED:
        return ALLOWED[kind]
    if kind == "string_type":
        is_number = isinstance(value, int | float)
        quoted = f" Quote it: '{key}=\"{str(value).lower()}\"'." if is_number and key not in HINTS else ""
        return f"must be text.{quoted}"
    if kind == "string_pattern_mismatch":
        return f"must match {bounds['pattern']!r}."
    if kind in ("too_short", "too_long"):
        bound, count = ("least", bounds["min_length"]) if kind == "too_short" else ("most", bounds["max_length"])
        return f"must hold at {bound} {count} {'value' if count == 1 else 'values'}."
    message = str(finding["msg"]).removeprefix("Input ").replace("should", "must", 1)
    return message.replace("greater than or equal to", "at least").replace("less than or equal to", "at most") + "."


def _keys_of(model: type[BaseModel], names: list[str]) -> list[str]:
    """List the keys that a user may set in a section of the configuration; empty for a section with any keys.

    Args:
        model: Schema of the whole configuration.
        names: Names of the nested sections, from the outermost to the section itself.
    """
    for name in names:
        nested = section_in(model.model_fields[name].annotation) if name in model.model_fields else None
        if nested is None:
            return []
        model = nested
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if name not in SET_BY_RPT]
