"""Folders of trained runs. Runs with equal overrides are trained once in a test session and copied."""

import shutil
import tempfile
from pathlib import Path

from rpt.config.check import check
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
