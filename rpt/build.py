"""Build the objects of a training from a checked configuration: device, backbone, scorer, runs, Lightning module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rpt.backbones.files import family_of, model_type
from rpt.backbones.frozen import FrozenBackbone, choose_attention
from rpt.backbones.load import load_backbone
from rpt.backbones.split import split_before
from rpt.config.construct import construct, construct_with_known
from rpt.config.hardware import device_of, dtype_of
from rpt.config.members import NEEDS_EMBEDDINGS, TEXT_IS_CACHED, no_such_layer
from rpt.config.prefix import PREFIX_AND_TEXT
from rpt.config.protocol import choices_of, metrics_of, own_choices, pair_format
from rpt.config.schema import Component, Config
from rpt.data.batches import TRAINING_TOKENS
from rpt.data.datamodule import PackData, TaskData
from rpt.data.inputs import build_source, find_folder
from rpt.data.sources import Source
from rpt.errors import ConfigError
from rpt.prompt.init import InitSource
from rpt.prompt.layer_source import LayerSource
from rpt.prompt.needs import changes_text, table_rows, why_not_folded
from rpt.prompt.prefix_source import PrefixSource
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.prompt.unit import prompt_scale
from rpt.prompt.vocabulary import rms_of_vocabulary
from rpt.scoring.head import HeadScorer
from rpt.scoring.language import GenerateScorer, RankScorer
from rpt.scoring.scorer import Scorer
from rpt.tasks.task import Task
from rpt.tracking.cache_facts import cache_options
from rpt.training.build_checks import (
    check_generation,
    check_positions,
    check_prefix,
    check_same_sections,
    check_sample,
    check_warmup,
    is_prefix,
    tell_of_large_texts,
)
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
        prompt = _build_prompt(config, backbone) if config.has_prompt else None
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


def _build_prompt(config: Config, backbone: FrozenBackbone) -> SoftPrompt:
    if is_prefix(config):
        check_prefix(config, backbone)
    source = _init_source(config, backbone)
    layers = backbone.key_value_shape[0] if is_prefix(config) else backbone.num_layers
    known = {"vocabulary": source, "backbone_layers": layers}
    sizes = {"length": config.prompt.length, "hidden": source.hidden}
    encoder = construct_with_known("encoder", config.encoder, known, **sizes)
    if is_prefix(config) and why_not_folded(encoder) is not None:
        raise ConfigError.of("encoder._target_", config.encoder.target, PREFIX_AND_TEXT)
    if config.backbone.prompt_at == "end" and changes_text(encoder):
        raise ConfigError.of("backbone.prompt_at", "end", TEXT_IS_CACHED)
    if (layer := config.backbone.prompt_layer) and why_not_folded(encoder) is not None:
        raise ConfigError.of("backbone.prompt_layer", layer, NEEDS_EMBEDDINGS)
    prompt = SoftPrompt(
        _initial_table(config, source, table_rows(encoder, config.prompt.length)), encoder, source.scale
    )
    if config.prompt.freeze is not None:
        prompt.freeze(config.prompt.freeze)
    return prompt


def _init_source(config: Config, backbone: FrozenBackbone) -> InitSource:
    """Return the inputs of the initialisation, in the unit of the prompt.

    `backbone.prompt_scale` is the scale of a prompt among the input embeddings. It has no effect on a prefix or on a
    prompt before a later layer.
    """
    layer, unit, choices = config.backbone.prompt_layer, config.prompt.unit, own_choices(config)
    if is_prefix(config):
        scale = prompt_scale(unit, rms_of_vocabulary(backbone, 0, True)) if unit == "vocab" else 1.0
        return PrefixSource(backbone.embedding, backbone.tokenizer, choices, scale, backbone=backbone)
    if layer == 0:
        scale = prompt_scale(unit, backbone.vocabulary_rms, config.backbone.prompt_scale)
        return InitSource(backbone.embedding, backbone.tokenizer, choices, scale)
    scale = prompt_scale(unit, rms_of_vocabulary(backbone, layer, False), layer=layer) if unit == "vocab" else 1.0
    split = split_before(backbone, layer)
    return LayerSource(backbone.embedding, backbone.tokenizer, choices, scale, split=split)


def _initial_table(config: Config, source: InitSource, rows: int) -> Float[Tensor, "rows hidden"]:
    """Draw the initial table from the run's seed.

    Raises:
        ConfigError: The initialisation cannot fill a table with this number of rows or columns.
    """
    rng = torch.Generator().manual_seed(config.seed)
    try:
        table: Tensor = construct("init", config.init, source, rows, rng)
    except ConfigError as error:
        if rows == config.prompt.length:
            raise
        advice = f"cannot fill the {rows} rows of this encoder's table ({error}). Set init=vocab."
        raise ConfigError.of("init", config.chosen.get("init"), advice) from error
    return table


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
