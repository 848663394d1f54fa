"""Build the objects of a training from a checked configuration: device, backbone, scorer, runs, Lightning module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from rpt.backbones.files import family_of, model_type
from rpt.backbones.frozen import FrozenBackbone, choose_attention
from rpt.backbones.load import load_backbone
from rpt.config.construct import construct_with_known
from rpt.config.hardware import device_of, dtype_of
from rpt.config.members import no_such_layer
from rpt.config.protocol import choices_of, metrics_of, pair_format
from rpt.config.schema import Component, Config
from rpt.data.batches import TRAINING_TOKENS
from rpt.data.datamodule import PackData, TaskData
from rpt.data.inputs import build_source, find_folder
from rpt.data.sources import Source
from rpt.errors import ConfigError
from rpt.scoring.head import HeadScorer
from rpt.scoring.language import GenerateScorer, RankScorer
from rpt.scoring.scorer import Scorer
from rpt.tasks.task import Task
from rpt.tracking.cache_facts import cache_options
from rpt.training.build_checks import (
    check_generation,
    check_positions,
    check_same_sections,
    check_sample,
    check_warmup,
    tell_of_large_texts,
)
from rpt.training.build_prompt import build_prompt
from rpt.training.module import PromptTuner
from rpt.training.optimizers import schedule
from rpt.training.randomness import RandomStream
from rpt.training.ranks import ALONE, Ranks
from rpt.training.run import Run
from rpt.training.trainable import Trainable, dtype_of_training, parameter_groups

POSITIONS: dict[str, int | None] = {"front": 0, "after_cls": 1, "end": None}
"""Position in the text at which the prompt is inserted, by `backbone.prompt_at`. None means behind the text."""


def build_device(config: Config, ranks: Ranks = ALONE) -> torch.device:
    """Return the device of this process: `trainer.device`, and the rank's own GPU if several ranks train on GPUs."""
    device = device_of(config)
    return torch.device("cuda", ranks.rank) if device.type == "cuda" and ranks.size > 1 else device


def build_backbone(config: Config, device: torch.device) -> FrozenBackbone:
    """Load the frozen backbone onto the device and check the sha256 of its weights.

    Raises:
        ConfigError: The model lacks the family, the dropout or the layer that the configuration names.
        WeightsError: The files are missing or damaged, or the weights' sha256 differs from `backbone.sha256`.
    """
    section = config.backbone
    dtype = dtype_of(config, device)
    folder = find_folder(config)
    if (actual_family := family_of(folder)) != section.family:  # a model from the hub is known only now
        advice = f"the model's own config says {actual_family}. Set backbone.family={actual_family}."
        raise ConfigError.of("backbone.family", section.family, advice)
    attention = choose_attention(section.attention, device, dtype, model_type(folder))
    backbone = load_backbone(
        folder, family=section.family, dtype=dtype, attention=attention, expected_sha256=section.sha256
    ).to(device)
    if section.dropout and not backbone.can_drop:
        raise ConfigError.of("backbone.dropout", True, "this model has no dropout. Set backbone.dropout=false.")
    if section.prompt_layer >= backbone.num_layers:  # the layers of a model from the hub are known only now
        raise ConfigError.of("backbone.prompt_layer", section.prompt_layer, no_such_layer(backbone.num_layers))
    backbone.dropout = section.dropout
    backbone.cache_options = cache_options(config, device)
    return backbone


def assemble(
    configs: Sequence[Config], source: Source | None = None, ranks: Ranks = ALONE
) -> tuple[PromptTuner, PackData]:
    """Load the backbone once, tokenise the rows, and build the data and the module of the runs that share the backbone.

    Args:
        configs: Configuration of each run.
        source: Rows of the task; None reads the rows that the first configuration names.
        ranks: Processes that divide the rows of each step among them.
    """
    data = PackData(configs, source or build_source(configs[0]), ranks.rank, ranks.size)
    tuner = build_tuner(configs, data, ranks)
    data.runs = tuner.runs  # their state decides which rows a batch holds
    return tuner, data


def build_single(config: Config, data: TaskData) -> PromptTuner:
    """Build the Lightning module of one run for rows that are already prepared.

    Raises:
        ConfigError: The data was built from a configuration that differs in a section that determines the rows.
        RunFailed: The run's encoder raises an exception. The module raises the error of a later failure.
    """
    check_same_sections(config, data.config)
    return build_tuner([config], data, raises=True)


