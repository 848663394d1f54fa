"""Read run folders, and group the runs that differ in the seed alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpt.config import Config
from rpt.errors import RptError
from rpt.reproduce.setting import config_of, flat
from rpt.tracking.counted import counted_score, has_diverged, has_ended

Record = Mapping[str, Any]

NEEDED = ("status", "chosen", "config", "protocol", "data", "backbone")
"""What is taken from every record."""


class NothingToCompare(RptError):
    """The folder has no run of an experiment with published numbers."""


@dataclass(frozen=True)
class Point:
    """The runs of one setting, which differ in their seeds alone.

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
        return len({record["config"]["seed"] for record in self.records})

    @property
    def diverged(self) -> int:
        """Number of runs that diverged and have no score."""
        return sum(map(has_diverged, self.records))

    def scores(self, metric: str) -> list[float]:
        """Return the value of a metric for each run, in points; empty where a run's record lacks the metric.

        A run that diverged has the majority answer's value.
        """
        found = [counted_score(record, metric) for record in self.records]
        known = [score for score in found if score is not None]
        return [100 * score for score in known] if len(known) == len(found) else []


def read(directory: Path) -> tuple[list[Point], int]:
    """The points of an output folder, and how many of its runs have not ended.

    Args:
        directory: Holds run folders, or is one.

    Raises:
        NothingToCompare: There is no run of a published row.
        UnreadableRun: A record is that of another version of rpt.
    """
    if not directory.is_dir():
        raise NothingToCompare(f"{directory}: there is no such folder. Name an output_dir, such as runs.")
    ours = [record for record in _records(directory) if record["config"].get("expected")]
    if not ours:
        advice = "Train some: python run.py -m experiment=paper/t5_base/residual_n10 task=rte data=hub 'seed=range(3)'"
        raise NothingToCompare(f"{directory}: holds no run of a published row. {advice}")
    ended = [record for record in ours if has_ended(record)]
    together: dict[str, list[tuple[Config, Record]]] = defaultdict(list)
    for record in ended:
        config = config_of(record)
        data, backbone = record["data"], record["backbone"]
        made_of = (data["source"], data["checksum"], backbone.get("weights_sha256"), backbone["dtype"])
        key = json.dumps(
            [config.chosen["experiment"], flat(config), made_of, record.get("code")], sort_keys=True, default=str
        )
        together[key].append((config, record))
    points = [Point(runs[0][0], [record for _, record in runs]) for runs in together.values()]
    return points, len(ours) - len(ended)


def _records(directory: Path) -> Iterator[Record]:
    advice = "Move its folder away, or train the run again with rerun=true."
    for path in sorted([*directory.glob("run.json"), *directory.glob("*/run.json")]):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NothingToCompare(f"{path}: cannot be read ({error}). {advice}") from error
        missing = [name for name in NEEDED if not isinstance(record, dict) or name not in record]
        if missing:
            raise NothingToCompare(f"{path}: is no record of a run, it has no {', '.join(missing)}. {advice}")
        yield record
