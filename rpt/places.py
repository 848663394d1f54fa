"""Where the option files and studies lie, without importing anything that takes time."""

from __future__ import annotations

from pathlib import Path


def config_dir() -> Path:
    """The folder of the option files, `conf/`."""
    return _shipped("conf")


def sweeps_dir() -> Path:
    """The folder of the studies, `sweeps/`."""
    return _shipped("sweeps")


def _shipped(name: str) -> Path:
    """A top-level folder of a checkout, or its copy inside an installed wheel."""
    root = Path(__file__).parent.parent
    is_checkout = (root / "run.py").is_file() and (root / "conf" / "config.yaml").is_file()
    return (root if is_checkout else root / "rpt") / name
