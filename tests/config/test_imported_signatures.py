"""Constructors of other packages: positional options, inherited constructors, names that a module imports."""

import sys

import pytest

from rpt.config.construct import construct, construct_with_known
from rpt.config.schema import Component
from rpt.config.signatures import check_component, coerce, signature
from rpt.errors import ConfigError

SOURCE = """
from pathlib import Path
from fractions import Fraction as Reexported

class Base:
    def __init__(self, width: int, shape: tuple[int, int] = (1, 2), folder: "Path | None" = None, **others):
        if width < 0:
            raise ValueError("width is below zero")
        self.options = (width, shape, folder, others)

class Inherits(Base):
    pass

def needs_rate(groups, lr, momentum: float = 0.9): return groups, lr, momentum

def narrow(*, width: int = 1, **others): ...

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Name of an importable module that has constructors of a user."""
    (tmp_path / "constructors_of_mine.py").write_text(SOURCE)
    (tmp_path / "fails_of_mine.py").write_text("from torch import nn as Mine\nraise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    signature.cache_clear()
    return "constructors_of_mine"


def problems(group, target, **options):
    return [str(problem) for problem in check_component(group, {"_target_": target, **options})]


def test_valid_options_of_other_packages_are_accepted(module):
    assert problems("optim", "torch.optim.SGD", momentum=0.9, nesterov=True) == []
    assert problems("optim", "torch.optim.AdamW", betas=[0.9, 0.99]) == []
    assert problems("encoder", f"{module}.Inherits", width=3, folder="x", unknown=1) == []
    assert problems("encoder", f"{module}.Reexported", numerator=1) == []


@pytest.mark.parametrize(
    ("group", "target", "options", "message"),
    [
        (
            "optim",
            "torch.optim.SGD",
            {"momentun": 0.9},
            "optim.momentun = 0.9: no such key. Did you mean momentum? Keys here: dampening, differentiable, foreach, "
            "fused, maximize, momentum, nesterov.",
        ),
        ("optim", "torch.optim.SGD", {"momentum": "0.9"}, "optim.momentum = 0.9: must be a number."),
        ("encoder", "constructors_of_mine.Inherits", {}, "encoder.width = ???: needs a value."),
        ("encoder", "constructors_of_mine.Inherits", {"width": "3"}, "encoder.width = 3: must be a whole number."),
        (
            "optim",
            "constructors_of_mine.number",
            {},
            "optim._target_ = constructors_of_mine.number: is not a class or function.",
        ),
        (
            "init",
            "constructors_of_mine.narrow",
            {},
            "init._target_ = constructors_of_mine.narrow: takes 0 positional arguments, and rpt gives 3.",
        ),
    ],
)
def test_a_wrong_option_is_refused(group, target, options, message, module):
    assert problems(group, target, **options) == [message]


def test_the_error_of_a_module_that_cannot_be_imported_has_file_and_line(module, tmp_path):
    assert problems("optim", "fails_of_mine.Mine") == [
        "optim._target_ = fails_of_mine.Mine: cannot be imported (RuntimeError: no licence, in "
        f"{tmp_path}/fails_of_mine.py, line 2)."
    ]


def built(group, target, *arguments, **options):
    component = coerce(Component.model_validate({"_target_": target, **options}), group)
    return construct(group, component, *arguments)


def test_a_constructor_gets_its_options_with_the_types_of_its_signature(module):
    assert built("encoder", f"{module}.Inherits", width=3, shape=[4, 5]).options == (3, (4, 5), None, {})


def test_an_optimizer_that_requires_a_learning_rate_gets_it(module):
    component = coerce(Component.model_validate({"_target_": f"{module}.needs_rate"}), "optim")
    assert construct_with_known("optim", component, {"lr": 0.3, "weight_decay": 1.0}, "groups") == ("groups", 0.3, 0.9)


def test_a_constructor_that_raises_is_refused_with_file_and_line(module, monkeypatch):
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ConfigError) as refused:
        built("encoder", f"{module}.Inherits", width=-1)
    assert str(refused.value) == (
        "encoder._target_ = constructors_of_mine.Inherits: raises an error when it is built (ValueError: width is "
        f"below zero, in {sys.modules[module].__file__}, line 8). Correct the code, or the options encoder.*."
    )
