"""Train and evaluate a pack (runs that are trained together) with Lightning's Trainer.

A signal that arrives during training is delayed until a checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler

from rpt.config.trainer_flags import LightningFlags
from rpt.data.datamodule import PackData
from rpt.scoring.predictions import Predictions
from rpt.system.interruption import Interrupted, Interruptions
from rpt.training.callbacks import CallbackFailed
from rpt.training.module import PromptTuner


def fit(
    tuner: PromptTuner,
    data: PackData,
    epochs: int,
    device: torch.device,
    callbacks: Sequence[Callback],
    interruptions: Interruptions,
    **flags: Any,
) -> None:
    """Train from the pack's present step to the last epoch, or until no run is active.

    A signal interrupts the training and is passed to its handler. If the handler returns, training continues.

    Args:
        tuner: Module of the pack.
        data: Data module of the pack.
        epochs: Number of epochs of the whole training.
        device: Device that trains the pack.
        callbacks: Lightning callbacks of the training. An exception in a user's callback marks the run as failed.
        interruptions: Object that delays signals until a checkpoint is written.
        flags: Further arguments of Lightning's Trainer.
    """
    is_whole = False
    while not is_whole and tuner.epochs_done < epochs and any(run.is_active for run in tuner.runs):
        try:
            with interruptions.deferred():
                is_whole = _fit_on(tuner, data, epochs, device, callbacks, flags)
        except Interrupted:
            interruptions.deliver()
        except CallbackFailed as error:
            _fail(tuner, error)
    interruptions.deliver()  # a signal may have come after the last step


def _fit_on(
    tuner: PromptTuner,
    data: PackData,
    epochs: int,
    device: torch.device,
    callbacks: Sequence[Callback],
    flags: dict[str, Any],
) -> bool:
    """Train to the end and return True; if only the evaluation of an epoch is missing, evaluate and return False."""
    trainer = _trainer(device, max_epochs=epochs, callbacks=list(callbacks), **flags)
    if tuner.steps_done == (tuner.epochs_done + 1) * data.steps_per_epoch:
        with tuner.ending_epoch():
            trainer.validate(tuner, dataloaders=data.val_dataloader(), verbose=False)
        return False
    _continue_counts(trainer, tuner)
    trainer.fit(tuner, datamodule=data)
    return True


def _continue_counts(trainer: lightning.Trainer, tuner: PromptTuner) -> None:
    """Set Lightning's counts of epochs and steps, which callbacks and loggers read, to the pack's counts."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = tuner.steps_done
    for name in ("ready", "started", "processed", "completed"):
        setattr(trainer.fit_loop.epoch_progress.current, name, tuner.epochs_done)
    trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.total.completed = tuner.steps_done


def _fail(tuner: PromptTuner, error: CallbackFailed) -> None:
    """Mark the pack's run as failed. A pack with callbacks has a single run, whose callback has raised the error."""
    for run in tuner.runs:
        run.fail(str(error), error.trace)


def evaluate(
    tuner: PromptTuner, data: PackData, device: torch.device, callbacks: Sequence[Callback] = (), **flags: Any
) -> list[Predictions | None]:
    """Score the reported rows once, with each run's selected checkpoint.

    Returns:
        Predictions of each run; None for a run that has failed or was stopped.
    """
    has_score = [run.has_score for run in tuner.runs]
    if not any(has_score):
        return [None for _ in has_score]
    trainer = _trainer(device, callbacks=list(callbacks), **flags)
    try:
        trainer.test(tuner, dataloaders=data.test_dataloader(), verbose=False)
    except CallbackFailed as error:
        _fail(tuner, error)
        return [None for _ in has_score]
    return tuner.predictions


def trainer_flags(flags: LightningFlags, folder: Path) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer that a run's flags set.

    Args:
        flags: Section `trainer.lightning` of the configuration.
        folder: Folder of the run, into which a profiler writes `fit-profile.txt` and `test-profile.txt`.
    """
    profilers = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    profiler = None if flags.profiler is None else profilers[flags.profiler](dirpath=folder, filename="profile")
    return {**flags.for_trainer(), "profiler": profiler}


def _trainer(device: torch.device, **flags: Any) -> lightning.Trainer:
    """Build Lightning's Trainer without checkpoints, loggers and clipping, which the runs handle themselves."""
    own: dict[str, Any] = {
        "accelerator": "gpu" if device.type == "cuda" else "cpu",
        "devices": [device.index or 0] if device.type == "cuda" else 1,
        "plugins": [LightningEnvironment()],  # in a SLURM job, Lightning would otherwise handle signals itself
        "precision": "32-true",  # Lightning then leaves the dtypes of backbone and runs unchanged
        "min_epochs": 0,
        "num_sanity_val_steps": 0,
        "reload_dataloaders_every_n_epochs": 1,  # each epoch has its own order, and a resumed epoch starts midway
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "logger": False,
        "inference_mode": False,
    }
    return lightning.Trainer(**{**own, **flags})
