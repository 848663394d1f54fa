"""Training steps of rpt in Lightning's Trainer, with the record and the curve of each run, as `rpt.runs` takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from benchmarks.peers.jobs import Job, assemble, training_rows
from benchmarks.peers.names import BATCH
from benchmarks.peers.stopwatch import Stopwatch, Taken
from rpt.config.schema import Config
from rpt.data.batches import epoch_batches
from rpt.data.inputs import build_source, find_backbone
from rpt.system.interruption import Interruptions
from rpt.tracking.callback import Tracking
from rpt.tracking.open_runs import build_recorders
from rpt.tracking.recorder import Recorder
from rpt.tracking.results import first_sections
from rpt.tracking.trained_facts import run_sections
from rpt.training.callbacks import LoopControl, UserCallbacks
from rpt.training.loop import fit


class RptSteps:
    """Function that trains a pack on the chosen rows. Each call repeats the same steps.

    A single run takes the steps of its first epoch. A pack with as many runs as steps takes one step.

    Args:
        job: Shape and rows.
        folder: Folder for the run folders.
        overrides: Overrides of the configuration of every run.
        size: Number of runs of the pack.

    Attributes:
        stopwatch: Stopwatch of the training loop.
        tuner: Lightning module of the pack.
        data: Data module of the pack.
    """

    def __init__(self, job: Job, folder: Path, overrides: Sequence[str] = (), size: int = 1) -> None:
        seeds = range(size) if size == 1 else balanced_seeds(job, size)
        one_step = ["+trainer.lightning.limit_train_batches=1"] if _takes_one_step(job, size) else []
        fixed = [*overrides, *one_step, f"output_dir={folder}"]
        configs = [
            job.config(*fixed, f"seed={index}", f"data.order_seed={seed}", "data.split_seed=0")
            for index, seed in enumerate(seeds)
        ]
        self.config = configs[0]
        self.tuner, self.data = assemble(job, configs)
        self.stopwatch = Stopwatch()
        self._recorders = self._start(configs)
        user, trainer = UserCallbacks({}), self.config.trainer
        pack = [recorder.identity_hash for recorder in self._recorders]
        tracking = Tracking(self._recorders, trainer, pack, Interruptions(), user)
        self._callbacks = [LoopControl(user), tracking, Timed(self.stopwatch)]

    def __call__(self) -> Taken:
        """Take the steps."""
        tokens = self._tokens()
        for run in self.tuner.runs:
            run.steps = 0
        self.tuner.steps_done = self.tuner.epochs_done = 0
        flags = self.config.trainer.lightning.for_trainer()
        fit(self.tuner, self.data, 1, torch.device("cpu"), self._callbacks, Interruptions(), **flags)
        assert all(run.is_active for run in self.tuner.runs), "a run has failed and took no steps"
        examples = BATCH * len(self.tuner.runs) * self.data.steps_per_epoch
        return Taken(self.stopwatch.seconds, examples, self._tokens() - tokens)

    def close(self) -> None:
        """Close the run folders, and end their heartbeats."""
        for recorder in self._recorders:
            recorder.folder.close()

    def _tokens(self) -> int:
        return sum(run.tokens for run in self.tuner.runs)

    def _start(self, configs: Sequence[Config]) -> list[Recorder]:
        """Open the run folders and begin the records, as `rpt.runs` does."""
        files, source = find_backbone(self.config), build_source(self.config)
        recorders = build_recorders(configs, source.checksum, files.files_sha256, None)
        for recorder in recorders:
            recorder.folder.open()
        members, device = [recorder.identity_hash for recorder in recorders], torch.device("cpu")
        sections = first_sections(self.config, source, self.data, self.tuner, device, files.weights_sha256, members)
        for recorder, run in zip(recorders, self.tuner.runs, strict=True):
            recorder.start({**sections, **run_sections(recorder.config, run, self.tuner.backbone, 0)}, None)
        return recorders


class Timed(Callback):
    """Lightning callback that tells a stopwatch the times of the steps."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def on_train_epoch_start(self, *_: Any) -> None:
        """Note the beginning of the epoch, before its first batch is read."""
        self.stopwatch.begin()

    def on_train_batch_end(self, *_: Any) -> None:
        """Note the end of a step, after its losses are recorded."""
        self.stopwatch.step_ends()


def balanced_seeds(job: Job, size: int) -> list[int]:
    """Return a seed of the order of rows for each run of a pack, all different.

    If the pack takes one step, the seeds are chosen so that the first batches of the runs together hold rows of all
    lengths about equally often.
    """
    if not _takes_one_step(job, size):
        return list(range(size))
    lengths, steps = training_rows(job).lengths, job.steps
    ranked = sorted(range(len(lengths)), key=lengths.__getitem__)
    by_batch: list[list[int]] = [[] for _ in range(steps)]
    seed = 0
    while any(len(seeds) < size // steps for seeds in by_batch):
        first = epoch_batches(lengths, BATCH, seed, 0)[0]
        rank = math.floor(sum(map(ranked.index, first)) / len(first) / BATCH)
        if len(by_batch[rank]) < size // steps:
            by_batch[rank].append(seed)
        seed += 1
    return [seed for seeds in by_batch for seed in seeds]


def _takes_one_step(job: Job, size: int) -> bool:
    """Whether one step of a pack can hold every chosen row equally often."""
    return size > 1 and size % job.steps == 0
