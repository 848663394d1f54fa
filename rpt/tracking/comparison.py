"""Compare the results of two trainings of one run, and judge whether a difference is to be expected."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file

from rpt.errors import ConfigError
from rpt.system.reading import reason_of
from rpt.system.writing import read_json_lines
from rpt.tracking.folder import RunFolder
from rpt.tracking.kinds import NUMBER, TEXT_OR_NULL, WHOLE, Kind
from rpt.tracking.record import Record
from rpt.tracking.record_sections import is_folded

CURVES = ("train/loss", "held_out/loss")
"""Columns of the curve that are compared."""

CLOSE_IN_FLOAT64 = 1e-6
"""Largest relative difference of a loss that shared forward passes may cause in float64. The tests measure 1e-8."""

ROUNDING_WARNINGS = ("resumed on another machine", "resumed elsewhere", "out of memory")
"""First words of the warnings that explain why a run differs from its repetition in the last bits.

Older versions of rpt wrote `resumed elsewhere`.
"""


_POSITIVE = Kind("a whole number of 1 or more", lambda value: WHOLE.accepts(value) and value >= 1)
_METRICS = Kind(
    "a section of numbers", lambda value: isinstance(value, dict) and all(map(NUMBER.accepts, value.values()))
)
NEEDED: dict[str, Kind | None] = {
    "data.rows.reported": _POSITIVE,
    "scores": _METRICS,
    "scores.score": Kind("a number of 0 or more", lambda value: NUMBER.accepts(value) and value >= 0),
    "warnings": None,
    "pack.size": _POSITIVE,
    "backbone.dtype": None,
    "environment.bits": None,
    "environment.packages": None,
    "config.encoder._target_": TEXT_OR_NULL,
}
"""Values that a record must have for a comparison, by dotted key.

Each value has the kind that it must have here, or None if the kind that the record declares is enough.
"""


@dataclass(frozen=True)
class Results:
    """Results of a finished run for a comparison with its repetition.

    Attributes:
        curve: Values of each column of `CURVES`, in the order of their steps.
        answers: Answer to each reported row, in the rows' order.
        prompt: Exported prompt; None for a run without a prompt. For a run that keeps its encoder, all kept numbers.
        record: Record of the run.
    """

    curve: dict[str, list[float]]
    answers: list[str]
    prompt: Float[np.ndarray, "length hidden"] | None
    record: Record


@dataclass(frozen=True)
class Comparison:
    """Differences between a run and its repetition.

    Attributes:
        curve: Largest relative difference in each compared column of the curve.
        prompt: Distance between the two prompts, divided by the norm of the first prompt; None without a prompt.
        same_answers: Share of the reported rows with the same answer.
        scores: Scores of the run and of the repetition, by metric.
        reasons: Reasons why the repetition may differ in the last bits; empty if it must be identical.
        is_float64: Whether both trainings were computed in float64.
    """

    curve: dict[str, float]
    prompt: float | None
    same_answers: float
    scores: dict[str, tuple[float, float]]
    reasons: tuple[str, ...] = ()
    is_float64: bool = False

    @property
    def is_identical(self) -> bool:
        """Whether all compared numbers are equal to the last bit."""
        numbers = [*self.curve.values(), self.prompt or 0.0]
        has_same_scores = all(before == after for before, after in self.scores.values())
        return not any(numbers) and self.same_answers == 1 and has_same_scores

    @property
    def is_expected(self) -> bool:
        """Whether the trainings are identical, or `reasons` explain their difference.

        In float64, shared forward passes alone explain a relative difference of at most `CLOSE_IN_FLOAT64`.
        """
        if self.is_identical:
            return True
        is_too_large = self.is_float64 and not max(self.curve.values()) <= CLOSE_IN_FLOAT64
        is_rounding = len(self.reasons) == 1 and self.reasons[0].startswith("the run shared")
        return bool(self.reasons) and not (is_rounding and is_too_large)

    @property
    def verdict(self) -> str:
        """The judgement as a line of text: identical, expected with the reasons, or not expected with advice."""
        if self.is_identical:
            return "identical: every compared number has the same bits"
        if self.is_expected:
            return f"expected difference: {'; '.join(self.reasons)}. Training amplifies such rounding."
        if self.reasons:
            return f"NOT expected: {self.reasons[0]}, but in float64 that explains no more than {CLOSE_IN_FLOAT64:g}"
        return (
            "NOT expected: machine, versions, code and forward passes are the same, so every bit should be equal. "
            "Check what a record does not hold: files that a component reads, environment variables, faulty memory."
        )


def compare(first: Results, second: Results) -> Comparison:
    """Compare the results of two trainings of one run."""
    pairs = zip(first.answers, second.answers, strict=True)
    same_answers = sum(before == after for before, after in pairs) / len(first.answers)
    before, after = first.record.scores, second.record.scores
    return Comparison(
        curve={name: _farthest(first.curve[name], second.curve[name]) for name in CURVES},
        prompt=_distance(first.prompt, second.prompt),
        same_answers=same_answers,
        scores={name: (before[name] or 0.0, after[name] or 0.0) for name in before},
        reasons=tuple(reasons_to_differ(first.record, second.record)),
        is_float64=all(record.backbone.dtype == "float64" for record in (first.record, second.record)),
    )


def reasons_to_differ(first: Record, second: Record) -> list[str]:
    """List the reasons why two trainings of one run may differ in the last bits; empty if they must be identical.

    Args:
        first: Record of the run.
        second: Record of the repetition.
    """
    reasons = []
    before, after = first.environment, second.environment
    pairs = {key: (before.bits.get(key), after.bits.get(key)) for key in after.bits if key != "forwards"}
    packages = set(after.packages) - {"rpt"} - set(pairs)
    pairs |= {key: (before.packages.get(key), after.packages[key]) for key in sorted(packages)}
    if changes := [f"{key} {old} -> {new}" for key, (old, new) in pairs.items() if old != new]:
        reasons.append(f"another machine, thread count or version: {', '.join(changes)}")
    if before.bits.get("forwards") != after.bits.get("forwards"):
        size = first.pack.size
        reasons.append(f"the run shared its forward passes in a pack of {size}, which sums in another order")
    warnings = [*first.warnings, *second.warnings]
    reasons += [warning for warning in warnings if warning.startswith(ROUNDING_WARNINGS)]
    return reasons


def read_results(folder: Path, record: Record) -> Results:
    """Read the results of a finished run.

    Args:
        folder: Folder of the run.
        record: Record of the run.

    Raises:
        ConfigError: A file is missing or damaged, or does not belong to the record.
    """
    files = RunFolder(folder)
    with _damage(files.record):
        missing, odd = record.problems(NEEDED)
        if missing or odd:
            raise ValueError(f"it has no {', '.join(missing)}" if missing else "; ".join(odd))
        rows = record.data.rows.reported
        has_prompt = record.config["encoder"]["_target_"] is not None
    with _damage(files.curve):
        curve = _curve(files.curve)
    with _damage(files.predictions):
        answers = [str(line["predicted"]) for line in read_json_lines(files.predictions)]
        if len(answers) != rows:
            raise ValueError(f"{len(answers)} lines, and run.json says {rows}")
    keeps_encoder = not is_folded(record.prompt)
    with _damage(files.encoder if keeps_encoder else files.prompt):
        prompt = None if not has_prompt else _encoder(files.encoder) if keeps_encoder else _prompt(files.prompt)
    return Results(curve, answers, prompt, record)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn any exception of the block into a ConfigError that names the damaged file."""
    try:
        yield
    except Exception as error:
        advice = f"is missing or damaged ({type(error).__name__}: {reason_of(error)}). Train the run again: rerun=true."
        raise ConfigError.of("RUN", str(path), advice) from error


