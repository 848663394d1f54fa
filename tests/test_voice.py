"""Docstrings and comments can be understood without other lines, and variables name things."""

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
RIDDLE = re.compile(
    r"(Of|That|Those|Likewise|What|Whose|Whom|Which|Where|As|So|It|They|Itself|Its|Theirs|There|Nobody|Nothing)\b"
)
"""First words of a docstring that names no thing: "What is promised", "Of the runs"."""
FRAGMENT = re.compile(
    r"^\s+\w+: (Of|That|Those|Likewise|The same|The other|Whose|Where|What|As above|Its|Their|Itself|It)\b",
    re.MULTILINE,
)
"""An entry of Args or Attributes that only the entry above explains."""
LEANING = re.compile(r"\b(nobody|theirs|one's|the former|the latter)\b", re.IGNORECASE)
"""Words of a docstring whose noun is on another line."""
RIDDLE_NAMES = {"said", "told", "theirs", "looked", "thing", "things"}
"""Names of variables and arguments that name no thing of the field."""
YAML_FRAGMENT = re.compile(r"#\s*(of|that|those|likewise|whose|as above|the same)\b", re.IGNORECASE)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string that is a statement: docstrings, also of attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def faults(source: str) -> list[str]:
    """Describe the docstrings and entries that only another line explains, each with its line."""
    found = []
    for line, text in docstrings(source):
        if RIDDLE.match(text.strip()):
            found.append(f"{line}: begins in a riddle: {text.strip().splitlines()[0]}")
        found += [f"{line}: an entry that leans on another: {match[0].strip()}" for match in FRAGMENT.finditer(text)]
        found += [f"{line}: a word that leans on another line: {match[0]}" for match in LEANING.finditer(text)]
    return found


def names(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every variable and argument of a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_docstring_stands_alone(file):
    assert faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_variable_names_a_thing(file):
    if "tools" not in file.parts:
        assert [name for name in names(file.read_text(encoding="utf-8")) if name[1] in RIDDLE_NAMES] == []


def test_the_faults_are_seen():
    source = (
        '"""What is promised."""\n\nclass Run:\n    """A run, as nobody asks.\n\n    Attributes:\n'
        '        ids: Of the runs.\n    """\n\ndef count(said):\n    told = 0\n'
    )
    assert len(faults(source)) == 3
    assert sorted(name for _, name in names(source) if name in RIDDLE_NAMES) == ["said", "told"]


@pytest.mark.parametrize("top", ["conf", "sweeps"])
def test_comments_of_yaml_stand_alone(top):
    for file in sorted((ROOT / top).rglob("*.yaml")):
        comments = [line for line in file.read_text(encoding="utf-8").splitlines() if YAML_FRAGMENT.search(line)]
        assert comments == [], file
