"""Silence messages of libraries that do not help a user of rpt. The comment on a line names the message or reason."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Silence the messages. `rpt.backbones.load` calls this before a model or a tokenizer is loaded."""
    from transformers.utils import logging as transformers_logging

    # "GPU available", "Seed set to", tips; the package `lightning` also adds a handler that doubles messages.
    logging.getLogger("lightning").handlers.clear()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()  # "Loading weights"
    for message in (
        r".*LeafSpec.*is deprecated.*",  # lightning 2.6 uses an interface that torch 2.13 deprecates
        r".*in eval mode at the start of training.*",  # intended: the backbone is frozen
        r".*smaller than the logging interval.*",  # docs/lightning.md names the flag; the curve has every step
        r".*sync_dist=True.*",  # all ranks have the sums over all ranks, and log the same values
        r".*does not have many workers.*",  # rows are tokenised before training
        r".*`srun` command is available.*",  # intended: a run is one process, also under SLURM
        r".*GPU available but not used.*",  # intended: trainer.device=cpu is set
        r".*to control TF32 behavior.*",  # Lightning uses an old interface of torch
    ):
        warnings.filterwarnings("ignore", message=message)