def report(comparison: Comparison) -> str:
    """Format a comparison as lines of text."""
    lines = [f"{name:16} differs by up to {value:.2g} of its value" for name, value in comparison.curve.items()]
    if comparison.prompt is not None:
        lines.append(f"{'prompt':16} differs by {comparison.prompt:.2g} of its norm")
    lines.append(f"{'answers':16} {comparison.same_answers:.1%} are the same")
    lines += [f"{name:16} {before:.4f} before, {after:.4f} now" for name, (before, after) in comparison.scores.items()]
    return "\n".join([*lines, comparison.verdict])


def _curve(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if missing := [name for name in CURVES if name not in (rows.fieldnames or ())]:
            raise ValueError(f"there is no column {missing[0]}")
        lines = list(rows)
    return {name: [float(row[name]) for row in lines if row[name]] for name in CURVES}


def _prompt(path: Path) -> Float[np.ndarray, "length hidden"]:
    return load_file(path)["prompt"]


def _encoder(path: Path) -> Float[np.ndarray, "1 numbers"]:
    """Read the kept table and encoder of a run as one row of numbers."""
    tensors = load_file(path)
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)])[None]


def _farthest(first: list[float], second: list[float]) -> float:
    """Compute the largest relative difference of two curves; infinity for curves of different lengths."""
    if len(first) != len(second):
        return math.inf
    return max((abs(old - new) / max(abs(old), 1e-12) for old, new in zip(first, second, strict=True)), default=0.0)


def _distance(
    first: Float[np.ndarray, "length hidden"] | None, second: Float[np.ndarray, "length hidden"] | None
) -> float | None:
    if first is None or second is None:
        return None
    if first.shape != second.shape:
        return math.inf
    return float(np.linalg.norm(first - second)) / max(float(np.linalg.norm(first)), 1e-12)
