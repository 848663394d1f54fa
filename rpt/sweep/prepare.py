"""Turn points into runs: check each point, compute its identity and folder, and find points with the same identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rpt.config.schema import Config
from rpt.errors import ConfigError, RptError
from rpt.sweep.checksums import Provenance
from rpt.sweep.point import Point, Result
from rpt.tracking.identity import folder_name, identify
from rpt.tracking.other_code import refuse_other_code
from rpt.tracking.status import PointStatus


@dataclass(frozen=True)
class Prepared:
    """A point that can be trained.

    Attributes:
        point: Point of the sweep.
        config: Checked configuration of the point.
        identity_hash: Identity hash of the run (`rpt.tracking.identity`).
        folder: Path of the run's folder.
    """

    point: Point
    config: Config
    identity_hash: str
    folder: Path


@dataclass
class Preparation:
    """The points of a sweep in three groups: points to train, points that cannot be trained, and repeated points.

    Attributes:
        runs: Points that can be trained. No two of them are the same run.
        results: Results of the points that cannot be trained.
        twins: Points that are the same run as an earlier point, as pairs of the point and the earlier point's number.
    """

    runs: list[Prepared] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    twins: list[tuple[Point, int]] = field(default_factory=list)


def prepare(points: Sequence[Point]) -> Preparation:
    """Check points and compute their identities. Each data set and each weight file is read once."""
    made, provenance = Preparation(), Provenance()
    first: dict[Path, int] = {}
    for point in points:
        try:
            run = _prepared(point, provenance)
        except RptError as error:
            status: PointStatus = "refused" if isinstance(error, ConfigError) else "failed"
            made.results.append(Result(point.number, status, error=str(error)))
            continue
        if run.folder in first:
            made.twins.append((point, first[run.folder]))
        else:
            first[run.folder] = point.number
            made.runs.append(run)
    return made


def _prepared(point: Point, provenance: Provenance) -> Prepared:
    config = point.checked()
    if config.trainer.devices != 1:
        advice = (
            "spreads a run over several devices, and hydra/launcher=packed trains many runs on one device. Leave "
            "trainer=ddp out, and spread packs by hydra.launcher.executor=submitit; or add hydra/launcher=basic."
        )
        raise ConfigError.of("trainer.devices", config.trainer.devices, advice)
    checksum, weights = provenance.data_checksum(config), provenance.backbone_sha256(config)
    identity = identify(config, checksum, weights)
    folder = Path(config.output_dir) / folder_name(config, identity.hash)
    refuse_other_code(folder, config, identity, checksum)
    return Prepared(replace(point, config=config), config, identity.hash, folder)
