"""Build the type that an annotation in a source text describes, without running the code of the text."""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable
from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rpt.config import options

_BUILTINS = {kind.__name__: kind for kind in (bool, dict, float, int, list, object, str, tuple)}
_PYDANTIC = {
    "NonNegativeFloat": NonNegativeFloat,
    "NonNegativeInt": NonNegativeInt,
    "PositiveFloat": PositiveFloat,
    "PositiveInt": PositiveInt,
}
_NAMES: dict[str, Any] = {
    **_BUILTINS,
    **{name: getattr(typing, name) for name in typing.__all__},
    **_PYDANTIC,
    **{name: getattr(options, name) for name in options.__all__},
}
"""Types that an option's annotation may name, by name."""


def type_of(node: ast.expr) -> Any:
    """Build the type that an annotation describes.

    An annotation may hold names, subscripts, unions, plain values, and `Field` with plain values.

    Args:
        node: Syntax tree of the annotation.

    Raises:
        NameError: The annotation uses a name that is not in `_NAMES`.
        ValueError: The annotation holds another expression, such as a call.
        TypeError: The parts of the annotation do not make a type.
    """
    read = _READERS.get(type(node))
    if read is None:
        raise ValueError(ast.unparse(node))
    return read(node)


def _name(node: ast.Name) -> Any:
    if node.id not in _NAMES:
        raise NameError(name=node.id)
    return _NAMES[node.id]


def _attribute(node: ast.Attribute) -> Any:
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    raise NameError(name=ast.unparse(root))


def _constant(node: ast.Constant) -> Any:
    """Build the type of an annotation in quotes, or return a plain value such as None."""
    return type_of(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node.value


def _union(node: ast.BinOp) -> Any:
    if not isinstance(node.op, ast.BitOr):
        raise ValueError(ast.unparse(node))
    return typing.Union[type_of(node.left), type_of(node.right)]  # noqa: UP007


def _subscript(node: ast.Subscript) -> Any:
    base = type_of(node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if base is typing.Literal:
        return base[tuple(ast.literal_eval(part) for part in parts)]
    items = tuple(type_of(part) for part in parts)
    return base[items if len(items) > 1 else items[0]]


def _field(node: ast.Call) -> Any:
    if not isinstance(node.func, ast.Name) or node.func.id != "Field" or node.args:
        raise ValueError(ast.unparse(node))
    return Field(**{str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords})


_READERS: dict[type[ast.expr], Callable[[Any], Any]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    ast.BinOp: _union,
    ast.Subscript: _subscript,
    ast.Call: _field,
}
