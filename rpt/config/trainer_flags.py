"""Flags of Lightning's Trainer that a run may set, and the reasons why it may not set the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from rpt.config.bounds import ASIDE
from rpt.errors import Problem

Limit = PositiveInt | Annotated[float, Field(gt=0, le=1)] | None
"""Limit on batches: a number of batches (int), or a share of all batches (float); None for all batches."""

REFUSED = {
    "callbacks": "rpt keeps the states of callbacks in its checkpoints. Choose callbacks with callbacks=NAME",
    "logger": "each run of a pack has its own loggers. Choose loggers with logger=NAME",
    "max_epochs": "rpt counts the epochs of a resumed training itself. Set trainer.epochs",
    "min_epochs": "only trainer.patience stops a run early. Set trainer.patience=null to train all epochs",
    "max_steps": "rpt trains whole epochs. Set trainer.epochs, or trainer.lightning.limit_train_batches",
    "min_steps": "only trainer.patience stops a run early. Set trainer.patience=null to train all epochs",
    "max_time": "a score must not depend on the machine's speed. Stop the command instead; repeat it to resume the run",
    "strategy": "rpt itself divides the rows of a step among several devices. Set trainer.devices",
    "devices": "rpt itself starts a process for each device. Set trainer.devices",
    "num_nodes": "a run stays on one machine. Spread a sweep with hydra.launcher.executor=submitit",
    "precision": "trained parameters are float32, and the backbone has its own dtype. Set backbone.dtype",
    "plugins": "plugins can change the precision and the processes. Set backbone.dtype, or trainer.devices",
    "gradient_clip_val": "each run clips its own gradient. Set clip_norm",
    "gradient_clip_algorithm": "each run clips its own gradient by its norm. Set clip_norm",
    "accumulate_grad_batches": "a step is cut into forward passes that fit into memory. Set trainer.batch_size",
    "enable_checkpointing": "runs write their own checkpoints. Set trainer.checkpoint_steps",
    "enable_progress_bar": "runs show their own progress. Set trainer.progress",
    "overfit_batches": "the flag evaluates on training rows. Set data.max_rows for a short run",
    "val_check_interval": "a run is evaluated after each epoch. Set trainer.lightning.limit_train_batches",
    "check_val_every_n_epoch": "the evaluation after each epoch selects the checkpoint. Leave it out",
    "num_sanity_val_steps": "rpt evaluates only at the end of an epoch. Leave it out",
    "reload_dataloaders_every_n_epochs": "each epoch has its own order of rows. Leave it out",
    "limit_predict_batches": "a run never calls Trainer.predict. Set trainer.lightning.limit_test_batches",
    "benchmark": "the flag chooses kernels by their speed, so a run could not be repeated exactly. Leave it out",
    "inference_mode": "training uses tensors that evaluations cache, and this mode forbids that. Leave it out",
    "use_distributed_sampler": "rpt itself divides the rows among several devices. Leave it out",
    "sync_batchnorm": "the devices of a run exchange only gradients. Leave it out",
    "barebones": "the flag turns off the logging that callbacks need. Leave it out",
    "default_root_dir": "each run has its own folder. Set output_dir",
    "enable_autolog_hparams": "a run's record holds its configuration. Leave it out",
    "model_registry": "runs write their own checkpoints. Leave it out",
}
"""Reason and advice for each flag of Lightning 2.6 that would break resuming, packing or a run's identity."""


class LightningFlags(BaseModel):
    """Flags of Lightning's Trainer. A flag that can change the score is part of the run's identity."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "cuda"] | None, ASIDE] = None  # replaces trainer.device
    fast_dev_run: bool | PositiveInt = False  # replaces trainer.epochs and the limits
    limit_train_batches: Limit = None
    limit_val_batches: Limit = None
    limit_test_batches: Limit = None
    deterministic: bool | Literal["warn"] | None = None
    detect_anomaly: Annotated[bool, ASIDE] = False
    profiler: Annotated[Literal["simple", "advanced"] | None, ASIDE] = None
    enable_model_summary: Annotated[bool, ASIDE] = False
    log_every_n_steps: Annotated[PositiveInt, ASIDE] = 50

    def for_trainer(self) -> dict[str, Any]:
        """Return the flags that rpt passes to Lightning's Trainer, without None. rpt applies the other flags itself."""
        names = {"deterministic", "detect_anomaly", "enable_model_summary", "log_every_n_steps"}
        return self.model_dump(include=names, exclude_none=True)


def refused_flags(flags: Any) -> Iterator[Problem]:
    """Yield a problem for each flag of Lightning that a run may not set (`REFUSED`).

    Args:
        flags: Values of `trainer.lightning`, which may be invalid in other ways.
    """
    for name, value in flags.items() if isinstance(flags, Mapping) else ():
        if name in REFUSED:
            yield Problem(f"trainer.lightning.{name}", value, f"{REFUSED[name]}.")


def resolved_trainer(trainer: Any) -> dict[str, Any]:
    """Translate flags of Lightning for which rpt has its own key, and return the changed values of `trainer`.

    `fast_dev_run` becomes one epoch of few batches, so that such a run is resumed like any other run.

    Args:
        trainer: Checked section `trainer` of the configuration.
    """
    flags: LightningFlags = trainer.lightning
    values: dict[str, Any] = {}
    if flags.accelerator is not None:
        values["device"] = "cuda" if flags.accelerator == "gpu" else flags.accelerator
        flags = flags.model_copy(update={"accelerator": None})
    if flags.fast_dev_run:
        limits = dict.fromkeys(
            ("limit_train_batches", "limit_val_batches", "limit_test_batches"), int(flags.fast_dev_run)
        )
        flags = flags.model_copy(update={"fast_dev_run": False, **limits})
        values["epochs"] = 1
    return {**values, "lightning": flags}


def limited(count: int, limit: int | float | None) -> int:
    """Return the number of batches under a limit, at least one.

    Args:
        count: Number of all batches.
        limit: Largest number of batches (int), or share of all batches (float); None for all.
    """
    if limit is None:
        return count
    return max(1, int(count * limit)) if isinstance(limit, float) else min(count, limit)
