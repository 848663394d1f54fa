"""Shapes of backbones and the rows on which all implementations train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.peers.names import BATCH, FAMILIES, PROMPT_LENGTH
from rpt import build
from rpt.backbones.files import locate
from rpt.backbones.load import load_tokenizer
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.config.schema import Config
from rpt.data.datamodule import PackData
from rpt.data.encode import Encoded
from rpt.data.inputs import build_source
from rpt.data.prepare import Splits, build_encoded, build_task
from rpt.tasks.example import Example
from rpt.training.module import PromptTuner

IGNORED = -100
"""Label of a token that has no loss in transformers."""

T5_SIZES = {
    "t5-small": {"d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8},
    "t5-base": {"d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
}
"""Sizes of google-t5/t5-small and google-t5/t5-base, which have a feed-forward layer with ReLU."""

T5_VOCABULARY = 32128

NUM_HELD_OUT = 4
"""Number of rows that Lightning evaluates after the steps, outside the measured time."""

NUM_REPORTED = 16
"""Number of rows on which rank classification is compared with generation."""

PlainRow = dict[str, Any]
"""Token ids of a row as transformers' collators take them: `input_ids`, `attention_mask` and `labels`."""


@dataclass(frozen=True)
class Job:
    """Shape of a backbone, and rows of a task.

    Attributes:
        shape: Name of the shape, a key of `names.FAMILIES`.
        task: Name of the task.
        folder: Folder of the weights in the hub's layout.
        root: Folder of the official release; None for the sample rows.
        steps: Number of training steps of a measurement, each with `BATCH` rows.
    """

    shape: str
    task: str
    folder: str
    root: str | None
    steps: int

    @property
    def family(self) -> str:
        """Family of the backbone: `encoder`, `causal` or `seq2seq`."""
        return FAMILIES[self.shape]

    def description(self) -> dict[str, Any]:
        """Return the attributes as values of JSON."""
        return asdict(self)

    def config(self, *overrides: str) -> Config:
        """Compose the configuration of a run of rpt with this backbone and these rows."""
        if self.family == "seq2seq":
            model = ["backbone=t5_base", "backbone.hub_id=null", f"backbone.path={self.folder}"]
        else:
            model = [f"backbone={self.shape}"]
        data = ["data=sample"] if self.root is None else ["data=jsonl", f"data.root={self.root}"]
        fixed = ["trainer.device=cpu", "trainer.progress=false", f"trainer.batch_size={BATCH}"]
        length = f"prompt.length={PROMPT_LENGTH}"
        return check(compose([f"task={self.task}", *data, *model, *fixed, length, *overrides]))


def find_weights(shape: str, tokenizer: str | None, drafts: Path) -> str:
    """Return the folder of a shape's weights in the hub's layout. Random weights of a T5 are written to `drafts`.

    Args:
        shape: Name of the shape.
        tokenizer: Folder of T5's tokenizer.
        drafts: Folder for random weights.
    """
    if FAMILIES[shape] != "seq2seq":
        section = check(compose([f"backbone={shape}"])).backbone
        folder = locate(section.package, section.path, section.hub_id, section.revision)
        if FAMILIES[shape] == "causal":
            from rpt.backbones.dequantized import dequantized

            folder = dequantized(next(folder.glob("*.gguf")))
        return str(folder)
    assert tokenizer is not None
    return str(_write_t5(drafts / shape, tokenizer, T5_SIZES[shape]))


def _write_t5(folder: Path, tokenizer: str, sizes: dict[str, int]) -> Path:
    """Save a T5 with random float32 weights and a given tokenizer, as the hub's folders have them."""
    import torch
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config.from_dict(
        {**sizes, "num_decoder_layers": sizes["num_layers"], "vocab_size": T5_VOCABULARY, "decoder_start_token_id": 0}
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
    return folder


@lru_cache(maxsize=1)
def chosen_splits(job: Job) -> Splits:
    """Choose training rows whose lengths are those of the whole training set: evenly spaced, sorted by length.

    The evaluated rows are chosen in the same way.
    """
    config = job.config()
    splits = PackData([config], build_source(config)).splits
    if len(splits.train) < job.steps * BATCH:
        raise SystemExit(f"--steps {job.steps}: {job.task} has {len(splits.train)} rows. Set it to fewer steps.")
    train = _evenly_spaced(job, config, splits.train, job.steps * BATCH)
    return Splits(train, splits.held_out[:NUM_HELD_OUT], _evenly_spaced(job, config, splits.reported, NUM_REPORTED))


def _evenly_spaced(job: Job, config: Config, examples: Sequence[Example], count: int) -> list[Example]:
    lengths = _encode(job, config, examples).lengths
    order = sorted(range(len(examples)), key=lengths.__getitem__)
    count = min(count, len(order))
    return [examples[order[(2 * index + 1) * len(order) // (2 * count)]] for index in range(count)]


@lru_cache(maxsize=1)
def training_rows(job: Job) -> Encoded:
    """Return the tokenised training rows of a job."""
    return _encode(job, job.config(), chosen_splits(job).train)


def _encode(job: Job, config: Config, examples: Sequence[Example]) -> Encoded:
    tokenizer = load_tokenizer(Path(job.folder), job.family)
    return build_encoded(config, tokenizer, build_task(config), examples)


def assemble(job: Job, configs: Sequence[Config]) -> tuple[PromptTuner, PackData]:
    """Build the module and the data of a pack over the chosen rows."""
    data = PackData(configs, build_source(configs[0]))
    data.splits = chosen_splits(job)
    tuner = build.build_tuner(configs, data)
    data.runs = tuner.runs
    return tuner, data


def plain_rows(family: str, rows: Encoded) -> list[PlainRow]:
    """Return tokenised rows for transformers. A causal model reads text and answer as one sequence."""
    plain: list[PlainRow] = []
    for index, ([text], output, example) in enumerate(zip(rows.inputs, rows.outputs, rows.examples, strict=True)):
        ids = [*text, *output] if family == "causal" else list(text)
        row: PlainRow = {"input_ids": ids, "attention_mask": [1] * len(ids)}
        if family == "encoder":
            row |= {"token_type_ids": list(rows.segments[index][0]), "labels": example.target}
        elif family == "causal":
            row["labels"] = [IGNORED] * len(text) + list(output)
        else:
            row["labels"] = list(output)
        plain.append(row)
    return plain
