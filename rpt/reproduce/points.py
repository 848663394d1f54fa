"""Read run folders, and group the runs of equal setting that differ in their seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rpt.config.schema import Config
from rpt.errors import RptError
from rpt.reproduce.expected import UnreadableRun, expected_of
from rpt.reproduce.setting import config_of, flat
from rpt.tracking.kinds import NUMBER, TEXT, WHOLE, Kind
from rpt.tracking.record import Record, RecordError

NEEDED: dict[str, Kind | None] = {
    "chosen": None,
    "chosen.experiment": TEXT,
    "chosen.task": TEXT,
    "config.seed": WHOLE,
    **dict.fromkeys(("protocol.habits", "data.source", "data.checksum", "backbone.dtype")),
    **dict.fromkeys(("data.rows.train", "data.rows.reported")),
}
"""Kind of each value that a record must have for a comparison with the paper, by dotted key.

None means the kind that the class `Record` declares."""


class NothingToCompare(RptError):
    """The folder does not exist, or holds no readable run of an experiment with published numbers."""


@dataclass(frozen=True)
class Point:
    """The runs of one setting. They differ in their seeds, and may differ in the keys of `rpt.reproduce.setting.FREE`.

    Attributes:
        config: Configuration of the first run.
        records: Records (`run.json`) of the runs that have finished or diverged.
    """

    config: Config
    records: Sequence[Record]

    @property
    def experiment(self) -> str:
        """Name of the experiment that the runs belong to."""
        return self.config.chosen["experiment"]

    @property
    def seeds(self) -> int:
        """Number of different seeds of the runs."""
        return len({record.config["seed"] for record in self.records})

    @property
    def diverged(self) -> int:
        """Number of runs that diverged and have no score."""
        return sum(record.has_diverged for record in self.records)

    def scores(self, metric: str) -> list[float]:
        """Return the value of a metric for each run, in points; an empty list if a run's record lacks the metric.

        A run that diverged counts with the value of always giving the most frequent answer.
        """
        scores = [record.score_or_majority(metric) for record in self.records]
        known = [score for score in scores if score is not None]
        return [100 * score for score in known] if len(known) == len(scores) else []


class LeftOut(NamedTuple):
    """Counts of the runs that a comparison leaves out, although the paper has a number for their setting.

    Attributes:
        unfinished: Number of runs whose training has not ended.
        stopped: Number of runs that successive halving has stopped.
    """

    unfinished: int
    stopped: int


def read(directory: Path) -> tuple[list[Point], LeftOut, list[str]]:
    """Read the run folders of an output folder.

    Args:
        directory: Folder that holds run folders, or a run folder.

    Returns:
        The points, the numbers of runs that are left out, and a message for each record that cannot be read.

    Raises:
        NothingToCompare: The folder does not exist, or holds no readable run for which the paper has a number.
    """
    if not directory.is_dir():
        raise NothingToCompare(f"{directory}: there is no such folder. Name an output_dir, such as runs.")
    damaged: list[str] = []
    runs = list(_runs(directory, damaged))
    if not runs and damaged:
        raise NothingToCompare("\n".join(damaged))
    if not runs:
        advice = "Train some: python run.py -m experiment=paper/t5_base/residual_n10 task=rte data=hub 'seed=range(3)'"
        raise NothingToCompare(f"{directory}: holds no run with numbers in the paper. {advice}")
    ended_runs = [(config, record) for config, record in runs if record.has_ended]
    by_setting: dict[str, list[tuple[Config, Record]]] = defaultdict(list)
    for config, record in ended_runs:
        data, backbone = record.data, record.backbone
        made_of = (data.source, data.checksum, getattr(backbone, "weights_sha256", None), backbone.dtype)
        key = json.dumps([config.chosen["experiment"], flat(config), made_of, record.code], sort_keys=True, default=str)
        by_setting[key].append((config, record))
    points = [Point(group[0][0], [record for _, record in group]) for group in by_setting.values()]
    stopped = sum(record.status == "stopped" for _, record in runs)
    return points, LeftOut(len(runs) - len(ended_runs) - stopped, stopped), damaged


def _runs(directory: Path, damaged: list[str]) -> Iterator[tuple[Config, Record]]:
    """Yield the configuration and record of each run whose experiment has numbers in the paper.

    Args:
        directory: Folder that holds run folders, or a run folder.
        damaged: List to which a message is added for each record that cannot be read.
    """
    advice = "Move its folder away, or train the run again with rerun=true."
    for path in sorted([*directory.glob("run.json"), *directory.glob("*/run.json")]):
        try:
            record = Record.read(path.parent, advice)
            if "config" not in record.model_fields_set:
                raise RecordError(f"{path}: has no config. {advice}")
            experiment = record.chosen.get("experiment") if "chosen" in record.model_fields_set else None
            if isinstance(experiment, str) and expected_of(experiment):
                yield _config_of(path, record, advice), record
        except RptError as error:
            damaged.append(str(error))


def _config_of(path: Path, record: Record, advice: str) -> Config:
    """Return the configuration of a record that has all values that a comparison needs.

    Raises:
        RecordError: The record lacks a value or holds a value of another kind, or its configuration cannot be read.
    """
    missing, odd = record.problems(_needed(record))
    if missing or odd:
        reason = f"has no {', '.join(missing)}" if missing else "; ".join(odd)
        raise RecordError(f"{path}: {reason}. {advice}")
    try:
        return config_of(record)
    except UnreadableRun as error:
        raise RecordError(f"{path}: {error}") from error


def _needed(record: Record) -> dict[str, Kind | None]:
    scores = {"finished": {"scores.score": NUMBER}, "failed": {"majority.score": NUMBER}}
    return {**NEEDED, **scores.get(record.status, {})}
