"""Build the objects of a training from a checked configuration. No other module does this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from rpt.backbones.files import family_of, model_type, num_positions
from rpt.backbones.frozen import FrozenBackbone, choose_attention, choose_dtype
from rpt.backbones.language import LanguageModel
from rpt.backbones.load import load_backbone
from rpt.config.construct import construct, construct_with_known
from rpt.config.protocol import choices_of, format_of, metrics_of, own_choices, pair_format
from rpt.config.schema import Config, PairFormat, TextFormat
from rpt.data.answers import check_answers
from rpt.data.batches import TRAINING_TOKENS, evaluation_tokens, num_batches
from rpt.data.datamodule import PackData
from rpt.data.encode import Encoded, encode_pairs, encode_texts
from rpt.data.inputs import find_place
from rpt.data.limits import check_cut, check_tied
from rpt.data.sources import Source
from rpt.data.splits import draw, few_shot, hold_out
from rpt.errors import ConfigError
from rpt.prompt.init import InitSource
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.scoring.head import HeadScorer
from rpt.scoring.language import GenerateScorer, RankScorer
from rpt.scoring.scorer import Scorer
from rpt.tasks.example import Example
from rpt.tasks.reader import reader_of
from rpt.tasks.task import Task
from rpt.training.module import PromptTuner
from rpt.training.optimizers import schedule
from rpt.training.randomness import RandomStream
from rpt.training.ranks import ALONE, Ranks
from rpt.training.run import Run, Trainable, dtype_of_training, parameter_groups


@dataclass(frozen=True)
class Splits:
    """Examples of a task, by their use in a run.

    Attributes:
        train: Examples that the run trains on.
        held_out: Examples of the selection split, whose score selects the checkpoint.
        reported: Examples of the validation set, whose score is reported.
    """

    train: list[Example]
    held_out: list[Example]
    reported: list[Example]


def build_task(config: Config) -> Task:
    """Build the task, with the format for the backbone's family and the protocol.

    Raises:
        ConfigError: `task.reader` names no task class, or the task's description does not fit the class.
    """
    form = format_of(config)
    return reader_of(config.task.reader)(
        name=config.task.name,
        fields=config.task.fields,
        labels=config.task.labels,
        choices=choices_of(config),
        framing=form.framing if isinstance(form, TextFormat) else "choice",
    )


def build_splits(config: Config, source: Source, task: Task) -> Splits:
    """Turn a task's rows into examples and divide them into training, selection and reported examples."""
    examples, reported = (list(task.examples(source.splits[split])) for split in ("train", "val"))
    if config.protocol.select_on == "validation":
        train, held = examples, reported
    else:
        share = config.protocol.held_out_share if config.data.k_per_class is None else 0.5
        seed, same_side = config.data.split_seed, config.task.same_side
        train, held = hold_out(examples, share, seed, stratified=task.is_stratified, same_side=same_side)
    if (k := config.data.k_per_class) is not None and config.protocol.select_on == "validation":
        train = draw(train, k, config.data.split_seed, stratified=task.is_stratified)
    elif k is not None:
        train, held = few_shot(train, held, k, config.data.split_seed, stratified=task.is_stratified)
    splits = Splits(task.training(train), held, reported)
    check_answers(vars(splits), config.scorer.name, metrics_of(config))
    return splits


def build_device(config: Config) -> torch.device:
    """Return the device of `trainer.device`; `auto` is a GPU if one is visible, else the CPU.

    Raises:
        ConfigError: `trainer.device=cuda` is set and no GPU is visible.
    """
    has_gpu = torch.cuda.is_available()
    if config.trainer.device == "cuda" and not has_gpu:
        raise ConfigError.of("trainer.device", "cuda", "no GPU is visible here. Set trainer.device=cpu or auto.")
    return torch.device("cuda" if has_gpu and config.trainer.device != "cpu" else "cpu")


