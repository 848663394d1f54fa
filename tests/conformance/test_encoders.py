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
from rpt.prompt.needs import reads_text, table_rows
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.prompt.text_prompt import Texts

FILES = sorted((Path(__file__).parents[2] / "conf" / "encoder").glob("*.yaml"))
OPTIONS = [path for path in FILES if OmegaConf.load(path)["_target_"] is not None]
LENGTH, HIDDEN = 5, 12
SMALL = {"rank": 3, "codewords": 3, "subspace_dim": 4, "basis": 7, "positions": 6}
"""Sizes of encoders that fit a prompt of `LENGTH` tokens and the width `HIDDEN`."""
VOCABULARY = torch.randn(50, HIDDEN, generator=torch.Generator().manual_seed(8))

IDS = torch.randint(len(VOCABULARY), (40, 9), generator=torch.Generator().manual_seed(9))
LENGTHS = torch.randint(1, 10, (40, 1), generator=torch.Generator().manual_seed(10))
TEXTS = Texts(IDS, (torch.arange(9) < LENGTHS).long(), VOCABULARY.__getitem__)
"""Texts for the encoders that read or change the text. There are more texts than an encoder reads at a time."""


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
    known = {"vocabulary": InitSource(VOCABULARY, None, ()), "backbone_layers": 2}
    given = {name: value for name, value in known.items() if name in inspect.signature(target).parameters}
    return target(length=length, hidden=HIDDEN, **given, **listed)


def build(config: DictConfig, seed: int = 0, length: int = LENGTH) -> SoftPrompt:
    torch.manual_seed(seed)
    encoder = encoder_of(config, length)
    table = torch.randn(table_rows(encoder, length), HIDDEN, generator=torch.Generator().manual_seed(7))
    return SoftPrompt(table, encoder)


def outputs(soft_prompt: SoftPrompt, texts: Texts = TEXTS) -> list[torch.Tensor]:
    """Return the tensors that the backbone reads for texts: the prompt or a prompt for each text, and text updates."""
    return soft_prompt.encode(texts).tensors()


def kept(soft_prompt: SoftPrompt) -> list[torch.Tensor]:
    """Return the tensors that the backbone reads after training."""
    folded = soft_prompt.fold()
    return [folded] if isinstance(folded, torch.Tensor) else folded.encode(TEXTS).tensors()


def same_bits(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


CHOICES = {"shared": [True, False], "mlp_width": [None, 4], "start": ["init", "source"]}


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
    assert {path.stem for path in FILES} - {path.stem for path in OPTIONS} == {"none"}  # `none` has no encoder


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
    soft_prompt = build(config)
    prompt, *updates = outputs(soft_prompt)
    assert prompt.shape == ((len(IDS), LENGTH, HIDDEN) if reads_text(soft_prompt.encoder) else (LENGTH, HIDDEN))
    assert all(update.ndim == 2 and update.shape[1] == HIDDEN for update in updates)
    assert soft_prompt.is_foldable == (prompt.ndim == 2 and not updates)
    for part in (prompt, *updates):
        assert part.dtype == torch.float32
        assert part.isfinite().all()


@each_variant
def test_a_prompt_of_one_virtual_token_is_encoded(config):
    config = config.copy()
    config.update({key: 1 for key in ("rank", "codewords") if key in config})
    assert outputs(build(config, length=1))[0].shape[-2:] == (1, HIDDEN)


@each_variant
def test_the_gradient_reaches_every_trained_number(config):
    soft_prompt = build(config)
    if not soft_prompt.is_foldable:  # a factor of zeros, as updates of the text have at the start, stops the gradient
        for parameter in soft_prompt.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    # The gradient is taken in a random direction, because the sum of a normalised row is constant and has no gradient.
    sum((part * torch.randn_like(part)).sum() for part in outputs(soft_prompt)).backward()
    for name, parameter in soft_prompt.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@each_variant
def test_an_encoder_with_the_same_seed_is_equal_bit_for_bit(config):
    first, again, other = build(config), build(config), build(config, seed=1)
    assert same_bits(kept(first), kept(again))
    drawn = [encoder_of(config).state_dict() for _ in range(2)]
    is_random = any(not torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
    if is_random and config.get("start") != "init":
        assert not same_bits(list(first.state_dict().values()), list(other.state_dict().values()))


@each_variant
def test_an_encoder_that_starts_from_the_init_follows_it(config):
    """The prompt depends on the init exactly if the option `start` says so."""
    torch.manual_seed(0)
    encoder = encoder_of(config)
    other = SoftPrompt(torch.randn(table_rows(encoder, LENGTH), HIDDEN), encoder)
    follows = not torch.equal(kept(build(config))[0], kept(other)[0])
    # LoPT depends on the init with both values of `start`, because it keeps the table.
    assert follows == (config.get("start") != "source" or "LoPT" in config["_target_"])


@each_variant
def test_a_loaded_state_dict_restores_the_prompt(config):
    first, other = build(config), build(config, seed=1)
    other.load_state_dict(first.state_dict(), strict=True)
    assert same_bits(kept(first), kept(other))


@each_variant
@pytest.mark.parametrize("training", [True, False])
def test_the_folded_prompt_equals_the_forward_pass_in_eval_mode_bit_for_bit(config, training):
    # A recurrent encoder applies dropout between its layers, so it needs two layers.
    config = config.copy()
    config.update({k: v for k, v in {"dropout": 0.9, "num_layers": 2}.items() if k in config})
    soft_prompt = build(config).train(training)
    soft_prompt.encoder.train(not training)  # `fold` must restore the mode of each module
    folded = kept(soft_prompt)
    assert soft_prompt.training is training
    assert {module.training for module in soft_prompt.encoder.modules()} == {not training}

    if "dropout" in config:
        assert not same_bits(outputs(soft_prompt.train()), folded)
    soft_prompt.eval()
    assert same_bits(outputs(soft_prompt), folded)
    with torch.no_grad():
        assert same_bits(outputs(soft_prompt), folded)
    with torch.inference_mode():
        assert same_bits(outputs(soft_prompt), folded)
    assert not any(part.requires_grad for part in folded)


@each_variant
def test_further_training_does_not_change_a_folded_prompt(config):
    soft_prompt = build(config)
    folded = soft_prompt.fold()
    before = kept(soft_prompt)
    with torch.no_grad():
        for parameter in soft_prompt.parameters():
            parameter.add_(torch.randn_like(parameter))
    after = [folded] if isinstance(folded, torch.Tensor) else folded.encode(TEXTS).tensors()
    assert same_bits(after, before)
    assert not same_bits(kept(soft_prompt), before)


@each_variant
def test_the_prompt_and_update_of_a_text_do_not_depend_on_the_other_texts(config):
    """SMoP's published code mixes the prompts of a batch's rows."""
    soft_prompt = build(config).eval()
    whole = soft_prompt.encode(TEXTS)
    if soft_prompt.is_foldable:
        assert not whole.has_updates
        return
    for parameter in soft_prompt.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    whole = soft_prompt.encode(TEXTS)
    for chosen in (torch.arange(40).flip(0), torch.tensor([39]), torch.arange(3, 37)):
        part = soft_prompt.encode(Texts(IDS[chosen], TEXTS.mask[chosen], TEXTS.embed))
        if whole.prompt.ndim == 3:
            assert torch.equal(part.prompt, whole.prompt[chosen])
        if whole.token_updates is not None:
            assert torch.equal(
                part.token_updates, whole.token_updates[torch.searchsorted(whole.token_ids, part.token_ids)]
            )
        if whole.position_updates is not None:
            assert torch.equal(part.position_updates, whole.position_updates)
