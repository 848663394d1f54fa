"""Folders of trained runs. Runs with equal overrides are trained once in a test session and copied."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rpt
from rpt.config.check import check
from rpt.predict.answers import answer_lines
from rpt.predict.lines import placed
from rpt.predict.predictor import Predictor
from rpt.runs import train
from tests.support.composed import compose

_trained: dict[tuple[str, ...], Path] = {}
_kept = tempfile.TemporaryDirectory(prefix="rpt_trained_")


def trained_folder(output_dir: Path, *overrides: str) -> Path:
    """Return the folder of a finished run in `output_dir`, which the test may change.

    Args:
        output_dir: Output folder of the run.
        overrides: Overrides of the run without `output_dir`.
    """
    if overrides not in _trained:
        folder = Path(_kept.name, str(len(_trained)))
        [outcome] = train([check(compose([*overrides, f"output_dir={folder}"]))])
        _trained[overrides] = outcome.check().folder
    source = _trained[overrides]
    return Path(shutil.copytree(source, output_dir / source.name, dirs_exist_ok=True))


def mixed_and_alone(folders: Sequence[Path], rows: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Answer the same rows by several runs, in shared forward passes and by each run alone.

    Args:
        folders: Folders of finished runs of one backbone.
        rows: Rows of the official release.

    Returns:
        Scores of all choices for each row of the first run, then of the next run: shared, and alone.
    """
    runs = [rpt.load(folder) for folder in folders]
    mixed = [{**row, "run": folder.name} for folder in folders for row in rows]
    shared = [line.values["scores"] for line in answer_lines(Predictor(runs), placed(mixed))]
    alone = [line["scores"] for folder in folders for line in rpt.load(folder).predict(rows)]
    return shared, alone
