"""Read the diagnostics of trained prompts: training curves, norms, nearest words, and cosines between seeds.

A part is None for a run whose folder does not have the file of this part.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file

from rpt.report.read.run import ONE_POINT, StudyError, StudyRun
from rpt.report.read.series import StudyPoint
from rpt.report.read.study import Study
from rpt.system.reading import Unreadable, read_object, reason_of
from rpt.tracking.folder import RunFolder
from rpt.tracking.kinds import NUMBER, NUMBERS, NUMBERS_OR_NULL, TEXT, Kind, problems_of

T = TypeVar("T")

Series = Float[np.ndarray, " evaluations"]


@dataclass(frozen=True)
class History:
    """Evaluations of a run during training, on the held-out rows that choose the checkpoint.

    Every attribute is an array with a number for each evaluation. A number that the run did not record is `nan`.

    Attributes:
        epochs: Number of epochs trained before the evaluation.
        steps: Number of training steps before the evaluation.
        score: Task score on the held-out rows, 0 to 1.
        loss: Mean loss over the held-out rows, in nats.
        gate: Norm of the update that the encoder adds to a row of the prompt table, divided by the norm of the row,
            mean over the virtual tokens; `nan` for encoders without a skip connection.
        norm: Mean norm of the encoded virtual tokens.
        drift: Distance of the encoded prompt from its value before training, divided by that value's norm.
    """

    epochs: Series
    steps: Series
    score: Series
    loss: Series
    gate: Series
    norm: Series
    drift: Series


@dataclass(frozen=True)
class Prompt:
    """Measurements of a trained prompt from `diagnostics.json`: norms, drift, nearest tokens of the vocabulary.

    Attributes:
        nearest: Nearest tokens of the vocabulary with their cosines for each virtual token, nearest first.
        norms: Norm of each virtual token.
        vocab_norm: Numbers `mean`, `std`, `min` and `max` of the norms of all input embeddings of the backbone. For a
            prompt that enters before a later layer, norms of the tokens' states before this layer.
        drift: Distance of each virtual token from its value before training, divided by that value's norm.
        gate: Norm of the update that the encoder adds to a row of the prompt table, divided by the norm of the row, for
            each virtual token; None for encoders without a skip connection.
    """

    nearest: Sequence[Sequence[tuple[str, float]]]
    norms: Float[np.ndarray, " length"]
    vocab_norm: Mapping[str, float]
    drift: Float[np.ndarray, " length"]
    gate: Float[np.ndarray, " length"] | None


@dataclass(frozen=True)
class Diagnosis:
    """Diagnostics of an encoder's runs at the point that the held-out rows choose.

    Attributes:
        point: Point with the runs that differ in the seed alone.
        histories: Training curve of each run, in the order of `point.runs`; None for a run without an evaluation.
        prompts: Prompt diagnostics of each run, in the order of `point.runs`; None for a run without diagnostics.
        cosines: Cosine between the exported prompts of every two runs: the mean over virtual tokens at equal positions;
            `nan` if a run has no prompt file or the shapes differ.
        damaged: Message for each file that cannot be read, which is treated as missing.
    """

    point: StudyPoint
    histories: Sequence[History | None]
    prompts: Sequence[Prompt | None]
    cosines: Float[np.ndarray, "runs runs"]
    damaged: tuple[str, ...] = ()

    @property
    def epochs(self) -> list[float]:
        """Epochs until the held-out score was within one point of the run's best score, for each run with a curve."""
        histories = [history for history in self.histories if history is not None]
        return [
            float(history.epochs[np.flatnonzero(history.score >= history.score.max() - ONE_POINT)[0]])
            for history in histories
        ]

    @property
    def mean_cosine(self) -> float | None:
        """Mean of `cosines` over all pairs of different runs; None with fewer than two prompts."""
        pairs = self.cosines[np.triu_indices(len(self.cosines), 1)]
        return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else None


def diagnose(study: Study) -> list[Diagnosis]:
    """Read the diagnostics of each curve's point with the best held-out score, in the order of the study's curves.

    A curve holds the points of one encoder on one task, at fixed values of all axes except the main axis.
    """
    return [diagnosis(curve.tuned) for curve in study.curves]


def diagnosis(point: StudyPoint) -> Diagnosis:
    """Read the diagnostics of a point's runs. Damaged files are treated as missing, and `damaged` lists them."""
    damaged: list[str] = []
    histories = [_unless_damaged(history, run, damaged) for run in point.runs]
    prompts = [_unless_damaged(prompt, run, damaged) for run in point.runs]
    folded = [_unless_damaged(_folded_prompt, run, damaged) for run in point.runs]
    return Diagnosis(point, histories, prompts, _cosines(folded), tuple(damaged))


