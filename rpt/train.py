"""Train a pack of runs, one or many, and leave a record of each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch

from rpt import build
from rpt.config import Config
from rpt.console import closing, opening, say
from rpt.data.module import PackData
from rpt.data.sources import Source
from rpt.errors import CheckpointError, RptError
from rpt.module import Predictions, PromptTuner
from rpt.progress import Bar
from rpt.quiet import quiet_libraries
from rpt.results import opening_facts, write_results
from rpt.tracking.callback import Tracking
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import digest, folder_name, identity
from rpt.tracking.recorder import Recorder


class RunFailed(RptError):
    """A run that could not be trained to its end; its record says why."""


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    Attributes:
        folder: The run's folder.
        record: Its `run.json`.
    """

    folder: Path
    record: dict[str, Any]

    @property
    def score(self) -> float:
        """The task's score on the reported rows, 0 to 1."""
        return float(self.record["scores"]["score"])


def train(configs: Sequence[Config]) -> list[Outcome]:
    """Train runs that share task, data, backbone and batch size, packed over one backbone.

    A run that is finished is not trained again; one that was interrupted goes on where it stopped.

    Raises:
        RptError: Rows, weights, folders or checkpoints are not as they must be; nothing half-written stays.
        RunFailed: A run diverged; its record says so, the others of the pack are finished.
    """
    quiet_libraries()
    source = build.build_source(configs[0])
    with ExitStack() as stack:
        recorders = [_open(config, source, stack) for config in configs]
        finished = {r: old for r in recorders if (old := _finished(r)) is not None}
        pending = [recorder for recorder in recorders if recorder not in finished]
        trained = dict(zip(pending, _train(pending, source), strict=True)) if pending else {}
        records = [{**finished, **trained}[recorder] for recorder in recorders]
    outcomes = [Outcome(r.folder.path, record) for r, record in zip(recorders, records, strict=True)]
    for outcome in outcomes:
        if outcome.record["status"] == "failed":
            raise RunFailed(f"{outcome.folder}: {outcome.record['error']}. Lower lr, or set clip_norm=1.")
    return outcomes


def _open(config: Config, source: Source, stack: ExitStack) -> Recorder:
    """Name the run's folder, take its lock, and set an earlier training aside if asked."""
    identity_hash = digest(identity(config, source.checksum))
    folder = RunFolder(Path(config.output_dir) / folder_name(config, identity_hash))
    folder.open()
    stack.callback(folder.close)
    if config.rerun:
        folder.supersede()
    return Recorder(config, identity_hash, folder, config.task.metrics)


def _finished(recorder: Recorder) -> dict[str, Any] | None:
    record = recorder.folder.read_record()
    if record is None or record["status"] != "finished":
        return None
    say("this run is finished; nothing to do (rerun=true trains it again)\n")
    say(closing(record, recorder.folder.path))
    return record


def _train(recorders: Sequence[Recorder], source: Source) -> list[dict[str, Any]]:
    """Build the pack, go on where it stopped, train, and write the results."""
    configs = [recorder.config for recorder in recorders]
    config = configs[0]
    splits = build.build_splits(config, source)
    device = build.build_device(config)
    states = [recorder.load_checkpoint() for recorder in recorders]
    backbone = build.build_backbone(config, device)
    total_steps = -(-len(splits.train) // config.trainer.batch_size) * config.trainer.epochs
    runs = [build.build_run(one, backbone, device, total_steps) for one in configs]
    tuner = build.build_module(config, backbone, runs)
    data = build.build_data(configs, backbone, splits, tuner)
    _resume(tuner, states, recorders)
    for recorder, run, state in zip(recorders, runs, states, strict=True):
        facts = opening_facts(recorder.config, source, data, backbone, run, device)
        facts["pack"] = {"size": len(runs), "members": [other.identity_hash for other in recorders]}
        recorder.start(facts, state["recorder"] if state else None)
    for recorder in recorders:
        say(opening(recorder.record, recorder.folder.path) + "\n")
    with _ended_properly(recorders):
        _fit(tuner, data, recorders, device)
        predictions = _evaluate(tuner, data, device)
        records = [
            write_results(recorder, run, tuner, data, predicted, device)
            for recorder, run, predicted in zip(recorders, runs, predictions, strict=True)
        ]
    for recorder in recorders:
        if recorder.record["status"] == "finished":
            say(closing(recorder.record, recorder.folder.path) + "\n")
    return records


def _resume(tuner: PromptTuner, states: Sequence[dict[str, Any] | None], recorders: Sequence[Recorder]) -> None:
    """Put the pack back where its checkpoints stand; they must all stand at the same step."""
    if not any(states):
        return
    known = [state for state in states if state is not None]
    members = [recorder.identity_hash for recorder in recorders]
    if len(known) < len(states) or any(state["pack"] != members for state in known):
        path = next(r.folder.path for r, state in zip(recorders, states, strict=True) if state)
        advice = "Sweep the same points again, or set rerun=true."
        raise CheckpointError(f"{path}: was trained in a pack with other runs. {advice}")
    for run, state in zip(tuner.runs, known, strict=True):
        run.restore(state["run"])
    tuner.steps_done, tuner.epochs_done = known[0]["steps_done"], known[0]["epochs_done"]
    say(f"going on after step {tuner.steps_done} (epoch {tuner.epochs_done})\n")


def _fit(tuner: PromptTuner, data: PackData, recorders: Sequence[Recorder], device: torch.device) -> None:
    """Train from the step that the pack stands at to the last epoch, unless every run has left."""
    section = recorders[0].config.trainer
    epochs_left = section.epochs - tuner.epochs_done
    if epochs_left == 0 or not any(run.is_active for run in tuner.runs):
        return
    members = [recorder.identity_hash for recorder in recorders]
    callbacks: list[Any] = [Tracking(recorders, section.checkpoint_steps, members)]
    if section.progress and sys.stderr.isatty():
        callbacks.append(Bar(data.steps_per_epoch * section.epochs))
    trainer = _trainer(device, max_epochs=epochs_left, callbacks=callbacks)
    trainer.fit(tuner, datamodule=data)


def _evaluate(tuner: PromptTuner, data: PackData, device: torch.device) -> list[Predictions | None]:
    """Score the reported rows once, with the state that the held-out rows chose."""
    for run in tuner.runs:
        if run.best is not None and run.status != "failed":
            run.restore_best()
    trainer = _trainer(device)
    trainer.validate(tuner, dataloaders=data.evaluation(data.reported), verbose=False)
    return tuner.predictions


def _trainer(device: torch.device, **options: Any) -> lightning.Trainer:
    """Lightning's loop, without what the runs keep themselves: checkpoints, loggers, clipping."""
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision="64-true" if torch.get_default_dtype() == torch.float64 else "32-true",
        min_epochs=0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,  # each epoch has its own order, the first may start in its middle
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        inference_mode=False,
        **options,
    )


@contextmanager
def _ended_properly(recorders: Sequence[Recorder]) -> Iterator[None]:
    """Whatever ends the training, say so in every record and to every logger, and let it go on up."""
    try:
        yield
    except BaseException as error:
        by_hand = isinstance(error, KeyboardInterrupt | SystemExit)
        facts = {"error": f"{type(error).__name__}: {error}"}
        for recorder in recorders:
            with suppress(RptError):  # a full disk: the record stays as it was, the first error goes up
                recorder.finish("interrupted" if by_hand else "failed", facts)
        raise
