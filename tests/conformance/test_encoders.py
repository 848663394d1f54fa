"""What every prompt encoder keeps; options are discovered, so a new YAML is tested at once."""

import inspect
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter

from rpt.prompt.soft_prompt import SoftPrompt

FILES = sorted((Path(__file__).parents[2] / "conf" / "encoder").glob("*.yaml"))
OPTIONS = [path for path in FILES if OmegaConf.load(path)["_target_"] is not None]
LENGTH, HIDDEN = 5, 12


def load(path: Path, **changes: object) -> DictConfig:
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    # A change applies to the encoders that have the option.
    config.update({key: value for key, value in changes.items() if key in config})
    return config


def build(config: DictConfig, seed: int = 0) -> SoftPrompt:
    torch.manual_seed(seed)
    table = torch.randn(LENGTH, HIDDEN, generator=torch.Generator().manual_seed(7))
    return SoftPrompt(table, instantiate(config)(length=LENGTH, hidden=HIDDEN))


def variants() -> list[object]:
    """Each option, and both values of `shared` where it has one."""
    return [
        pytest.param(load(path, shared=shared), id=f"{path.stem}-{'shared' if shared else 'own'}")
        for path in OPTIONS
        for shared in ([True, False] if "shared" in load(path) else [True])
    ]


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
    assert set(parameters) == options | {"length", "hidden"}
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {p.default for p in parameters.values()} == {inspect.Parameter.empty}
    for option in options:
        TypeAdapter(parameters[option].annotation).validate_python(config[option], strict=True)


@each_variant
def test_an_encoder_keeps_shape_and_precision(config):
    prompt = build(config)()
    assert prompt.shape == (LENGTH, HIDDEN)
    assert prompt.dtype == torch.float32
    assert prompt.isfinite().all()


@each_variant
def test_a_prompt_of_one_virtual_token_is_encoded(config):
    torch.manual_seed(0)
    encoder = instantiate(config)(length=1, hidden=HIDDEN)
    assert encoder(torch.randn(1, HIDDEN)).shape == (1, HIDDEN)


@each_variant
def test_the_gradient_reaches_the_table_and_every_weight(config):
    soft_prompt = build(config)
    # A random direction: the sum of a normalised row is constant and has no gradient.
    (soft_prompt() * torch.randn(LENGTH, HIDDEN)).sum().backward()
    for name, parameter in soft_prompt.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@each_variant
def test_a_seed_decides_every_bit(config):
    first, again, other = build(config), build(config), build(config, seed=1)
    assert torch.equal(first(), again())
    if list(first.encoder.parameters()):
        assert not torch.equal(first(), other())


@each_variant
def test_a_state_dict_brings_an_encoder_back(config):
    first, other = build(config), build(config, seed=1)
    other.load_state_dict(first.state_dict(), strict=True)
    assert torch.equal(first(), other())


@each_variant
@pytest.mark.parametrize("training", [True, False])
def test_the_folded_prompt_is_the_forward_in_eval_mode_bit_for_bit(config, training):
    # Between its layers is where a recurrent encoder drops, so it gets two.
    config = config.copy()
    config.update({k: v for k, v in {"dropout": 0.9, "num_layers": 2}.items() if k in config})
    soft_prompt = build(config).train(training)
    soft_prompt.encoder.train(not training)  # the parts' modes may differ, and all are kept
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
def test_the_folded_prompt_does_not_follow_the_training(config):
    soft_prompt = build(config)
    folded = soft_prompt.fold()
    before = folded.clone()
    with torch.no_grad():
        soft_prompt.table.add_(1)
    assert torch.equal(folded, before)
