"""The dashboard's sections and panels as plain data, without an import of W&B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rpt.config.paths import config_dir

Kind = Literal["bars", "dots", "lines", "parallel"]

ENCODER = "chosen.encoder"
"""Configuration key of the encoder's name."""

NO_PROMPT = "none"
"""Value of `ENCODER` in a run without a prompt.

Such a run fine-tunes the backbone, trains only the classification head, or trains nothing (zero-shot)."""


@dataclass(frozen=True)
class Panel:
    """A chart of the dashboard.

    Attributes:
        kind: `bars` shows means and standard deviations over runs, with a group of bars for each value of `over`.
            `dots` shows a dot for each run. `lines` shows curves over training steps, with mean and standard deviation
            over the runs of each value of `over`. `parallel` shows each run as a line through parallel axes, one for
            each key of `over` and `shows`.
        title: Title of the chart.
        shows: Keys of the values to show. They are keys of W&B's run summary; for `lines`, keys of the logged metrics.
        over: Keys of the runs' configuration: the horizontal axis of `dots`, the groups of `bars` and `lines`.
        is_log: Whether the axis of the first key of `over` is logarithmic.
    """

    kind: Kind
    title: str
    shows: tuple[str, ...]
    over: tuple[str, ...]
    is_log: bool = False

    def __str__(self) -> str:
        return f"{self.kind:8}  {self.title}: {', '.join(self.shows)} over {', '.join(self.over)}"


@dataclass(frozen=True)
class Section:
    """Panels that answer one question, with a title, and a text that only the report shows."""

    title: str
    text: str
    panels: tuple[Panel, ...]


def encoders() -> tuple[str, ...]:
    """Return the names of all prompt encoders, from the options of the config group `encoder`."""
    return tuple(sorted(file.stem for file in (config_dir() / "encoder").glob("*.yaml") if file.stem != NO_PROMPT))


def sections(names: Sequence[str]) -> tuple[Section, ...]:
    """Return the sections of the dashboard, the main question first.

    Args:
        names: Encoders to compare. The panels of an encoder without runs stay empty.
    """
    return (
        Section(
            "Score by learning rate",
            "Which encoder still trains when the learning rate is wrong? A run that diverged counts with the majority "
            f"answer's score. A run without a prompt (`{NO_PROMPT}`: the head alone, zero-shot or fine-tuning) is the "
            "same at every rate of the prompt and is trained once a seed, at the first rate. Compare all other bars "
            "with that bar.",
            (
                *_along(names, "learning rate", "lr", is_log=True, beside=(NO_PROMPT,)),
                Panel("bars", f"score over all rates ({NO_PROMPT}: without a prompt)", ("counted_score",), (ENCODER,)),
            ),
        ),
        Section(
            "Score by prompt length",
            "How many virtual tokens does each encoder need?",
            _along(names, "virtual tokens", "prompt.length", is_log=True),
        ),
        Section(
            "Score by initialisation",
            "How much does it matter what the soft prompt starts from?",
            (_bars(names, "score", "counted_score", "initialisation", "chosen.init"),),
        ),
        Section(
            "Failed runs",
            "The share of runs that diverged or are not above the majority answer.",
            (
                Panel("bars", "share of failed runs by encoder", ("failed",), (ENCODER,)),
                _bars(names, "share of failed runs", "failed", "learning rate", "lr"),
            ),
        ),
        Section("All choices at once", "Each run is a line through its settings to its score.", (_parallel(),)),
        Section(
            "Curves", "The mean over runs of each encoder.", _curves("held_out/score", "held_out/loss", "train/loss")
        ),
        Section(
            "Prompts",
            "How far the soft prompt has moved from its start, how long its rows are, and how much the residual "
            "network adds to the table, |phi(P)| / |P|.",
            _curves("prompt/drift", "prompt/norm", "prompt/gate"),
        ),
    )


def _along(
    names: Sequence[str], label: str, key: str, *, is_log: bool, beside: Sequence[str] = ()
) -> tuple[Panel, ...]:
    """Return panels of the score along a numeric axis: bars of means, then for each encoder a panel of single runs.

    Args:
        names: Encoders to compare.
        label: Name of the axis for readers.
        key: Key of the axis in the runs' configuration.
        is_log: Whether the axis is logarithmic.
        beside: Further values of `ENCODER` whose runs the bars also show.
    """
    dots = (Panel("dots", f"{name}: score by {label}", (f"{name}/counted_score",), (key,), is_log) for name in names)
    return (_bars([*names, *beside], "score", "counted_score", label, key), *dots)


def _bars(names: Sequence[str], title: str, summary: str, label: str, key: str) -> Panel:
    return Panel("bars", f"{title} by {label}", tuple(f"{name}/{summary}" for name in names), (key,))


def _parallel() -> Panel:
    axes = ("lr", ENCODER, "prompt.length", "chosen.init", "seed")
    return Panel("parallel", "choices and score", ("counted_score",), axes, is_log=True)


def _curves(*names: str) -> tuple[Panel, ...]:
    return tuple(Panel("lines", f"{name} by encoder", (name,), (ENCODER,)) for name in names)
