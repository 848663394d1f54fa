"""Find the names that a module's source text binds and uses, without importing the module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rpt.system.modules import source_file

Chain = tuple[str, ...]
"""A name and its attributes in source text: `layers.linear` is `("layers", "linear")`."""

_SCOPE = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_COMPOUND = ast.If | ast.Try | ast.For | ast.While | ast.With
_HINTED = ast.FunctionDef | ast.AsyncFunctionDef | ast.arg
_HINTS = ("annotation", "returns")
_UNREAD = ("ctx", "kind", "type_comment", "type_ignores")


class NoSource(LookupError):
    """The source text of a component cannot be found or read."""


@dataclass(frozen=True)
class Module:
    """Names that a source file binds.

    Attributes:
        name: Dotted name of the module.
        is_package: Whether the file is a package's `__init__.py`.
        bindings: Top-level statements that bind a name, by the name.
        imports: Origin of each name that an import binds: a module, and the name in it or None for the module itself.
        stars: Modules that are imported by `from MODULE import *`.
        effects: Top-level statements that may do more than bind a name.
    """

    name: str
    is_package: bool
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    effects: list[ast.stmt] = field(default_factory=list)


def parse(name: str) -> Module | None:
    """Read a module's source; None if the module has no source file.

    Raises:
        NoSource: The source is not Python.
    """
    path = source_file(name)
    if path is None:
        return None
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, OSError) as error:
        raise NoSource(f"{path}: cannot be read as Python ({error})") from error
    module = Module(name, path.name == "__init__.py")
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            module.stars.append(_base(statement, module))
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports.update(imports(statement, module))
        elif not _is_silent(statement):
            _take(statement, module)
    return module


def _take(statement: ast.stmt, module: Module) -> None:
    """Add a top-level statement other than an import to `bindings`, to `effects`, or to both."""
    names = set(_bound(statement))
    for name in names:
        module.bindings.setdefault(name, []).append(statement)
    if isinstance(statement, _COMPOUND):
        module.imports.update(imports(statement, module))
    if (not names or isinstance(statement, _COMPOUND)) and not _is_skipped(statement):
        module.effects.append(statement)


def _is_skipped(statement: ast.stmt) -> bool:
    """Whether an import skips a statement: `if __name__ == "__main__"` and `if TYPE_CHECKING`."""
    tested = {chain[-1] for chain in chains(statement.test)} if isinstance(statement, ast.If) else set()
    return bool(tested & {"__name__", "TYPE_CHECKING"})


def canonical(node: Any) -> str:
    """Format a node of a syntax tree, without parts that cannot change a result. All versions of Python agree."""
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node if not _is_silent(item)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={canonical(value)}"
        for name, value in ast.iter_fields(node)
        if value not in (None, []) and not (isinstance(node, _HINTED) and name in _HINTS) and name not in _UNREAD
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _is_silent(node: Any) -> bool:
    """Whether a node is a statement that does nothing, such as a docstring."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def imports(node: ast.AST, module: Module) -> dict[str, tuple[str, str | None]]:
    """Find the names that imports inside a node bind, each with its module and the name in it (None for the module)."""
    origins: dict[str, tuple[str, str | None]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                top = alias.name.partition(".")[0]
                origins[alias.asname or top] = (alias.name if alias.asname else top, None)
        elif isinstance(part, ast.ImportFrom):
            base = _base(part, module)
            origins |= {alias.asname or alias.name: (base, alias.name) for alias in part.names}
    return origins


def _base(statement: ast.ImportFrom, module: Module) -> str:
    """Return the absolute name of the module in a `from ... import` statement."""
    if not statement.level:
        return statement.module or ""
    parts = module.name.split(".")
    above = parts[: len(parts) - statement.level + module.is_package]
    return ".".join([*above, *([statement.module] if statement.module else [])])


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its module."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, _SCOPE):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def chains(node: ast.AST) -> Iterator[Chain]:
    """Yield every name that a node uses, with its attributes; type hints are left out."""
    attributes: list[str] = []
    root = node
    while isinstance(root, ast.Attribute):
        attributes.insert(0, root.attr)
        root = root.value
    if isinstance(root, ast.Name):
        yield (root.id, *attributes)
        return
    hinted = isinstance(node, _HINTED)
    for name, value in ast.iter_fields(node):
        if not ((hinted or isinstance(node, ast.AnnAssign)) and name in _HINTS):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from chains(child)
