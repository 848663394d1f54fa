"""Prepare a task's rows for a backbone: examples, splits and token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rpt.backbones.texts import text_tokenizer
from rpt.config.protocol import choices_of, format_of, metrics_of
from rpt.config.schema import Config, PairFormat, TextFormat
from rpt.data.answers import check_answers
from rpt.data.encode import Encoded, encode_pairs, encode_texts
from rpt.data.limits import check_cut, check_tied
from rpt.data.sources import Source
from rpt.data.splits import draw, few_shot, hold_out
from rpt.tasks.example import Example
from rpt.tasks.reader import reader_of
from rpt.tasks.task import Task


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
        ConfigError: `task.reader` is not the name of a task class, or the task's description does not fit the class.
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
    """Turn a task's rows into examples and divide them into training, selection and reported examples.

    If the protocol selects on the validation set, the selection examples are the reported examples.

    Raises:
        DataError: A row does not fit the task, or a part has too few rows.
        ConfigError: A row has no choices, and the scorer or a metric needs them.
    """
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


def build_encoded(config: Config, tokenizer: Any, task: Task, examples: Sequence[Example]) -> Encoded:
    """Tokenise the examples of a split with the backbone's tokenizer."""
    form, limit = format_of(config), config.backbone.text_limit
    if isinstance(form, PairFormat):
        candidate = task.candidate if form.per_choice else None
        return encode_pairs(tokenizer, examples, form.first, form.second, limit, candidate)
    template = (form.prefix if config.protocol.task_prefix else "") + form.source
    return encode_texts(text_tokenizer(config.backbone.family, tokenizer), examples, template, form.cut, limit)


def build_all_encoded(config: Config, tokenizer: Any, task: Task, splits: Splits) -> dict[str, Encoded]:
    """Tokenise the examples of all splits.

    Returns:
        Tokenised examples of each split, by the split's name, such as `held_out`.

    Raises:
        DataError: A split has a share of rows with a cut text above `data.max_cut_share`, or a share of rows with two
            choices of equal tokens above `data.max_tied_share`.
    """
    encoded = {name: build_encoded(config, tokenizer, task, examples) for name, examples in vars(splits).items()}
    for name, split in encoded.items():
        check_cut(name, split, config.backbone.text_limit, config.data.max_cut_share)
        check_tied(name, split, config.data.max_tied_share)
    return encoded