def build_tuner(configs: Sequence[Config], data: TaskData, ranks: Ranks = ALONE, raises: bool = False) -> PromptTuner:
    """Load the backbone, tokenise the rows unless they are already tokenised, and build the Lightning module.

    Args:
        configs: Configuration of each run of the module.
        data: Rows of the task.
        ranks: Processes that divide the rows of each step among them.
        raises: Whether the failure of a run is raised, as `rpt.training.run.Run` describes it.
    """
    config = configs[0]
    check_warmup(configs, data.total_steps)
    device = build_device(config, ranks)
    backbone = build_backbone(config, device)
    if not data.encoded:
        data.tokenise(backbone.tokenizer)
    check_positions(configs, backbone, data.encoded)
    check_sample(configs, backbone)
    scorer = build_scorer(config, backbone, data.max_new_tokens)
    data.with_choices = bool(scorer.with_choices)
    runs = [build_run(config, backbone, scorer, device, data.total_steps, raises=raises) for config in configs]
    tuner = build_module(config, backbone, scorer, data.task, runs, ranks)
    if tuner.text_cache is not None and ranks.rank == 0:
        tell_of_large_texts(tuner.split or backbone, data.encoded)
    return tuner


def build_run(
    config: Config,
    backbone: FrozenBackbone,
    scorer: Scorer,
    device: torch.device,
    total_steps: int,
    *,
    raises: bool = False,
) -> Run:
    """Build one run: prompt, head, optimizer and schedule. The run's seed determines all random numbers."""
    random = RandomStream(config.seed, device)
    with random.active():
        prompt = build_prompt(config, backbone) if config.has_prompt else None
        head = scorer.new_head()
    body = backbone.requires_grad_(True) if config.trainer.tune == "all" else None
    trainable = Trainable(prompt, head, body, backbone.hidden_size if prompt is None else prompt.hidden)
    trainable = trainable.to(device=device, dtype=dtype_of_training(backbone.dtype))
    rates = {
        "table": config.lr,
        "encoder": config.encoder_lr or config.lr,
        "head": config.head_lr,
        "body": config.trainer.tune_lr,
    }
    decays = {
        "table": config.weight_decay,
        "encoder": config.encoder_weight_decay,
        "head": config.head_weight_decay,
        "body": config.head_weight_decay,
    }
    groups = parameter_groups(trainable, rates, decays)
    optimizer = construct_with_known("optim", config.optim, {"lr": config.lr}, groups)
    run = Run(
        trainable=trainable,
        optimizer=optimizer,
        schedule=schedule(config.schedule, optimizer, config.warmup_steps, total_steps),
        random=random,
        clip_norm=config.clip_norm,
        patience=config.trainer.patience,
        raises=raises,
    )
    run.has_finished = not any(parameter.requires_grad for parameter in trainable.parameters())  # zero-shot
    return run


def build_scorer(config: Config, backbone: FrozenBackbone, max_new_tokens: int | None) -> Scorer:
    """Build the scorer, which computes losses and answers from rows with their prompts inserted.

    Args:
        config: Configuration of the run.
        backbone: Backbone of the run.
        max_new_tokens: Largest number of tokens of a generated answer; None for a scorer that generates no text.

    Raises:
        ConfigError: A decoder would generate with a prompt behind the text or before a later layer, or a user's scorer
            cannot be built.
    """
    if config.scorer.name == "generate" and config.backbone.family == "causal":
        check_generation(config)
    known: dict[str, Any] = {"max_new_tokens": max_new_tokens or 0}
    if config.backbone.family == "encoder":
        form = pair_format(config)
        num_labels = None if form.per_choice else len(choices_of(config) or ())
        known |= {"hidden": backbone.state_size, "num_labels": num_labels, "pooling": config.backbone.pooling}
    if config.scorer.component is not None:
        return _own_scorer(config.scorer.component, known)
    if config.scorer.name == "head":
        return HeadScorer(hidden=known["hidden"], num_labels=known["num_labels"], pooling=known["pooling"])
    if config.scorer.name == "rank":
        return RankScorer(length_normalised=config.scorer.length_normalised)
    return GenerateScorer(max_new_tokens=known["max_new_tokens"])


def _own_scorer(component: Component, known: dict[str, Any]) -> Scorer:
    scorer = construct_with_known("scorer", component, known)
    if not isinstance(scorer, Scorer):
        advice = (
            f"builds a {type(scorer).__qualname__}, which lacks a member of the protocol rpt.scoring.scorer.Scorer. "
        )
        advice += "Define every member of the protocol."
        raise ConfigError.of("scorer._target_", component.target, advice)
    return scorer


def build_module(
    config: Config, backbone: FrozenBackbone, scorer: Scorer, task: Task, runs: Sequence[Run], ranks: Ranks = ALONE
) -> PromptTuner:
    """Build the Lightning module from backbone, scorer, task and runs."""
    token_budget = config.trainer.token_budget
    return PromptTuner(
        backbone=backbone,
        scorer=scorer,
        task=task,
        runs=runs,
        prompt_at=POSITIONS[config.backbone.prompt_at],
        metrics=metrics_of(config),
        token_budget=TRAINING_TOKENS[backbone.device.type] if token_budget == "auto" else token_budget,
        exact=config.has_own_forwards,
        ranks=ranks,
        prompt_layer=config.backbone.prompt_layer if any(run.trainable.prompt for run in runs) else 0,
    )