def _unless_damaged(read: Callable[[StudyRun], T | None], run: StudyRun, damaged: list[str]) -> T | None:
    """Read a file of a run. If the file is damaged, add a message to `damaged` and return None."""
    try:
        return read(run)
    except StudyError as error:
        damaged.append(str(error))
        return None


def history(run: StudyRun) -> History | None:
    """Read a run's evaluations from `metrics.csv`; None if the file is missing or holds no evaluation.

    Raises:
        StudyError: The file is damaged.
    """
    return _read(RunFolder(run.folder).curve, _history)


def prompt(run: StudyRun) -> Prompt | None:
    """Read a run's `diagnostics.json`; None if the file is missing.

    Raises:
        StudyError: The file is damaged.
    """
    return prompt_diagnostics(run.folder)


def prompt_diagnostics(folder: Path) -> Prompt | None:
    """Read the `diagnostics.json` of a run's folder; None if the file is missing.

    Raises:
        StudyError: The file is damaged.
    """
    return _read(RunFolder(folder).diagnostics, _prompt)


def _read(path: Path, parse: Callable[[Path], T]) -> T | None:
    """Parse a file of a run; None if the file is missing."""
    if not path.exists():
        return None
    try:
        return parse(path)
    except (OSError, KeyError, TypeError, ValueError, csv.Error, SafetensorError, Unreadable) as error:
        reason = f"it has no {error.args[0]}" if isinstance(error, KeyError) else reason_of(error)
        raise StudyError(f"{path}: cannot be read ({reason}). Train the run again with rerun=true.") from error


def _history(path: Path) -> History | None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["held_out/score"]]
    names = ("epoch", "step", "held_out/score", "held_out/loss", "prompt/gate", "prompt/norm", "prompt/drift")
    columns = [np.array([float(row.get(name) or "nan") for row in rows]) for name in names]
    for name, column in zip(names[:3], columns, strict=False):
        if not np.isfinite(column).all():
            raise ValueError(f"{name} is no number in an evaluation")
    return History(*columns) if rows else None


def _prompt(path: Path) -> Prompt:
    values = read_object(path)
    missing, odd = problems_of(values, _OF_A_PROMPT)
    if missing or odd:
        raise ValueError(odd[0] if odd else f"it has no {missing[0]}")
    columns = {name: values[name] for name in ("nearest", "norms", "drift", "gate") if values.get(name) is not None}
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"{', '.join(columns)} are of several lengths")
    return Prompt(
        nearest=[[(token, float(cosine)) for token, cosine in row] for row in values["nearest"]],
        norms=np.array(values["norms"], dtype=float),
        vocab_norm={name: float(values["vocab_norm"][name]) for name in VOCAB_NORM},
        drift=np.array(values["drift"], dtype=float),
        gate=np.array(columns["gate"], dtype=float) if "gate" in columns else None,
    )


def _is_nearest(value: Any) -> bool:
    """Whether a value holds, for each virtual token, pairs of a token and its cosine."""
    rows = value if isinstance(value, list) else [value]
    return all(isinstance(row, list) and all(map(_is_pair, row)) for row in rows)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and TEXT.accepts(value[0]) and NUMBER.accepts(value[1])


VOCAB_NORM = ("mean", "std", "min", "max")
_OF_A_PROMPT = {
    "nearest": Kind("a list of tokens with their cosines for each virtual token", _is_nearest),
    "norms": NUMBERS,
    "drift": NUMBERS,
    **dict.fromkeys((f"vocab_norm.{name}" for name in VOCAB_NORM), NUMBER),
    "gate": NUMBERS_OR_NULL,
}


def _folded(path: Path) -> Float[np.ndarray, "length hidden"]:
    folded: Float[np.ndarray, "length hidden"] = load_file(path)["prompt"].astype(np.float64)
    if folded.ndim != 2 or not np.isfinite(folded).all():
        raise ValueError("prompt is no matrix of numbers")
    return folded


def _folded_prompt(run: StudyRun) -> Float[np.ndarray, "length hidden"] | None:
    return _read(RunFolder(run.folder).prompt, _folded)


def _cosines(prompts: Sequence[Float[np.ndarray, "_ _"] | None]) -> Float[np.ndarray, "runs runs"]:
    cosines = np.full((len(prompts), len(prompts)), np.nan)
    for row, prompt in enumerate(prompts):
        for column, other in enumerate(prompts):
            if prompt is not None and other is not None and prompt.shape == other.shape:
                lengths = np.linalg.norm(prompt, axis=1) * np.linalg.norm(other, axis=1)
                products = (prompt * other).sum(axis=1)
                cosines[row, column] = np.divide(products, lengths, where=lengths > 0, out=products * 0).mean()
    return cosines
