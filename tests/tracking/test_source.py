"""The hash of a component's source changes if and only if the code that computes its results changes."""

import sys
from pathlib import Path

import pytest

from rpt.system.modules import find_module
from rpt.tracking.source import COMPONENTS, source_hash
from rpt.tracking.syntax import NoSource

ENCODERS = '''
"""Encoders of mine."""
import math
from . import layers as parts
from .base import Base

SCALE = 2.0
UNUSED = 1

class Mine(Base):
    """A table, scaled."""

    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()
        self.inner = parts.inner(hidden)

    def forward(self, prompt):
        from .late import shift

        return helper(prompt) * SCALE + shift(prompt)  # scaled


def helper(prompt):
    return math.sqrt(4) * prompt


def unused():
    return 1
'''
PACKAGE = {
    "__init__.py": "from .encoders import Mine as Exported\n",
    "encoders.py": ENCODERS,
    "base.py": "class Base:\n    rate = 1\n\nclass Other:\n    rate = 1\n",
    "layers.py": "try:\n    from .deep import depth\nexcept ImportError:\n    depth = None\n\n\n"
    "def inner(hidden):\n    return depth(hidden)\n",
    "deep.py": "def depth(hidden):\n    return hidden + 1\n",
    "late.py": "def shift(prompt):\n    return prompt\n",
    "apart.py": "raise RuntimeError('nobody refers to this')\n",
}
TARGET = "mylab.encoders.Mine"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Write a user's package with a replaced file, and return the hash of its encoder."""
    folder = tmp_path / "mylab"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))

    def hash_of(file="encoders.py", before="", after="", target=TARGET):
        for name, text in PACKAGE.items():
            assert name != file or before in text
            (folder / name).write_text(text.replace(before, after) if name == file and before else text)
        source_hash.cache_clear()
        return source_hash(target)

    yield hash_of
    source_hash.cache_clear()
    assert not [name for name in sys.modules if name.startswith("mylab")], "the hash has imported the component"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("encoders.py", "* SCALE", "/ SCALE"),
        ("encoders.py", "SCALE = 2.0", "SCALE = 3.0"),
        ("encoders.py", "math.sqrt(4)", "math.sqrt(9)"),
        ("encoders.py", "import math", "import cmath as math"),
        ("encoders.py", "\ndef unused", "\nMine.forward = helper\n\ndef unused"),
        ("encoders.py", "\ndef unused", "\nfor one in [Mine]:\n    one.forward = helper\n\ndef unused"),
        ("encoders.py", "def forward(self, prompt)", "@property\n    def forward(self, prompt)"),
        ("base.py", "class Base:\n    rate = 1", "class Base:\n    rate = 2"),
        ("deep.py", "hidden + 1", "hidden + 2"),
        ("late.py", "return prompt", "return -prompt"),
        ("layers.py", "depth(hidden)", "depth(2 * hidden)"),
    ],
)
def test_a_change_of_the_computation_changes_the_hash(file, before, after, lab):
    assert lab(file, before, after) != lab()


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("encoders.py", "  # scaled", ""),
        ("encoders.py", '    """A table, scaled."""\n', '    """Another text."""\n\n    "another"\n'),
        ("encoders.py", '    """A table, scaled."""\n', ""),
        ("encoders.py", '"""Encoders of mine."""\n', ""),
        ("encoders.py", "helper(prompt) * SCALE", "(\n            helper(prompt)\n            * SCALE)"),
        ("encoders.py", "def helper(prompt):", "def helper(prompt: object) -> object:"),
        ("encoders.py", "UNUSED = 1", "UNUSED = 2"),
        ("encoders.py", "    return 1\n", "    return 2\n\n\nif __name__ == '__main__':\n    unused()\n"),
        ("base.py", "class Other:\n    rate = 1", "class Other:\n    rate = 2"),
        ("apart.py", "nobody", "somebody"),
        ("__init__.py", "\n", "\nVERSION = 2\n"),
    ],
)
def test_a_change_without_effect_on_the_computation_does_not_change_the_hash(file, before, after, lab):
    assert lab(file, before, after) == lab()


def test_the_hash_of_an_exported_name_covers_its_definition(lab):
    exported = "mylab.Exported"
    assert lab("deep.py", "hidden + 1", "hidden + 2", target=exported) != lab(target=exported)


def test_the_hash_of_a_users_component_covers_the_component_packages_of_rpt(lab, tmp_path, monkeypatch):
    """The package `mylab` stands in for a component package of rpt."""
    monkeypatch.setattr("rpt.tracking.source.COMPONENTS", ("mylab",))
    (tmp_path / "outside.py").write_text("from mylab.base import Base\n\nclass Mine(Base):\n    pass\n")
    target = "outside.Mine"
    assert lab("base.py", "class Base:\n    rate = 1", "class Base:\n    rate = 2", target=target) != lab(target=target)


def test_the_hash_of_a_class_of_a_library_depends_on_the_version_of_the_library(monkeypatch):
    source_hash.cache_clear()
    before = source_hash("torch.optim.SGD")
    monkeypatch.setattr("rpt.tracking.source.version", lambda package: "1.0")
    source_hash.cache_clear()
    assert source_hash("torch.optim.SGD") != before
    source_hash.cache_clear()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mylab.encoders.Yours", r"^mylab\.encoders holds no 'Yours'$"),
        ("mylab.nothing.Mine", r"^there is no module 'mylab\.nothing' with a source text$"),
        ("Mine", r"^there is no module '' with a source text$"),
    ],
)
def test_a_component_without_a_source_is_refused(target, message, lab):
    with pytest.raises(NoSource, match=message):
        lab(target=target)


def test_the_error_of_a_source_that_is_no_python_has_its_line(lab):
    with pytest.raises(NoSource, match=r"base\.py: cannot be read as Python \(.*line 1"):
        lab("base.py", "class Base:", "class Base")


def test_a_module_is_found_without_an_import(lab):
    lab()
    assert find_module("mylab.encoders").origin.endswith("mylab/encoders.py")
    assert find_module("mylab.apart") is not None
    assert [find_module(name) for name in ("mylab.nothing", "", "mylab.", ".mylab", "no_such.module")] == [None] * 5


def test_every_component_package_exists():
    root = Path(__file__).parents[2]
    paths = [root / name.replace(".", "/") for name in COMPONENTS]
    assert all(path.is_dir() or path.with_suffix(".py").is_file() for path in paths)
