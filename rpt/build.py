"""The one place that makes objects of a checked configuration."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from rpt.backbones.encoder import EncoderBackbone, load_encoder
from rpt.backbones.files import locate
from rpt.backbones.frozen import choose_attention, choose_dtype
from rpt.config import Component, Config
from rpt.data.encode import Encoded, encode_pairs
from rpt.data.module import PackData
from rpt.data.sources import Source, jsonl_source, sample_source
from rpt.data.splits import hold_out
from rpt.errors import ConfigError, DataError
from rpt.module import PromptTuner
from rpt.optim import schedule
from rpt.prompt.init import InitSource
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.randomness import RandomStream
from rpt.run import Run, Trainable, dtype_of_training, parameter_groups
from rpt.scoring.head import HeadScorer
from rpt.tasks.example import Example
from rpt.tasks.task import Task

FAMILIES = {"encoder": load_encoder}
"""How a backbone of each family is loaded."""

SCORERS = {"head": HeadScorer}


@dataclass(frozen=True)
class Splits:
    """A task's labelled rows, each with its purpose."""

    train: list[Example]
    held_out: list[Example]
    reported: list[Example]


def build_source(config: Config) -> Source:
    """Read the task's rows."""
    if config.data.source == "sample":
        assert config.data.sample_seed is not None
        return sample_source(config.task.name, config.data.sample_seed)
    assert config.data.root is not None
    return jsonl_source(config.data.root, config.task.folder)


def build_splits(config: Config, source: Source) -> Splits:
    """Turn rows into examples and hold out those that choose the checkpoint."""
    task = Task(
        name=config.task.name,
        fields=config.task.fields,
        labels=config.task.labels,
        choices=config.task.choices,
    )
    examples = list(task.examples(source.splits["train"]))
    train, held = hold_out(examples, config.protocol.held_out_share, config.data.split_seed)
    return Splits(train, held, list(task.examples(source.splits["val"])))


def build_device(config: Config) -> torch.device:
    """The device of `trainer.device`; `auto` is a GPU where there is one.

    Raises:
        ConfigError: A GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if config.trainer.device == "cuda" and not has_gpu:
        raise ConfigError.of("trainer.device", "cuda", "no GPU is visible here. Set trainer.device=cpu or auto.")
    return torch.device("cuda" if has_gpu and config.trainer.device != "cpu" else "cpu")


def build_backbone(config: Config, device: torch.device) -> EncoderBackbone:
    """Load the frozen backbone onto its device and prove its weights."""
    section = config.backbone
    dtype = choose_dtype(section.dtype, device)
    attention = choose_attention(section.attention, device, dtype)
    folder = locate(section.package, section.path)
    return FAMILIES[section.family](folder, section.sha256, dtype, attention).to(device)


def build_encoded(config: Config, backbone: EncoderBackbone, examples: Sequence[Example], split: str) -> Encoded:
    """Tokenise a split.

    Raises:
        DataError: More of its texts are over the limit than `data.max_cut_share` allows.
    """
    form = config.task.formats.encoder
    limit = config.backbone.text_limit
    encoded = encode_pairs(backbone.tokenizer, examples, form.first, form.second, limit)
    if encoded.cut_share > config.data.max_cut_share:
        found = f"{encoded.num_cut} of {len(encoded)} {split} texts are over backbone.text_limit={limit}"
        advice = "Set backbone.text_limit higher, or data.max_cut_share higher if cutting is meant."
        raise DataError(f"{found}, more than data.max_cut_share={config.data.max_cut_share}. {advice}")
    return encoded


def build_run(config: Config, backbone: EncoderBackbone, device: torch.device, total_steps: int) -> Run:
    """Make one run: its prompt, head, optimizer and schedule, all drawn from its own seed."""
    random = RandomStream(config.seed, device)
    with random.active():
        prompt = _build_prompt(config, backbone) if config.has_prompt else None
        head = build_scorer(config).new_head(hidden=backbone.hidden_size, num_choices=len(config.task.choices))
    trainable = Trainable(prompt, head, backbone.hidden_size)
    trainable = trainable.to(device=device, dtype=dtype_of_training(backbone.dtype))
    rates = {"table": config.lr, "encoder": config.encoder_lr or config.lr, "head": config.head_lr}
    decays = {
        "table": config.weight_decay,
        "encoder": config.encoder_weight_decay,
        "head": config.head_weight_decay,
    }
    optimizer = construct(config.optim)(parameter_groups(trainable, rates, decays))
    return Run(
        trainable=trainable,
        optimizer=optimizer,
        schedule=schedule(config.schedule, optimizer, config.warmup_steps, total_steps),
        random=random,
        clip_norm=config.clip_norm,
        patience=config.trainer.patience,
    )


def _build_prompt(config: Config, backbone: EncoderBackbone) -> SoftPrompt:
    source = InitSource(backbone.embedding, backbone.tokenizer, tuple(config.task.choices))
    rng = torch.Generator().manual_seed(config.seed)
    length = config.prompt.length
    table = construct(config.init)(source, length, rng)
    encoder = construct(config.encoder)(length=length, hidden=backbone.hidden_size)
    return SoftPrompt(table, encoder)


def build_scorer(config: Config) -> HeadScorer:
    """What turns hidden states into a score per choice."""
    return SCORERS[config.scorer.name](pooling=config.backbone.pooling)


def build_module(config: Config, backbone: EncoderBackbone, runs: Sequence[Run]) -> PromptTuner:
    """Compose backbone, scorer and runs."""
    return PromptTuner(
        backbone=backbone,
        scorer=build_scorer(config),
        runs=runs,
        prompt_at=1 if config.backbone.prompt_at == "after_cls" else 0,
        metrics=config.task.metrics,
        token_budget=config.trainer.token_budget,
    )


def build_data(configs: Sequence[Config], backbone: EncoderBackbone, splits: Splits, tuner: PromptTuner) -> PackData:
    """Tokenise the splits once and plan the pack's batches."""
    config = configs[0]
    encoded = {name: build_encoded(config, backbone, rows, name) for name, rows in vars(splits).items()}
    return PackData(
        **encoded,
        pad_id=backbone.tokenizer.pad_token_id,
        batch_size=config.trainer.batch_size,
        order_seeds=[one.data.order_seed for one in configs],
        longest_prompt=max(one.prompt.length if one.has_prompt else 0 for one in configs),
        eval_token_budget=config.trainer.eval_token_budget,
        is_active=lambda: [run.is_active for run in tuner.runs],
        steps_done=lambda: tuner.steps_done,
    )


def construct(component: Component) -> Callable[..., Any]:
    """A component's constructor with its options bound; what only a run knows is given at the call.

    `rpt.check` has held the options against the constructor's signature.
    """
    assert component.target is not None
    module, _, name = component.target.rpartition(".")
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in component.options.items()}
    return partial(getattr(importlib.import_module(module), name), **options)
