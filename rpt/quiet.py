"""Silence what libraries say that a reader of rpt's output cannot use. Each line says what and why."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Call after Lightning and transformers are imported and before they are used."""
    from transformers.utils import logging as transformers_logging

    # "GPU available", "Seed set to", tips; the package `lightning` also adds a handler that doubles messages.
    logging.getLogger("lightning").handlers.clear()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()  # "Loading weights"
    for message in (
        r".*LeafSpec.*is deprecated.*",  # torch 2.13 against lightning 2.6, until lightning follows
        r".*in eval mode at the start of training.*",  # meant: the backbone is frozen
        r".*configure_optimizers` returned `None`.*",  # meant: every run has its own
        r".*does not have many workers.*",  # rows are tokenised before training
        r".*`srun` command is available.*",  # a run is one process, on a machine of SLURM too
        r".*GPU available but not used.*",  # trainer.device=cpu was asked for
        r".*to control TF32 behavior.*",  # Lightning asks torch in its old way
    ):
        warnings.filterwarnings("ignore", message=message)
