"""Requirements on every prompt encoder. Encoders are found in `conf/`, so that a new YAML file is tested at once."""

import inspect
import itertools
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter
from torch import nn

from rpt.config.signatures import ALWAYS_GIVEN, GIVEN
from rpt.prompt.init import InitSource
from rpt.prompt.needs import table_rows
from rpt.prompt.soft_prompt import SoftPrompt

FILES = sorted((Path(__file__).parents[2] / "conf" / "encoder").glob("*.yaml"))
OPTIONS = [path for path in FILES if OmegaConf.load(path)["_target_"] is not None]
LENGTH, HIDDEN = 5, 12
SMALL = {"rank": 3, "codewords": 3, "subspace_dim": 4, "basis": 7}
"""Sizes of encoders that fit a prompt of `LENGTH` tokens and the width `HIDDEN`."""
VOCABULARY = torch.randn(50, HIDDEN, generator=torch.Generator().manual_seed(8))


def load(path: Path, **changes: object) -> DictConfig:
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    # A change applies to the encoders that have the option.
    config.update({key: value for key, value in changes.items() if key in config})
    return config


def encoder_of(config: DictConfig, length: int = LENGTH) -> nn.Module:
    options = {key: value for key, value in config.items() if not key.startswith("_")}
    listed = {key: tuple(value) if OmegaConf.is_list(value) else value for key, value in options.items()}
    target = get_class(config["_target_"])
    known = {"vocabulary": InitSource(VOCABULARY, None, ())}
    given = {name: value for name, value in known.items() if name in inspect.signature(target).parameters}
    return target(length=length, hidden=HIDDEN, **given, **listed)


def build(config: DictConfig, seed: int = 0, length: int = LENGTH) -> SoftPrompt:
    torch.manual_seed(seed)
    encoder = encoder_of(config, length)
    table = torch.randn(table_rows(encoder, length), HIDDEN, generator=torch.Generator().manual_seed(7))
    return SoftPrompt(table, encoder)


CHOICES = {"shared": [True, False], "start": ["init", "source"]}


def variants() -> list[object]:
    """Return each encoder with every combination of the options in `CHOICES` that it has."""
    found = []
    for path in OPTIONS:
        keys = [key for key in CHOICES if key in load(path)]
        for values in itertools.product(*(CHOICES[key] for key in keys)):
            named = "-".join([path.stem, *(f"{key}={value}" for key, value in zip(keys, values, strict=True))])
            found.append(pytest.param(load(path, **SMALL, **dict(zip(keys, values, strict=True))), id=named))
    return found


each_option = pytest.mark.parametrize("path", OPTIONS, ids=lambda path: path.stem)
each_variant = pytest.mark.parametrize("config", variants())


def test_all_encoder_options_are_discovered():
    assert len(OPTIONS) >= 4
    assert {path.stem for path in FILES} - {path.stem for path in OPTIONS} == {"none"}  # no prompt, so no encoder


@each_option
def test_the_yaml_holds_exactly_the_options_of_the_constructor(path):
    config = load(path)
    parameters = inspect.signature(get_class(config["_target_"])).parameters
    options = set(config) - {"_target_", "_partial_"}
    assert path.read_text().startswith("# ")
    assert set(parameters) - set(GIVEN["encoder"]) == options | set(ALWAYS_GIVEN)
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {p.default for p in parameters.values()} == {inspect.Parameter.empty}
    for option in options:
        value = tuple(config[option]) if OmegaConf.is_list(config[option]) else config[option]
        TypeAdapter(parameters[option].annotation).validate_python(value, strict=True)


@each_variant
def test_an_encoder_keeps_shape_and_precision(config):
    prompt = build(config)()
    assert prompt.shape == (LENGTH, HIDDEN)
    assert prompt.dtype == torch.float32
    assert prompt.isfinite().all()


@each_variant
def test_a_prompt_of_one_virtual_token_is_encoded(config):
    config = config.copy()
    config.update({key: 1 for key in ("rank", "codewords") if key in config})
    assert build(config, length=1)().shape == (1, HIDDEN)


@each_variant
def test_the_gradient_reaches_every_trained_number(config):
    soft_prompt = build(config)
    # A random direction: the sum of a normalised row is constant and has no gradient.
    (soft_prompt() * torch.randn(LENGTH, HIDDEN)).sum().backward()
    for name, parameter in soft_prompt.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@each_variant
def test_an_encoder_with_the_same_seed_is_equal_bit_for_bit(config):
    first, again, other = build(config), build(config), build(config, seed=1)
    assert torch.equal(first(), again())
    drawn = [encoder_of(config).state_dict() for _ in range(2)]
    is_random = any(not torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
    if is_random and config.get("start") != "init":
        assert not torch.equal(first(), other())


@each_variant
def test_an_encoder_that_starts_from_the_init_follows_it(config):
    """The prompt depends on the init exactly if the option `start` says so."""
    torch.manual_seed(0)
    encoder = encoder_of(config)
    other = SoftPrompt(torch.randn(table_rows(encoder, LENGTH), HIDDEN), encoder)
    follows = not torch.equal(build(config)(), other())
    # LoPT depends on the init with both values of `start`, because it keeps the table.
    assert follows == (config.get("start") != "source" or "LoPT" in config["_target_"])


@each_variant
def test_a_loaded_state_dict_restores_the_prompt(config):
    first, other = build(config), build(config, seed=1)
    other.load_state_dict(first.state_dict(), strict=True)
    assert torch.equal(first(), other())


@each_variant
@pytest.mark.parametrize("training", [True, False])
def test_the_folded_prompt_equals_the_forward_pass_in_eval_mode_bit_for_bit(config, training):
    # A recurrent encoder applies dropout between its layers, so it needs two layers.
    config = config.copy()
    config.update({k: v for k, v in {"dropout": 0.9, "num_layers": 2}.items() if k in config})
    soft_prompt = build(config).train(training)
    soft_prompt.encoder.train(not training)  # `fold` must restore the mode of each module
    folded = soft_prompt.fold()
    assert soft_prompt.training is training
    assert {module.training for module in soft_prompt.encoder.modules()} == {not training}

    if "dropout" in config:
        assert not torch.equal(soft_prompt.train()(), folded)
    soft_prompt.eval()
    assert torch.equal(soft_prompt(), folded)
    with torch.no_grad():
        assert torch.equal(soft_prompt(), folded)
    with torch.inference_mode():
        assert torch.equal(soft_prompt(), folded)
    assert not folded.requires_grad


@each_variant
def test_further_training_does_not_change_a_folded_prompt(config):
    soft_prompt = build(config)
    folded = soft_prompt.fold()
    before = folded.clone()
    with torch.no_grad():
        for parameter in soft_prompt.parameters():
            parameter.add_(1)
    assert torch.equal(folded, before)
