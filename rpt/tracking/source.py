"""Compute a hash of a component's source code. The source is read from files, and no module is imported.

The hash covers the definition that a `_target_` names, and every definition that it refers to directly or indirectly in
its top-level package and in rpt's packages of components (`COMPONENTS`). It also covers the statements of those modules
that do more than bind a name, because they may change what a definition does. Comments, docstrings, formatting, type
hints of functions and the order of definitions do not change the hash.

Limits:

- Other packages are not followed; their versions are in the record.
- `rpt.tracking.identity.TRAINING_VERSION` covers rpt's other modules.
- Names that only a running program knows are not followed: `getattr`, `import_module`, a registry that another module
  fills.
- Compiled extensions and data files are not followed.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from rpt.system.modules import find_module
from rpt.tracking.syntax import Chain, Module, NoSource, canonical, chains, imports, parse

COMPONENTS = ("rpt.training.optimizers", "rpt.prompt", "rpt.scoring", "rpt.tasks")
"""Modules and packages of rpt whose definitions are components or parts of components."""

LIBRARIES = ("lightning", "numpy", "peft", "scipy", "tokenizers", "torch", "transformers")
"""Packages that are identified by their version, because their source is too large to follow."""


@cache
def source_hash(target: str) -> str:
    """Compute the sha256 of a component's source.

    For a component of `LIBRARIES` or of Python, it is the sha256 of the component's name and the library's version.

    Args:
        target: Dotted path of a class or function, as in `_target_`.

    Raises:
        NoSource: The module or name does not exist, or has no source text.
    """
    module, _, name = target.rpartition(".")
    top = module.partition(".")[0]
    if top in LIBRARIES or top in sys.stdlib_module_names:
        return _digest({f"{target} {_version(top)}"})
    closure = _Closure(top)
    closure.add_target(module, name)
    return _digest(closure.pieces)


class _Closure:
    """Set of the statements on which a definition depends.

    Args:
        top: Top-level package that is followed in addition to `COMPONENTS`.

    Attributes:
        pieces: Canonical text of each statement.
    """

    def __init__(self, top: str) -> None:
        self.pieces: set[str] = set()
        self._top = top
        self._added: set[tuple[str, str]] = set()
        self._modules: dict[str, Module | None] = {}

    def add_target(self, module: str, name: str) -> None:
        """Add the definition that a component's target names.

        Raises:
            NoSource: The module has no source text, or does not define the name.
        """
        parsed = parse(module)
        if parsed is None:
            raise NoSource(f"there is no module {module!r} with a source text")
        self._modules[module] = parsed
        if name not in parsed.bindings and name not in parsed.imports and not parsed.stars:
            raise NoSource(f"{module} holds no {name!r}")
        self._add(module, name)

    def _add(self, module: str, name: str) -> None:
        """Add the definition of a name in a followed module."""
        parsed = self._module(module)
        if parsed is None or (module, name) in self._added:
            return
        self._added.add((module, name))
        self._add_effects(parsed)
        if name in parsed.imports:
            self._add_import(name, parsed.imports[name], ())
        for statement in parsed.bindings.get(name, ()):
            self._add_statement(statement, parsed)
        if name not in parsed.imports and name not in parsed.bindings:
            for starred in parsed.stars:
                self._add(starred, name)

    def _add_effects(self, parsed: Module) -> None:
        if (parsed.name, "") not in self._added:
            self._added.add((parsed.name, ""))
            for statement in parsed.effects:
                self._add_statement(statement, parsed)

    def _add_whole(self, module: str) -> None:
        """Add the definitions of all names in a module, because code that uses it as a value may use any of them."""
        parsed = self._module(module)
        if parsed is not None:
            self._add_effects(parsed)
            for name in [*parsed.bindings, *parsed.imports]:
                self._add(module, name)

    def _add_statement(self, statement: ast.stmt, parsed: Module) -> None:
        self.pieces.add(canonical(statement))
        origins = {**parsed.imports, **imports(statement, parsed)}
        for root, *attributes in set(chains(statement)):
            if root in origins:
                self._add_import(root, origins[root], tuple(attributes))
            else:
                self._add(parsed.name, root)

    def _add_import(self, name: str, origin: tuple[str, str | None], attributes: Chain) -> None:
        """Add the definition of an imported name.

        Args:
            name: Name that the import binds.
            origin: Imported module, and the name in it or None for the module itself.
            attributes: Attributes that the code reads from the name, such as `linear` in `layers.linear`.
        """
        module, attribute = origin
        self.pieces.add(f"{name} is {module} {attribute}")
        path = attributes if attribute is None else (attribute, *attributes)
        while path and self._is_followed(f"{module}.{path[0]}") and not self._binds(module, path[0]):
            deeper = f"{module}.{path[0]}"
            if find_module(deeper) is None:
                break
            module, path = deeper, path[1:]
        if path:
            self._add(module, path[0])
        else:
            self._add_whole(module)

    def _binds(self, module: str, name: str) -> bool:
        parsed = self._module(module)
        return parsed is not None and (name in parsed.bindings or name in parsed.imports)

    def _module(self, name: str) -> Module | None:
        if not self._is_followed(name):
            return None
        if name not in self._modules:
            self._modules[name] = parse(name)
        return self._modules[name]

    def _is_followed(self, module: str) -> bool:
        packages = COMPONENTS if self._top == "rpt" else (self._top, *COMPONENTS)
        return any(module == package or module.startswith(f"{package}.") for package in packages)


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]  # without the kind of build, such as +cpu
    except PackageNotFoundError:
        return ""


def _digest(pieces: set[str]) -> str:
    return hashlib.sha256("\n".join(sorted(pieces)).encode("utf-8", "surrogatepass")).hexdigest()
