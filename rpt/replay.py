"""Train one run again, alone, and say how far it comes out from what its folder holds: for whoever doubts a pack."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpt.check import check
from rpt.errors import ConfigError
from rpt.startup import load_libraries
from rpt.tracking.files import read_json_lines
from rpt.tracking.folder import RunFolder

CURVES = ("train/loss", "held_out/loss")
"""The columns of the curve that are compared."""


@dataclass(frozen=True)
class Comparison:
    """A run and its repetition.

    Attributes:
        curve: For each compared column the greatest relative difference of a row.
        prompt: Distance of the two prompts, of the first one's norm; None without a prompt.
        same_answers: Share of validation rows that got the same answer.
        scores: `(then, now)` by metric.
    """

    curve: dict[str, float]
    prompt: float | None
    same_answers: float
    scores: dict[str, tuple[float, float]]


def replay(folder: Path) -> Comparison:
    """Train the run of a folder again, alone, in `FOLDER/replay/`, and compare.

    Args:
        folder: Of a finished run; it is not changed otherwise.

    Raises:
        ConfigError: The folder holds no finished run.
        RptError: The run's data or backbone are no longer what they were, or cannot be had.
    """
    values = recorded(folder)
    load_libraries()
    from rpt.train import train

    values.update({"output_dir": str(folder / "replay"), "logger": {}, "rerun": False})
    [outcome] = train([check(values)])
    again = outcome.check().folder
    if again.name != folder.name:
        advice = "the run is another one by now: its data, backbone or rpt has changed. Compare by hand."
        raise ConfigError.of("replay", str(folder), advice)
    return compare(folder, again)


def recorded(folder: Path) -> dict[str, Any]:
    """The configuration that a finished run was trained with.

    Raises:
        ConfigError: The folder holds no finished run.
    """
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        finished = record["status"] == "finished"
        values = {**record["config"], "chosen": record["chosen"], "replay": None}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError.of(
            "replay", str(folder), f"holds no record of a run ({error}). Name a run folder."
        ) from error
    if not finished:
        raise ConfigError.of("replay", str(folder), "is not finished. Finish it first: run the same command again.")
    return values


def compare(first: Path, second: Path) -> Comparison:
    """Compare what two trainings of one run have left."""
    curves = [_curve(folder) for folder in (first, second)]
    answers = [_answers(folder) for folder in (first, second)]
    records = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (first, second)]
    same = sum(one == other for one, other in zip(*answers, strict=True)) / len(answers[0])
    then, now = (record["scores"] for record in records)
    return Comparison(
        curve={name: _farthest(curves[0][name], curves[1][name]) for name in CURVES},
        prompt=_distance(first, second),
        same_answers=same,
        scores={name: (then[name], now[name]) for name in then},
    )


def report(found: Comparison) -> str:
    """What a person sees."""
    lines = [f"{name:16} differs by up to {value:.2g} of its value" for name, value in found.curve.items()]
    if found.prompt is not None:
        lines.append(f"{'prompt':16} differs by {found.prompt:.2g} of its norm")
    lines.append(f"{'answers':16} {found.same_answers:.1%} the same")
    lines += [f"{name:16} {then:.4f} then, {now:.4f} now" for name, (then, now) in found.scores.items()]
    return "\n".join(lines)


def _curve(folder: Path) -> dict[str, list[float]]:
    with RunFolder(folder).curve.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row.get(name)] for name in CURVES}


def _answers(folder: Path) -> list[str]:
    return [line["predicted"] for line in read_json_lines(RunFolder(folder).predictions)]


def _farthest(first: list[float], second: list[float]) -> float:
    """The greatest relative difference; a curve of another length counts as wholly different."""
    if len(first) != len(second):
        return float("inf")
    return max((abs(one - other) / max(abs(one), 1e-12) for one, other in zip(first, second, strict=True)), default=0.0)


def _distance(first: Path, second: Path) -> float | None:
    from safetensors.torch import load_file

    paths = [RunFolder(folder).prompt for folder in (first, second)]
    if not paths[0].exists():
        return None
    one, other = (load_file(path)["prompt"] for path in paths)
    return float((one - other).norm() / one.norm())