def count_devices(config: Config, device: torch.device) -> int:
    """Return the number of devices that train one run: `trainer.devices`; `auto` is all GPUs, or one CPU process.

    Raises:
        ConfigError: The machine has fewer GPUs than `trainer.devices`.
    """
    wanted, here = config.trainer.devices, torch.cuda.device_count()
    if wanted == "auto":
        return here if device.type == "cuda" else 1
    if device.type == "cuda" and wanted > here:
        raise ConfigError.of("trainer.devices", wanted, f"this machine has {here}. Set it to that or less, or to auto.")
    return wanted


def build_backbone(config: Config, device: torch.device) -> FrozenBackbone:
    """Load the frozen backbone onto the device and check the sha256 of its weights."""
    section = config.backbone
    tunes = config.trainer.tune == "all"
    dtype = choose_dtype("float32" if tunes and section.dtype == "auto" else section.dtype, device)
    place = find_place(config)
    if (found := family_of(place)) != section.family:  # a model from the hub is known only now
        raise ConfigError.of("backbone.family", section.family, f"the model's own config says {found}.")
    attention = choose_attention(section.attention, device, dtype, model_type(place))
    backbone = load_backbone(
        place, family=section.family, dtype=dtype, attention=attention, expected_sha256=section.sha256
    ).to(device)
    if section.dropout and not backbone.can_drop:
        raise ConfigError.of("backbone.dropout", True, "this model has no dropout. Set backbone.dropout=false.")
    backbone.dropout = section.dropout
    return backbone


def build_encoded(config: Config, backbone: FrozenBackbone, task: Task, examples: Sequence[Example]) -> Encoded:
    """Tokenise the examples of a split."""
    form, limit = format_of(config), config.backbone.text_limit
    if isinstance(form, PairFormat):
        candidate = task.candidate if form.per_choice else None
        return encode_pairs(backbone.tokenizer, examples, form.first, form.second, limit, candidate)
    assert isinstance(backbone, LanguageModel)
    template = (form.prefix if config.protocol.task_prefix else "") + form.source
    return encode_texts(backbone, examples, template, form.cut, limit)


def build_all_encoded(config: Config, backbone: FrozenBackbone, task: Task, splits: Splits) -> dict[str, Encoded]:
    """Tokenise all splits, by the split's name.

    Raises:
        DataError: The share of cut rows is above `data.max_cut_share`, or the share of rows with choices of the same
            tokens is above `data.max_tied_share`.
    """
    encoded = {name: build_encoded(config, backbone, task, rows) for name, rows in vars(splits).items()}
    for name, split in encoded.items():
        check_cut(name, split, config.backbone.text_limit, config.data.max_cut_share)
        check_tied(name, split, config.data.max_tied_share)
    return encoded


def total_steps(config: Config, splits: Splits) -> int:
    """Return the number of steps of the whole training."""
    return num_batches(len(splits.train), config.trainer.batch_size) * config.trainer.epochs


def build_pack(
    configs: Sequence[Config], task: Task, splits: Splits, device: torch.device, ranks: Ranks = ALONE
) -> tuple[PromptTuner, PackData]:
    """Load the backbone once and build the runs that share it; `ranks` divide the rows of each step among them.

    Returns:
        Lightning module and data module of the pack.
    """
    config = configs[0]
    backbone = build_backbone(config, device)
    encoded = build_all_encoded(config, backbone, task, splits)
    _check_positions(configs, encoded)
    scorer = build_scorer(config, backbone, encoded)
    steps = total_steps(config, splits)
    runs = [build_run(one, backbone, scorer, device, steps) for one in configs]
    tuner = build_module(config, backbone, scorer, task, runs, ranks)
    return tuner, build_data(configs, encoded, tuner)


