"""Options of the groups of `conf/`, for tests that must not list them a second time."""

from rpt.config.paths import config_dir

ENCODERS = sorted(file.stem for file in (config_dir() / "encoder").glob("*.yaml"))
"""Names of all encoders, and `none` for no prompt."""
