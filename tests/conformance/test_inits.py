"""Requirements on every initialisation. They are found in `conf/`, so that a new YAML file is tested at once."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor

from rpt.prompt.init import InitSource

OPTIONS = sorted((Path(__file__).parents[2] / "conf" / "init").glob("*.yaml"))
LENGTH, HIDDEN = 6, 4

SEEDLESS = {"text", "file"}
"""Initialisations without random numbers. All others must depend on the seed."""


@pytest.fixture(scope="module")
def source(minilm_tokenizer: Any) -> InitSource:
    rows = torch.randn(len(minilm_tokenizer), HIDDEN, generator=torch.Generator().manual_seed(0))
    return InitSource(rows.bfloat16(), minilm_tokenizer, choices=("true", "false", "unknowable"))


@pytest.fixture(scope="module")
def fillers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Values for the required options, which a YAML file marks by `???`."""
    path = tmp_path_factory.mktemp("prompts") / "prompt.safetensors"
    save_file({"prompt": torch.randn(LENGTH, HIDDEN)}, path)
    return {"text": "does the premise entail the hypothesis", "path": str(path)}


def load(path: Path) -> DictConfig:
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    return config


@pytest.fixture(params=OPTIONS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def config(path: Path, fillers: dict[str, object]) -> DictConfig:
    loaded = load(path)
    loaded.update({key: fillers[key] for key in OmegaConf.missing_keys(loaded)})
    return loaded


def draw(config: DictConfig, source: InitSource, seed: int = 0, length: int = LENGTH) -> Tensor:
    return instantiate(config)(source, length, torch.Generator().manual_seed(seed))


def test_all_init_options_are_discovered():
    assert len(OPTIONS) >= 6


def test_the_yaml_holds_exactly_the_options_of_the_function(path, config):
    parameters = dict(inspect.signature(get_method(config["_target_"])).parameters)
    assert [parameters.pop(name).name for name in ("source", "length", "rng")]
    assert path.read_text().startswith("# ")
    assert set(parameters) == set(config) - {"_target_", "_partial_"}
    for name, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is inspect.Parameter.empty
        TypeAdapter(parameter.annotation).validate_python(config[name], strict=True)


def test_an_init_gives_finite_float32_rows_on_the_cpu(config, source):
    prompt = draw(config, source)
    assert prompt.shape == (LENGTH, HIDDEN)
    assert prompt.dtype == torch.float32
    assert prompt.device.type == "cpu"
    assert prompt.isfinite().all()
    assert prompt.any(dim=1).all()
    assert not prompt.requires_grad


def test_an_init_depends_on_its_seed_and_not_on_the_global_generator(path, config, source):
    torch.manual_seed(0)
    first = draw(config, source)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again, other = draw(config, source), draw(config, source, seed=1)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, other) == (path.stem in SEEDLESS)


def test_a_change_of_the_prompt_does_not_change_the_embedding(config, source):
    before = source.embedding.clone()
    draw(config, source).fill_(9.0)
    assert torch.equal(source.embedding, before)
