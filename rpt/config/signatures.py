"""Check a component's options against its constructor's signature, without importing it.

Encoders, inits and optimizers are open groups: a new component is a class and a YAML file, and no schema elsewhere
repeats its options. The constructor's signature *is* the schema. It is read from the source text, and no code of the
component runs. An import would import torch, but a wrong option must be refused within a second, and a target that is
not checked yet must not run code.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from rpt.config.annotations import type_of
from rpt.config.problems import problems_of
from rpt.config.schema import Component
from rpt.errors import Problem
from rpt.system.modules import find_module, source_file

OWN_PACKAGE = "A package of your own must be installed (pip install -e DIR), or its folder be in PYTHONPATH."


class UnknownTarget(LookupError):
    """The module or name of a `_target_` does not exist, or its signature cannot be read."""


def check_component(group: str, values: Any) -> Iterator[Problem]:
    """Yield the problems with the options of one component, such as the encoder.

    Args:
        group: Config group of the component, for the keys in the problems.
        values: Composed values of the group: `_target_`, `_partial_` and the options.
    """
    target = values.get("_target_") if isinstance(values, dict) else None
    if target is None:  # no component, as in encoder=none; the schema reports values that are not a group of keys
        return
    try:
        model = signature(str(target))
    except UnknownTarget as error:
        advice = f" {OWN_PACKAGE}" if str(error).startswith("there is no module") else ""
        yield Problem(f"{group}._target_", target, f"{error}. Name a class or function that exists.{advice}")
        return
    given = {key: value for key, value in values.items() if not key.startswith("_")}
    try:
        model.model_validate(given)
    except ValidationError as error:
        yield from problems_of(error, group, model)


def coerce(component: Component) -> Component:
    """Convert a component's options to their declared types, so that `1` and `1.0` give the same run."""
    if component.target is None:
        return component
    options = signature(component.target).model_validate(component.options).model_dump()
    return Component.model_validate({"_target_": component.target, "_partial_": component.partial, **options})


@cache
def signature(target: str) -> type[BaseModel]:
    """Build the schema of a constructor's keyword-only options from its source text.

    Args:
        target: Dotted path of a class or function.

    Raises:
        UnknownTarget: The module, or the name in it, does not exist, or the signature cannot be read.
    """
    module, _, name = target.rpartition(".")
    function = _find(_source(module), name, target)
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg in ("length", "hidden"):  # arguments that `rpt.build` adds, not options
            continue
        required = ... if default is None else _default(argument, default)
        fields[argument.arg] = (_annotation(argument), required)
    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model(name, __config__=strict, **fields)


def _source(module: str) -> ast.Module:
    path = source_file(module)
    if path is None:
        if find_module(module) is None:
            raise UnknownTarget(f"there is no module {module!r}")
        raise UnknownTarget(f"the module {module!r} has no source text that could be read")
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, OSError) as error:
        raise UnknownTarget(f"{path}: cannot be read as Python ({error})") from error


def _find(tree: ast.Module, name: str, target: str) -> ast.FunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
        if isinstance(node, ast.ClassDef) and node.name == name:
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            if inits:
                return inits[0]
            return ast.parse("def __init__(self): ...").body[0]  # type: ignore[return-value]
    raise UnknownTarget(f"{target.rpartition('.')[0]} holds no {name!r}")


def _default(argument: ast.arg, default: ast.expr) -> Any:
    try:
        return ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        text = ast.unparse(default)
        raise UnknownTarget(f"{argument.arg}: its default {text} is no plain value; options have plain ones") from error


def _annotation(argument: ast.arg) -> Any:
    """Return the type of an argument's annotation; Any without an annotation.

    Raises:
        UnknownTarget: The annotation is not a type that an option may have.
    """
    if argument.annotation is None:
        return Any
    text = ast.unparse(argument.annotation)
    allowed = "builtins, typing, rpt.config.options and pydantic's number types"
    try:
        annotation = type_of(argument.annotation)
    except NameError as error:
        raise UnknownTarget(f"{argument.arg}: {text} uses {error.name!r}; options use {allowed}") from error
    except (TypeError, ValueError, AttributeError, SyntaxError, RecursionError) as error:
        raise UnknownTarget(f"{argument.arg}: {text} is no type of an option; options use {allowed}") from error
    if typing.get_origin(annotation) is tuple:  # YAML has lists, but no tuples
        return typing.Annotated[annotation, Field(strict=False)]
    return annotation
