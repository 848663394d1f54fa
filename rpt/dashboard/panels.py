"""What the dashboard shows, in plain values: which panel stands where and reads what. Nothing of W&B is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rpt.places import config_dir

Kind = Literal["bars", "dots", "lines", "parallel"]

ENCODER = "chosen.encoder"
"""The configuration key that names a run's encoder."""

HEAD_ALONE = "none"
"""What stands there where no prompt is trained: of an encoder backbone the head alone, of others nothing."""


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        kind: `bars`: means with their standard deviation, a group of bars for each value of `over`. `dots`: a dot a
            run. `lines`: curves over the training, their mean and standard deviation for each value of `over`.
            `parallel`: a line a run through all axes.
        title: What it is called.
        shows: Keys of the runs' summary; of their curves for `lines`.
        over: Keys of the runs' configuration.
        is_log: Whether the first of `over` is drawn by its logarithm.
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
    """Panels that answer one question, and the words that go with them in the report."""

    title: str
    text: str
    panels: tuple[Panel, ...]


def encoders() -> tuple[str, ...]:
    """Every prompt encoder that can be chosen."""
    return tuple(sorted(file.stem for file in (config_dir() / "encoder").glob("*.yaml") if file.stem != HEAD_ALONE))


def sections(names: Sequence[str]) -> tuple[Section, ...]:
    """The dashboard, from the question to its details.

    Args:
        names: The encoders to compare; one that no run has stays empty.
    """
    return (
        Section(
            "Score by learning rate",
            "Which encoder still trains when the learning rate is wrong? A run that diverged counts with the majority "
            f"answer's score. The head alone (`{HEAD_ALONE}`) feels no rate of the prompt and is trained once a seed, "
            "at the first rate: that bar is the line to hold all others against.",
            (
                *_along(names, "learning rate", "lr", is_log=True, beside=(HEAD_ALONE,)),
                Panel("bars", f"score over all rates ({HEAD_ALONE}: the head alone)", ("counted_score",), (ENCODER,)),
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
        Section("All choices at once", "Every run is a line through what it was told to its score.", (_parallel(),)),
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
    """The score along a numeric axis: means of encoders and of what stands `beside` them, then every encoder's runs."""
    dots = (Panel("dots", f"{name}: score by {label}", (f"{name}/counted_score",), (key,), is_log) for name in names)
    return (_bars([*names, *beside], "score", "counted_score", label, key), *dots)


def _bars(names: Sequence[str], what: str, summary: str, label: str, key: str) -> Panel:
    return Panel("bars", f"{what} by {label}", tuple(f"{name}/{summary}" for name in names), (key,))


def _parallel() -> Panel:
    axes = ("lr", ENCODER, "prompt.length", "chosen.init", "seed")
    return Panel("parallel", "choices and score", ("counted_score",), axes, is_log=True)


def _curves(*names: str) -> tuple[Panel, ...]:
    return tuple(Panel("lines", f"{name} by encoder", (name,), (ENCODER,)) for name in names)
