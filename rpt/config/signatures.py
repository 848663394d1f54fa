"""Check a component's options against its constructor's signature.

Encoders, inits, optimizers, scorers, callbacks and loggers are open groups: a new component needs only a class and a
YAML file. The constructor's signature is the schema of the component's options.

If all options are keyword-only arguments, the signature is read from the source text and no code of the component runs.
An import of the component would import torch, but a wrong option must be refused within a second. Other constructors
are imported (`rpt.config.imported_signatures`): constructors with positional options, classes that inherit `__init__`,
and names that a module imports from elsewhere, such as `torch.optim.SGD`.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Container, Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from rpt.config.annotations import type_of
from rpt.config.imported_signatures import CannotImport, imported_signature
from rpt.config.problems import problems_of
from rpt.config.schema import Component
from rpt.errors import Problem
from rpt.system.modules import find_module, source_file

NAME_ANOTHER = "Name a class or function that exists"
OWN_PACKAGE = "A package of your own must be installed (pip install -e DIR), or its folder be in PYTHONPATH"


POSITIONAL = {"init": 3, "optim": 1}
"""Number of positional arguments that rpt gives to the constructors of a group; 0 for other groups."""

GIVEN = {
    "encoder": ("vocabulary", "backbone_layers"),
    "optim": ("lr", "weight_decay"),  # each parameter group has its own values
    "scorer": ("hidden", "num_labels", "pooling", "max_new_tokens"),
}
"""Names of the keyword arguments that rpt gives to those constructors of a group that take them."""

DEFAULTED = {"logger": ("save_dir",)}
"""Names of the options that rpt sets if the configuration does not set them, by config group."""

ALWAYS_GIVEN = ("length", "hidden")
"""Names of the keyword arguments that rpt gives to every encoder. They are not options of any component."""


class UnknownTarget(LookupError):
    """The module or name of a `_target_` does not exist, or its signature cannot be read."""


def check_component(group: str, values: Any) -> Iterator[Problem]:
    """Yield the problems with the options of one component, such as the encoder.

    Args:
        group: Config group of the component, for the keys in the problems.
        values: Composed values of the group: `_target_`, `_partial_` and the options.
    """
    target = values.get("_target_") if isinstance(values, dict) else None
    if target is None:  # without a component, as in encoder=none, there is nothing to check here
        return
    try:
        model = signature(str(target), group.partition(".")[0])
    except (UnknownTarget, CannotImport) as error:
        yield Problem(f"{group}._target_", target, f"{error}.")
        return
    options = {key: value for key, value in values.items() if not key.startswith("_")}
    try:
        model.model_validate(options)
    except ValidationError as error:
        yield from problems_of(error, group, model)


def coerce(component: Component, group: str) -> Component:
    """Convert a component's options to their declared types, so that `1` and `1.0` describe the same run.

    Defaults that the source text states are added, except for loggers.
    """
    if component.target is None:
        return component
    model = signature(component.target, group)
    has_plain_defaults = model.__module__ == __name__ and group != "logger"
    options = model.model_validate(component.options).model_dump(exclude_unset=not has_plain_defaults)
    return Component.model_validate({"_target_": component.target, "_partial_": component.partial, **options})


@cache
def signature(target: str, group: str = "encoder") -> type[BaseModel]:
    """Build the schema of a constructor's options, from its source text if that suffices.

    Args:
        target: Dotted path of a class or function.
        group: Config group of the component. It determines the arguments that rpt gives to the constructor.

    Raises:
        UnknownTarget: The module, or the name in it, does not exist, or the signature cannot be read.
        CannotImport: The constructor must be imported, and that fails.
    """
    module, _, name = target.rpartition(".")
    given_names = (*ALWAYS_GIVEN, *GIVEN.get(group, ()))
    function = _find(_source(module), name, target)
    if function is None or _has_positional_options(function, POSITIONAL.get(group, 0)):
        return imported_signature(target, POSITIONAL.get(group, 0), given_names, DEFAULTED.get(group, ()))
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg in given_names:
            continue
        is_set = argument.arg in DEFAULTED.get(group, ())
        required = (None if is_set else ...) if default is None else _default(argument, default)
        fields[argument.arg] = (_annotation(argument), required)
    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model(name, __config__=strict, __module__=__name__, **fields)


def _has_positional_options(function: ast.FunctionDef, num_given: int) -> bool:
    arguments = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    is_method = arguments[:1] == ["self"]
    return len(arguments) - is_method > num_given or function.args.kwarg is not None


def _source(module: str) -> ast.Module:
    path = source_file(module)
    if path is None:
        if find_module(module) is None:
            raise UnknownTarget(f"there is no module {module!r}. {NAME_ANOTHER}. {OWN_PACKAGE}")
        raise UnknownTarget(f"the module {module!r} has no source file. Name a class or function of a Python file")
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, OSError) as error:
        raise UnknownTarget(f"{path}: cannot be read as Python ({error}). Correct the file") from error


def _find(tree: ast.Module, name: str, target: str) -> ast.FunctionDef | None:
    """Find the function with a given name in a module, or the `__init__` of the class with this name.

    Returns:
        Syntax tree of the function; None if the constructor must be imported.

    Raises:
        UnknownTarget: The module does not define the name.
    """
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return None if node.decorator_list else node
        if isinstance(node, ast.ClassDef) and node.name == name:
            inits = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            if inits or node.bases or node.decorator_list:
                return inits[0] if inits and not node.decorator_list else None
            return ast.parse("def __init__(self): ...").body[0]  # type: ignore[return-value]
    if name not in _other_names(tree):
        raise UnknownTarget(f"{target.rpartition('.')[0]} holds no {name!r}. {NAME_ANOTHER}")
    return None


def _other_names(tree: ast.Module) -> Container[str]:
    """Collect the names that a module imports, assigns or defines.

    With a star import or `__getattr__`, the result contains every name.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return _EveryName() if names & {"*", "__getattr__"} else names


class _EveryName:
    """Container in which every name is found."""

    def __contains__(self, name: object) -> bool:
        return True


def _default(argument: ast.arg, default: ast.expr) -> Any:
    try:
        return ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        text = ast.unparse(default)
        advice = "Write the default as a literal, such as 2 or None"
        raise UnknownTarget(f"the default of its argument {argument.arg} is {text}. {advice}") from error


def _annotation(argument: ast.arg) -> Any:
    """Return the type of an argument's annotation; Any without an annotation.

    Raises:
        UnknownTarget: The annotation is not a type that an option may have.
    """
    if argument.annotation is None:
        return Any
    text = ast.unparse(argument.annotation)
    advice = "Use types of builtins, typing, rpt.config.options or pydantic's number types"
    try:
        annotation = type_of(argument.annotation)
    except NameError as error:
        reason = f"whose name {error.name!r} rpt does not know here"
        raise UnknownTarget(f"the type of its argument {argument.arg} is {text}, {reason}. {advice}") from error
    except (TypeError, ValueError, AttributeError, SyntaxError, RecursionError) as error:
        reason = "which rpt cannot check"
        raise UnknownTarget(f"the type of its argument {argument.arg} is {text}, {reason}. {advice}") from error
    if typing.get_origin(annotation) is tuple:  # YAML has lists, but no tuples
        return typing.Annotated[annotation, Field(strict=False)]
    return annotation
