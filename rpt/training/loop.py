"""Train and evaluate a pack with Lightning's Trainer, and stop for a checkpoint when a signal waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback

from rpt.data.datamodule import PackData
from rpt.scoring.predictions import Predictions
from rpt.system.interruption import Interrupted, Interruptions
from rpt.training.module import PromptTuner
from rpt.training.progress import Stop


def fit(
    tuner: PromptTuner,
    data: PackData,
    epochs: int,
    device: torch.device,
    callbacks: Sequence[Callback],
    interruptions: Interruptions,
) -> None:
    """Train from the pack's present step to the last epoch, or until no run is active.

    A signal whose handler returns, such as a launcher's, only interrupts the training, which then continues.

    Args:
        tuner: Module of the pack.
        data: Data module of the pack.
        epochs: Number of epochs of the whole training.
        device: Device that trains the pack.
        callbacks: Lightning callbacks of the training.
        interruptions: Object that delays signals until a checkpoint is written.
    """
    is_whole = False
    while not is_whole and tuner.epochs_done < epochs and any(run.is_active for run in tuner.runs):
        try:
            with interruptions.deferred():
                is_whole = _fit_on(tuner, data, epochs, device, callbacks)
        except Interrupted:
            interruptions.deliver()
    interruptions.deliver()  # a signal may have come after the last step


def _fit_on(
    tuner: PromptTuner, data: PackData, epochs: int, device: torch.device, callbacks: Sequence[Callback]
) -> bool:
    """Train to the end and return True; if only the evaluation of an epoch is missing, evaluate and return False."""
    epochs_left = epochs - tuner.epochs_done
    trainer = _trainer(device, max_epochs=epochs_left, callbacks=[*callbacks, Stop()])
    if tuner.steps_done == (tuner.epochs_done + 1) * data.steps_per_epoch:
        trainer.validate(tuner, dataloaders=data.val_dataloader(), verbose=False)
        return False
    trainer.fit(tuner, datamodule=data)
    return True


def evaluate(
    tuner: PromptTuner, data: PackData, device: torch.device, callbacks: Sequence[Callback] = ()
) -> list[Predictions | None]:
    """Score the reported rows once, with each run's selected checkpoint.

    Returns:
        Predictions of each run; None for a run that has failed.
    """
    has_score = [not run.has_failed for run in tuner.runs]
    if not any(has_score):
        return [None for _ in has_score]
    trainer = _trainer(device, callbacks=list(callbacks))
    trainer.test(tuner, dataloaders=data.evaluation(data.reported, lambda: has_score), verbose=False)
    return tuner.predictions


def _trainer(device: torch.device, **options: Any) -> lightning.Trainer:
    """Build Lightning's Trainer without checkpoints, loggers and clipping, which the runs handle themselves."""
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.type == "cuda" else 1,
        plugins=[LightningEnvironment()],  # one process also in a SLURM job, where Lightning would handle signals
        precision="32-true",  # Lightning then leaves the dtypes of backbone and runs unchanged
        min_epochs=0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,  # each epoch has its own order, and a resumed epoch starts in its middle
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        inference_mode=False,
        **options,
    )
