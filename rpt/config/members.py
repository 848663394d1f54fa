"""Find the members of a component's class in its source text, without an import of torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rpt.system.modules import source_file

TEXT_UPDATES = ("token_update", "position_update")
"""Methods by which an encoder changes the embeddings of the text (`rpt.prompt.needs`)."""

TEXT_IS_CACHED = (
    "caches the keys and values of the text, but this encoder changes the embeddings of the text. "
    "Set backbone.prompt_at=front, or choose another encoder."
)
"""Refusal of `backbone.prompt_at=end` for an encoder that changes the embeddings of the text."""

NEEDS_EMBEDDINGS = (
    "needs a prompt among the input embeddings, because this encoder reads or changes the embeddings of the text. "
    "Set backbone.prompt_layer=0, or choose another encoder."
)
"""Refusal of a `backbone.prompt_layer` above 0 for an encoder that reads or changes the embeddings of the text."""


GENERATES_BEHIND_TEXT = "does not go with scorer=generate"
"""Reason to refuse `backbone.prompt_at=end` in a decoder that generates."""

GENERATES_AT_LAYER = (
    "does not go with scorer=generate in a decoder, "
    "where the layers below and above the prompt count positions differently"
)
"""Reason to refuse a `backbone.prompt_layer` above 0 in a decoder that generates."""


def no_such_layer(count: int) -> str:
    """Format the advice for a `backbone.prompt_layer` that a backbone with `count` layers does not have."""
    most = count - 1
    return f"this backbone has {count} layers, numbered from 0. Set backbone.prompt_layer={most} or less."


def members(target: str) -> set[str]:
    """Return the names of the methods and class attributes of a class and of its base classes in the same module.

    Args:
        target: Dotted path of the class. The result is empty if no source text defines the class.
    """
    module, _, name = target.rpartition(".")
    path = source_file(module)
    try:
        tree = None if path is None else ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()  # the check of the component's options reports the error
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)} if tree is not None else {}
    return set(_members(name, classes))


def _members(name: str, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    found = classes.pop(name, None)  # removed, so that the search ends although classes name each other as bases
    if found is None:
        return
    for part in found.body:
        if isinstance(part, ast.FunctionDef):
            yield part.name
        elif isinstance(part, ast.Assign):
            yield from (target.id for target in part.targets if isinstance(target, ast.Name))
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
    for base in found.bases:
        if isinstance(base, ast.Name):
            yield from _members(base.id, classes)
