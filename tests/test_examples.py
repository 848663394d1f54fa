"""Everything that a user constructs has an example in its docstring, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
import torch

import rpt
from rpt.prompt import encoders, factorised, init, needs, residuals, soft_prompt, subspaces
from rpt.tasks import task


def public_parts() -> dict[str, object]:
    """List the objects that a user constructs or calls, by dotted name: the API, and parts of prompts and tasks."""
    parts = {f"rpt.{name}": getattr(rpt, name) for name in rpt.__all__}
    for module in (encoders, residuals, factorised, subspaces, init):
        for name, part in vars(module).items():
            if getattr(part, "__module__", None) == module.__name__ and not name.startswith("_"):
                parts[f"{module.__name__}.{name}"] = part
    others = {"rpt.prompt.ParameterGroup": needs.ParameterGroup, "rpt.prompt.SoftPrompt": soft_prompt.SoftPrompt}
    return parts | others | {"rpt.tasks.Task": task.Task}


NOT_CALLED_BY_USERS = ("rpt.prompt.init.frequent_token_ids",)


def examples() -> Iterator[doctest.DocTest]:
    """Yield every docstring of the package that holds an example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(rpt.__path__, "rpt."):
        if not info.name.endswith("__main__"):
            yield from (test for test in finder.find(importlib.import_module(info.name)) if test.examples)
    yield from (test for test in finder.find(rpt) if test.examples)


EXAMPLES = {test.name: test for test in examples()}


@pytest.mark.parametrize("name", [name for name in public_parts() if name not in NOT_CALLED_BY_USERS])
def test_every_public_part_has_an_example(name):
    assert ">>> " in (inspect.getdoc(public_parts()[name]) or ""), f"{name} has no example in its docstring"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name, minilm_tokenizer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[name]
    source = init.InitSource(torch.randn(len(minilm_tokenizer), 8), minilm_tokenizer, ("yes", "no"))
    given = {"tokenizer": minilm_tokenizer, "source": source, "rng": torch.Generator()}
    example.globs = {**example.globs, **given}
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.DocTestRunner(optionflags=flags).run(example, clear_globs=False)
    assert failed == 0


def test_a_docstring_without_an_example_is_recognised():
    assert ">>> " not in (inspect.getdoc(init.frequent_token_ids) or "")
