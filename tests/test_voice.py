"""The prose can be read anywhere: no docstring, and no entry of one, that leans on a line elsewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    file
    for top in ("rpt", "hydra_plugins", "benchmarks", "scripts", "tools")
    for file in sorted((ROOT / top).rglob("*.py"))
]
RIDDLE = re.compile(r"(Of|That|Those|Likewise|What|Whose|Which|Itself|Its|Theirs|There)\b")
"""First words of a docstring that names no thing: "What is promised", "Of the runs"."""
FRAGMENT = re.compile(
    r"^\s+\w+: (Of|That|Those|Likewise|The same|The other|Whose|As above|Its|Their|Itself)\b", re.MULTILINE
)
"""An entry of Args or Attributes that only the entry above explains."""
YAML_FRAGMENT = re.compile(r"#\s*(of|that|those|likewise|whose|as above|the same)\b", re.IGNORECASE)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Every string that stands alone as a statement, with its line: docstrings, also those of attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def faults(source: str) -> list[str]:
    """The lines at which prose leans on another line."""
    found = []
    for line, text in docstrings(source):
        if RIDDLE.match(text.strip()):
            found.append(f"{line}: begins in a riddle: {text.strip().splitlines()[0]}")
        found += [f"{line}: an entry that leans on another: {match[0].strip()}" for match in FRAGMENT.finditer(text)]
    return found


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_docstring_stands_alone(file):
    assert faults(file.read_text(encoding="utf-8")) == []


def test_the_faults_are_seen():
    source = (
        '"""What is promised."""\n\nclass Run:\n    """A run.\n\n    Attributes:\n        ids: Of the runs.\n    """\n'
    )
    assert len(faults(source)) == 2


@pytest.mark.parametrize("top", ["conf", "sweeps"])
def test_comments_of_yaml_stand_alone(top):
    for file in sorted((ROOT / top).rglob("*.yaml")):
        comments = [line for line in file.read_text(encoding="utf-8").splitlines() if YAML_FRAGMENT.search(line)]
        assert comments == [], file
