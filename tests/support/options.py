"""Names of the options in `conf/`, so that tests need no list of their own."""

from rpt.config.paths import config_dir

ENCODERS = sorted(file.stem for file in (config_dir() / "encoder").glob("*.yaml"))
"""Names of all encoders, including `none`, a run without a prompt."""
