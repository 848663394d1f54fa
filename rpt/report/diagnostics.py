"""What became of the prompts: their curves, norms, nearest words, and how alike those of other seeds are.

Every part is optional: a run that was made without it, or that trains no prompt, has None there.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file

from rpt.report.series import Point, curves_of
from rpt.report.study import Study, StudyError, StudyRun
from rpt.tracking.folder import RunFolder

T = TypeVar("T")

WITHIN = 0.01
"""How near to its best a run has to be to count as trained: one point."""

Series = Float[np.ndarray, " evaluations"]


@dataclass(frozen=True)
class History:
    """A run's evaluations while it trained, on the rows that choose the checkpoint.

    Attributes:
        epochs: Trained by then.
        steps: Trained by then.
        score: The task score, 0 to 1.
        loss: Mean over rows, in nats.
        gate: |phi(P)| / |P| of a residual encoder, mean over virtual tokens; `nan` elsewhere, as below.
        norm: Mean norm of the encoded prompt's rows.
        drift: How far the encoded prompt is from its start, as a share of the start's norm.
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
    """A trained prompt beside the vocabulary.

    Attributes:
        nearest: For each virtual token the vocabulary's nearest tokens with their cosine, nearest first.
        norms: Of each virtual token.
        vocab_norm: `mean`, `std`, `min` and `max` of the norms of the vocabulary's embeddings.
        drift: Of each virtual token from its start, as a share of the start's norm.
        gate: |phi(P)| / |P| of each virtual token of a residual encoder; None elsewhere.
    """

    nearest: Sequence[Sequence[tuple[str, float]]]
    norms: Float[np.ndarray, " length"]
    vocab_norm: Mapping[str, float]
    drift: Float[np.ndarray, " length"]
    gate: Float[np.ndarray, " length"] | None


@dataclass(frozen=True)
class Diagnosis:
    """The runs of an encoder at the point that the held-out rows choose.

    Attributes:
        point: Which runs.
        histories: Of each run, in the order of the point's.
        prompts: Of each run; None where it has no diagnostics.
        cosines: Between the folded prompts of every two runs, mean over virtual tokens of the cosine of equal places;
            `nan` where one of them has no prompt file.
    """

    point: Point
    histories: Sequence[History | None]
    prompts: Sequence[Prompt | None]
    cosines: Float[np.ndarray, "runs runs"]

    @property
    def epochs(self) -> list[float]:
        """For each run with a curve, the epochs until its held-out score was within a point of its best."""
        found = [one for one in self.histories if one is not None]
        return [float(one.epochs[np.flatnonzero(one.score >= one.score.max() - WITHIN)[0]]) for one in found]

    @property
    def mean_cosine(self) -> float | None:
        """Over all pairs of seeds; None with less than two prompts."""
        pairs = self.cosines[np.triu_indices(len(self.cosines), 1)]
        return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else None


def diagnose(study: Study) -> list[Diagnosis]:
    """Read the diagnostics of every encoder at its chosen point, in the study's order."""
    return [diagnosis(curve.tuned) for curve in curves_of(study)]


def diagnosis(point: Point) -> Diagnosis:
    """Read the diagnostics of a point's runs.

    Raises:
        StudyError: A file is there, but cannot be read.
    """
    return Diagnosis(
        point, [history(run) for run in point.runs], [prompt(run) for run in point.runs], _cosines(point.runs)
    )


def history(run: StudyRun) -> History | None:
    """Read a run's evaluations from `metrics.csv`; None where it has no file or was never evaluated.

    Raises:
        StudyError: The file is damaged.
    """
    return _read(RunFolder(run.folder).curve, _history)


def prompt(run: StudyRun) -> Prompt | None:
    """Read a run's `diagnostics.json`; None where there is none.

    Raises:
        StudyError: The file is damaged.
    """
    return _read(RunFolder(run.folder).diagnostics, _prompt)


def _read(path: Path, parse: Callable[[Path], T]) -> T | None:
    """What a file of a run holds; None where it is not there."""
    if not path.exists():
        return None
    try:
        return parse(path)
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise StudyError(f"{path}: cannot be read ({error!r}). Train the run again with rerun=true.") from error


def _history(path: Path) -> History | None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["held_out/score"]]
    names = ("epoch", "step", "held_out/score", "held_out/loss", "prompt/gate", "prompt/norm", "prompt/drift")
    columns = [np.array([float(row.get(name) or "nan") for row in rows]) for name in names]
    return History(*columns) if rows else None


def _prompt(path: Path) -> Prompt:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    gate = found.get("gate")
    return Prompt(
        nearest=[[(str(token), float(cosine)) for token, cosine in row] for row in found["nearest"]],
        norms=np.array(found["norms"], dtype=float),
        vocab_norm={name: float(found["vocab_norm"][name]) for name in ("mean", "std", "min", "max")},
        drift=np.array(found["drift"], dtype=float),
        gate=None if gate is None else np.array(gate, dtype=float),
    )


def _folded(path: Path) -> Float[np.ndarray, "length hidden"]:
    folded: Float[np.ndarray, "length hidden"] = load_file(path)["prompt"].astype(np.float64)
    return folded


def _cosines(runs: Sequence[StudyRun]) -> Float[np.ndarray, "runs runs"]:
    prompts = [_read(RunFolder(run.folder).prompt, _folded) for run in runs]
    found = np.full((len(runs), len(runs)), np.nan)
    for row, one in enumerate(prompts):
        for column, other in enumerate(prompts):
            if one is not None and other is not None and one.shape == other.shape:
                lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
                products = (one * other).sum(axis=1)
                found[row, column] = np.divide(products, lengths, where=lengths > 0, out=products * 0).mean()
    return found
