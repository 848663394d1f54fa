"""What a protocol makes of a task: the format that a backbone family reads, the metrics, the habits to be named."""

from __future__ import annotations

from rpt.config import Config, PairFormat, TextFormat

NO_RECIPE = (
    "the published code has no recipe for this backbone family: format and metrics are those of protocol=official"
)


def is_published(config: Config) -> bool:
    """Whether the published code says how this task is put to this backbone."""
    return config.protocol.name == "paper" and config.backbone.family == "seq2seq"


def pair_format(config: Config) -> PairFormat:
    """How an encoder backbone reads the task."""
    return config.task.formats.encoder


def text_format(config: Config) -> TextFormat:
    """How a language model reads the task and what it is to write."""
    formats = config.task.formats
    if config.backbone.family == "causal":
        return formats.causal
    if is_published(config):
        return config.task.paper.seq2seq
    if config.scorer.name == "generate" and formats.referent is not None:
        return formats.referent
    return formats.seq2seq


def format_of(config: Config) -> PairFormat | TextFormat:
    """How the backbone's family reads the task."""
    return pair_format(config) if config.backbone.family == "encoder" else text_format(config)


def metrics_of(config: Config) -> tuple[str, ...]:
    """The task's metrics under the protocol."""
    return config.task.paper.metrics if is_published(config) else config.task.metrics


def habits_of(config: Config) -> list[str]:
    """What a reader of the number must know of how it was made."""
    if is_published(config):
        return list(config.task.paper.habits)
    return [NO_RECIPE] if config.protocol.name == "paper" else []


def own_choices(config: Config) -> tuple[str, ...]:
    """The task's label texts in label order; empty where each row brings its own choices."""
    choices = format_of(config).choices or ()
    return () if any("{" in choice for choice in choices) else choices
