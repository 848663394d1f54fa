"""The command line: Hydra composes, `rpt.check` accepts or refuses, `rpt.train` trains.

Only Hydra is imported at the top; torch and Lightning wait until a configuration is accepted, so that help and
refusals come at once.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rpt.config import config_dir, plain
from rpt.errors import RptError

REFUSED = 2
"""Exit code for what the user can mend: configuration, data, files."""

WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR") == "1"


def main() -> None:
    """Run the command line. User errors end with exit code 2 and no traceback (HYDRA_FULL_ERROR=1 shows it)."""
    # A waiting OpenMP thread that spins slows small models 30 times wherever another process uses a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing and exiting with 1
    sys.argv[1:] = [_as_list(argument) for argument in sys.argv[1:]]
    app = hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")
    try:
        app(_job)()
    except (RptError, HydraException, OmegaConfBaseException) as error:
        _refuse(error)


def _as_list(argument: str) -> str:
    """`logger=wandb` for a group that takes several options means `logger=[wandb]`."""
    key, _, value = argument.partition("=")
    is_one_word = value.replace("_", "").isalnum()
    return f"logger=[{value}]" if key == "logger" and is_one_word else argument


def _job(composed: DictConfig) -> float | None:
    """Train one accepted configuration; returns its score, which sweepers maximise."""
    import rpt.check

    hydra_config = HydraConfig.get()
    try:
        config = rpt.check.check(plain(composed, hydra_config.runtime.choices))
        from rpt.train import train

        [outcome] = train([config])
        return outcome.score
    except RptError as error:
        if hydra_config.mode == RunMode.MULTIRUN:
            raise  # of this point alone: the others of the sweep go on
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    from rpt.refusals import explain

    if WANTS_TRACEBACK:
        raise error
    sys.stderr.write(explain(error).rstrip() + "\n")
    sys.exit(REFUSED)