def _check_positions(configs: Sequence[Config], encoded: Mapping[str, Encoded]) -> None:
    """Refuse prompt, longest text and the tokens that a causal model writes if they exceed the backbone's positions."""
    section = configs[0].backbone
    positions = num_positions(find_place(configs[0]))
    if positions is None:
        return
    is_causal = section.family == "causal"
    written = max(split.longest_output for split in encoded.values()) if is_causal else 0
    prompt = max(config.prompt.length if config.has_prompt else 0 for config in configs)
    longest = max(len(text) for split in encoded.values() for texts in split.inputs for text in texts)
    if prompt + longest + written > positions:
        room = positions - prompt - written
        advice = f"prompt, text and {written} written tokens must fit {positions} positions. Set it to {room} or less."
        raise ConfigError.of("backbone.text_limit", section.text_limit, advice)


def build_run(config: Config, backbone: FrozenBackbone, scorer: Scorer, device: torch.device, total_steps: int) -> Run:
    """Build one run: prompt, head, optimizer and schedule. The run's seed determines all random numbers."""
    random = RandomStream(config.seed, device)
    with random.active():
        prompt = _build_prompt(config, backbone) if config.has_prompt else None
        head = scorer.new_head()
    body = backbone.requires_grad_(True) if config.trainer.tune == "all" else None
    trainable = Trainable(prompt, head, body, backbone.hidden_size)
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
    return Run(
        trainable=trainable,
        optimizer=optimizer,
        schedule=schedule(config.schedule, optimizer, config.warmup_steps, total_steps),
        random=random,
        clip_norm=config.clip_norm,
        patience=config.trainer.patience,
    )


def _build_prompt(config: Config, backbone: FrozenBackbone) -> SoftPrompt:
    source = InitSource(backbone.embedding, backbone.tokenizer, own_choices(config))
    rng = torch.Generator().manual_seed(config.seed)
    length = config.prompt.length
    table = construct("init", config.init, source, length, rng)
    encoder = construct("encoder", config.encoder, length=length, hidden=backbone.hidden_size)
    return SoftPrompt(table, encoder)


def build_scorer(config: Config, backbone: FrozenBackbone, encoded: Mapping[str, Encoded]) -> Scorer:
    """Build the scorer, which computes losses and answers from rows with their prompts inserted."""
    if config.scorer.name == "head":
        form = pair_format(config)
        num_labels = None if form.per_choice else len(choices_of(config) or ())
        return HeadScorer(hidden=backbone.state_size, num_labels=num_labels, pooling=config.backbone.pooling)
    if config.scorer.name == "rank":
        return RankScorer(length_normalised=config.scorer.length_normalised)
    return GenerateScorer(max_new_tokens=max(split.longest_output for split in encoded.values()))


def build_module(
    config: Config, backbone: FrozenBackbone, scorer: Scorer, task: Task, runs: Sequence[Run], ranks: Ranks = ALONE
) -> PromptTuner:
    """Build the Lightning module from backbone, scorer, task and runs."""
    wanted = config.trainer.token_budget
    return PromptTuner(
        backbone=backbone,
        scorer=scorer,
        task=task,
        runs=runs,
        prompt_at=1 if config.backbone.prompt_at == "after_cls" else 0,
        metrics=metrics_of(config),
        token_budget=TRAINING_TOKENS[backbone.device.type] if wanted == "auto" else wanted,
        exact=config.has_own_forwards,
        ranks=ranks,
    )


def build_data(configs: Sequence[Config], encoded: Mapping[str, Encoded], tuner: PromptTuner) -> PackData:
    """Build the data module, which plans the pack's batches."""
    config = configs[0]
    backbone, wanted = tuner.backbone, config.trainer.eval_token_budget
    return PackData(
        **encoded,
        pad_id=backbone.pad_id,
        batch_size=config.trainer.batch_size,
        order_seeds=[one.data.order_seed for one in configs],
        prompt_lengths=[one.prompt.length if one.has_prompt else 0 for one in configs],
        eval_token_budget=evaluation_tokens(backbone.device, backbone.dtype) if wanted == "auto" else wanted,
        with_choices=tuner.scorer.with_choices,
        is_active=lambda: [run.is_active for run in tuner.runs],
        steps_done=lambda: tuner.steps_done,
        ranks=tuner.ranks,
    )
