"""The options of a component are checked against its constructor's signature, which is read without running code."""

import sys

import pytest

from rpt.backbones.files import NoSuchBackbone, locate
from rpt.config.paths import config_dir
from rpt.config.signatures import UnknownTarget, check_component, signature
from tests.support.composed import compose

SOURCE = """
import torch_that_is_not_installed

class Mine:
    def __init__(self, *, length: int, hidden: int, width: PositiveInt, kind: Literal["a", "b"] = "a",
                 pair: tuple[float, float] = (0.5, 1.0), share: Probability = 0.0, name: str | None = None,
                 size: Annotated[int, Field(ge=1)] = 1, rates: "Optional[list[float]]" = None):
        torch_that_is_not_installed.use()

class Bare:
    pass

def function(source, length, rng, *, scale: Scale): ...

def strange(*, width: torch.Tensor): ...

def spying(*, width: __import__("components_of_mine")): ...

def calling(*, width: Field(gt=__import__("components_of_mine"))): ...

def computed(*, width: int = len("abc")): ...
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Name of an importable module that has components of a user."""
    (tmp_path / "components_of_mine.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    signature.cache_clear()
    yield "components_of_mine"
    assert "components_of_mine" not in sys.modules, "a check has imported the component"


def problems(target, group="encoder", **options):
    return [str(problem) for problem in check_component(group, {"_target_": target, "_partial_": True, **options})]


def test_valid_options_are_accepted(module):
    assert problems(f"{module}.Mine", width=3, kind="b", pair=[0.25, 2], share=0.5, name="x", size=2, rates=[1.0]) == []
    assert problems(f"{module}.Bare") == []
    assert problems(f"{module}.function", "init", scale=0.5) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "encoder.width = ???: needs a value."),
        ({"width": 0}, "encoder.width = 0: must be greater than 0."),
        ({"width": "3"}, "encoder.width = 3: must be a whole number."),
        ({"width": True}, "encoder.width = true: must be a whole number."),
        ({"width": 3, "kind": "c"}, "encoder.kind = c: must be 'a' or 'b'."),
        ({"width": 3, "pair": [1.0]}, "encoder.pair = [1.0]: must hold one more value."),
        ({"width": 3, "pair": ["x", 1.0]}, "encoder.pair.0 = x: must be a number."),
        ({"width": 3, "pair": [float("inf"), 1.0]}, "encoder.pair.0 = inf: must be a finite number."),
        ({"width": 3, "share": 1}, "encoder.share = 1: must be less than 1."),
        ({"width": 3, "name": 3}, "encoder.name = 3: must be text. Quote it: 'encoder.name=\"3\"'."),
        (
            {"width": 3, "kinds": "a"},
            "encoder.kinds = a: no such key. Did you mean kind? "
            "Keys here: kind, name, pair, rates, share, size, width.",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_the_allowed_values(options, message, module):
    assert problems(f"{module}.Mine", **options) == [message]


def test_an_argument_that_rpt_passes_is_no_option(module):
    assert problems(f"{module}.Mine", width=3, hidden=8) == [
        "encoder.hidden = 8: no such key. Keys here: kind, name, pair, rates, share, size, width."
    ]


NO_MODULE = (
    "Name a class or function that exists. A package of your own must be installed (pip install -e DIR), or its "
    "folder be in PYTHONPATH."
)
ALLOWED_TYPES = "Use types of builtins, typing, rpt.config.options or pydantic's number types."


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("components_of_mine.Yours", "components_of_mine holds no 'Yours'. Name a class or function that exists."),
        ("no_such_module.Encoder", f"there is no module 'no_such_module'. {NO_MODULE}"),
        ("no_such.module.Encoder", f"there is no module 'no_such.module'. {NO_MODULE}"),
        ("Encoder", f"there is no module ''. {NO_MODULE}"),
        ("os.system", "the module 'os' has no source file. Name a class or function of a Python file."),
        ("math.sqrt", "the module 'math' has no source file. Name a class or function of a Python file."),
        (
            "components_of_mine.strange",
            "the type of its argument width is torch.Tensor, whose name 'torch' rpt does not know here. "
            f"{ALLOWED_TYPES}",
        ),
        (
            "components_of_mine.spying",
            "the type of its argument width is __import__('components_of_mine'), which rpt cannot check. "
            f"{ALLOWED_TYPES}",
        ),
        (
            "components_of_mine.calling",
            "the type of its argument width is Field(gt=__import__('components_of_mine')), which rpt cannot check. "
            f"{ALLOWED_TYPES}",
        ),
        (
            "components_of_mine.computed",
            "the default of its argument width is len('abc'). Write the default as a literal, such as 2 or None.",
        ),
    ],
)
def test_a_target_that_cannot_be_read_is_refused(target, reason, module):
    assert problems(target) == [f"encoder._target_ = {target}: {reason}"]


def test_a_target_in_a_package_does_not_run_the_package(tmp_path, monkeypatch):
    folder = tmp_path / "package_of_mine" / "inner"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").write_text("raise SystemExit('the check has run the package')")
    (folder / "encoders.py").write_text("class Mine:\n    def __init__(self, *, width: int): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert problems("package_of_mine.inner.encoders.Mine", width=3) == []
    with pytest.raises(NoSuchBackbone, match=r"package_of_mine\.nothing, which is not installed"):
        locate("package_of_mine.nothing", "model", None, None)
    with pytest.raises(NoSuchBackbone, match=r"config\.json"):
        locate("package_of_mine.inner", "model", None, None)


def test_a_source_that_is_no_python_is_refused(tmp_path, monkeypatch):
    (tmp_path / "broken_of_mine.py").write_text("class Mine(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [problem] = problems("broken_of_mine.Mine")
    assert "broken_of_mine.py: cannot be read as Python (" in problem


def test_a_component_with_the_target_null_has_no_problems():
    assert list(check_component("encoder", {"_target_": None, "_partial_": True})) == []


def test_a_number_in_place_of_a_component_is_refused_by_the_schema_only():
    assert list(check_component("encoder", 3)) == []


@pytest.mark.parametrize(("group", "count"), [("encoder", 18), ("init", 6), ("optim", 2)])
def test_the_options_of_every_shipped_component_are_valid(group, count):
    given = {"text": "init.text=words", "file": "init.path=/nowhere.npy"}
    options = sorted(file.stem for file in (config_dir() / group).glob("*.yaml"))
    assert len(options) == count
    for option in options:
        values = compose([f"{group}={option}", *([given[option]] if option in given else [])])[group]
        assert list(check_component(group, values)) == []


def test_the_error_of_an_unknown_target_has_its_module_and_name():
    with pytest.raises(UnknownTarget, match=r"^rpt\.training\.optimizers holds no 'sgd'\."):
        signature("rpt.training.optimizers.sgd")
