"""Look up a task's format, metrics and habits, which depend on the protocol and on the backbone's family.

A habit is a rule of the paper's published code that changes a score, such as scoring WSC on positive rows only.
"""

from __future__ import annotations

from rpt.config.schema import Config, PairFormat, PaperConfig, TextFormat
from rpt.errors import ConfigError
from rpt.tasks.text import label_text

NO_RECIPE = (
    "the published code has no recipe for this backbone family: format and metrics are those of protocol=official"
)


def is_published(config: Config) -> bool:
    """Whether rows are formatted as in the paper's published code: protocol=paper with a T5 backbone."""
    return config.protocol.name == "paper" and config.backbone.family == "seq2seq"


def pair_format(config: Config) -> PairFormat:
    """Return the format of the task for an encoder backbone."""
    form = format_of(config)
    assert isinstance(form, PairFormat)
    return form


def format_of(config: Config) -> PairFormat | TextFormat:
    """Return the format of the task for the backbone's family.

    Raises:
        ConfigError: The task has no format for the family. `rpt.config.check` normally refuses this earlier.
    """
    formats = config.task.formats
    if is_published(config):
        return _published(config).seq2seq
    if config.backbone.family == "seq2seq" and config.scorer.name == "generate" and formats.referent is not None:
        return formats.referent
    by_family: dict[str, PairFormat | TextFormat | None] = {
        "encoder": formats.encoder,
        "seq2seq": formats.seq2seq,
        "causal": formats.causal,
    }
    form = by_family[config.backbone.family]
    if form is None:
        advice = "needs a value. Write this format in the task's YAML file, or choose a backbone of another family."
        raise ConfigError.of(f"task.formats.{config.backbone.family}", None, advice)
    return form


def choices_of(config: Config) -> tuple[str, ...] | None:
    """Return the texts of a task's answers, in label order; None if rows have their own choices or free text.

    The texts are the choices of the format, or the labels of the task if the format has no choices.
    """
    choices, labels = format_of(config).choices, config.task.labels
    return tuple(map(label_text, labels)) if choices is None and labels is not None else choices


def metrics_of(config: Config) -> tuple[str, ...]:
    """Return the names of the task's metrics under the protocol."""
    return _published(config).metrics if is_published(config) else config.task.metrics


def habits_of(config: Config) -> list[str]:
    """List sentences about protocol=paper for the run's record; empty for another protocol.

    The sentences are the habits, or `NO_RECIPE` for a backbone family that the published code does not support.
    """
    if is_published(config):
        return list(_published(config).habits)
    return [NO_RECIPE] if config.protocol.name == "paper" else []


def fixed_choices(config: Config) -> tuple[str, ...]:
    """Return the task's label texts in label order; empty if rows have their own choices or free text."""
    choices = choices_of(config) or ()
    return () if any("{" in choice for choice in choices) else choices


def _published(config: Config) -> PaperConfig:
    if config.task.paper is None:
        raise ConfigError.of("task.paper", None, "needs a value for protocol=paper. Set protocol=official.")
    return config.task.paper
