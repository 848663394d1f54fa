"""Train a pack of one or more runs, and write a record of each run."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from rpt import build
from rpt.backbones.frozen import fingerprint
from rpt.config.hardware import count_devices
from rpt.config.schema import Config
from rpt.console import closing, opening, say
from rpt.data.datamodule import PackData
from rpt.data.inputs import build_source, find_backbone
from rpt.data.sources import Source
from rpt.errors import ConfigError, RptError, RunFailed
from rpt.system.interruption import Interruptions
from rpt.system.out_of_memory import enough_memory
from rpt.tracking.callback import Tracking
from rpt.tracking.environment import forget_peak_memory
from rpt.tracking.final_status import ended_properly
from rpt.tracking.lightning_logger import CallbackLogger
from rpt.tracking.limited_evaluation import limited_sections
from rpt.tracking.open_runs import build_recorders, open_all
from rpt.tracking.pack_checks import check_pack, refuse_twins
from rpt.tracking.record import Record
from rpt.tracking.recorder import Recorder
from rpt.tracking.results import first_sections, write_results
from rpt.tracking.resume import Pack, Saved, packs, restore
from rpt.tracking.trained_facts import run_sections
from rpt.training.callbacks import HalvingControl, LoopControl, UserCallbacks
from rpt.training.halving import Competitors
from rpt.training.live_progress import ProgressCallback
from rpt.training.loop import evaluate, fit, trainer_flags
from rpt.training.module import PromptTuner
from rpt.training.progress import Progress, shown
from rpt.training.randomness import determinism_restored, repeatable_kernels
from rpt.training.ranks import Ranks, join
from rpt.training.run import CONVERGE_ADVICE

NOT_BEGUN = Record(status="interrupted")
"""Record of a run whose training could not begin."""


class RunStopped(RptError):
    """Successive halving has stopped a run, so that the run has no score on the reported rows."""


@dataclass(frozen=True)
class Outcome:
    """Folder and record of one run after `train`, or the error that prevented its training.

    Attributes:
        folder: Folder of the run.
        record: Record of the run. If the training could not begin, it holds only the status `interrupted`.
        error: Error that prevented the training of this run; None if the training began.
    """

    folder: Path
    record: Record
    error: RptError | None = None

    @property
    def score(self) -> float:
        """Score of the task on the reported rows, 0 to 1.

        Raises:
            RptError: The run was not trained to its end; the error is the one that `check` raises.
        """
        score = self.check().record.scores.get("score")
        if score is None:
            raise RunFailed(f"{self.folder}: the record has no score. Train the run again with rerun=true.")
        return score

    def check(self) -> Outcome:
        """Return this outcome, or raise the error of a run that was not trained to its end.

        Raises:
            RptError: The run's folder or checkpoint could not be read.
            RunFailed: The run has failed.
            RunStopped: Successive halving has stopped the run.
        """
        if self.error is not None:
            raise self.error
        if (reason := self.record.stop_reason) is not None:
            raise RunStopped(f"{self.folder}: {reason}")
        if self.record.status == "failed":
            has_raised = self.record.traceback is not None
            advice = "The traceback is in its run.json" if has_raised else CONVERGE_ADVICE
            raise RunFailed(f"{self.folder}: {self.record.error}. {advice}.", has_raised)
        return self


def train(configs: Config | Sequence[Config]) -> list[Outcome]:
    """Train one run, or a pack: several runs with the same task, data, backbone and batch size, over one backbone.

    A finished run is not trained again. An interrupted run is resumed from its checkpoint. A run that diverges or
    raises an exception is marked as failed (`Outcome.check` raises its error). A run with a damaged folder or
    checkpoint is not trained. An error in code that the runs share marks the running runs as interrupted and is raised.

    Args:
        configs: Configuration of the run, or configuration of each run of the pack.

    Returns:
        Outcome of each run, in the order of `configs`; a list with one outcome for a single configuration.

    Raises:
        ConfigError: There is no configuration, two configurations describe the same run, or the configurations differ
            in a value that the runs of a pack must share.
        RptError: Rows, weights, folders or checkpoints are missing or damaged, or memory has run out. No file is left
            half-written.

    Examples:
        >>> import rpt
        >>> small = ["data.max_rows=40", "trainer.epochs=1", "trainer.device=cpu", "trainer.progress=false"]
        >>> [outcome] = rpt.train(rpt.compose(["task=cb", *small]))
        task      cb ...
        >>> outcome.record.status, 0 <= outcome.score <= 1
        ('finished', True)
    """
    return train_configs([configs] if isinstance(configs, Config) else configs)


def train_configs(
    configs: Sequence[Config], watch: ProgressCallback | None = None, competitors: Competitors | None = None
) -> list[Outcome]:
    """Train a pack as `train` does, with a callback for progress and with successive halving, for the packed launcher.

    Args:
        configs: Configuration of each run of the pack.
        watch: Callback for progress, called after each step and each evaluation; None for a bar or lines on stderr.
        competitors: Competition and rungs of each run in successive halving, in the order of `configs`, and None for a
            run that does not compete. If the argument is None, halving is off, and stopped runs are trained anew.

    Returns:
        Outcome of each run, in the order of `configs`.

    Raises:
        ConfigError: `configs` is empty, names a run twice, or differs in a value that the runs of a pack must share. Or
            a component, such as a callback or a logger, cannot be built.
        RptError: Rows, weights, folders or checkpoints are missing or damaged, or memory has run out.
    """
    check_pack(configs)
    interruptions = Interruptions()
    with interruptions.terminable(), enough_memory(len(configs)), ExitStack() as stack:
        progress = stack.enter_context(shown(configs[0], watch))
        progress.stage("reading the rows and the backbone's files")
        backbone, source = find_backbone(configs[0]), build_source(configs[0])
        recorders = build_recorders(configs, source.checksum, backbone.files_sha256, competitors)
        refuse_twins(recorders)
        records, errors = open_all(recorders, stack, is_halved=competitors is not None)
        for pack in _pending_packs(recorders, records, errors, is_halved=competitors is not None):
            trained = _train(pack, source, backbone.weights_sha256, interruptions, progress)
            records |= zip(pack.recorders, trained, strict=True)
    return [Outcome(r.folder.path, records.get(r, NOT_BEGUN), errors.get(r)) for r in recorders]


def _pending_packs(
    recorders: Sequence[Recorder],
    records: Mapping[Recorder, Record],
    errors: dict[Recorder, RptError],
    *,
    is_halved: bool,
) -> list[Pack]:
    """Group the runs that are to be trained into packs, and build the loggers of all these runs.

    Args:
        recorders: Recorders of all runs.
        records: Record of each run that has ended.
        errors: Error of each run whose folder cannot be used. Errors of checkpoints are added.
        is_halved: Whether successive halving is on.

    Raises:
        RptError: No run can be trained, because each has an error; the error of the first run is raised.
        ConfigError: A logger of Lightning cannot be built. No run has been trained.
    """
    pending = [recorder for recorder in recorders if recorder not in {**records, **errors}]
    unusable = {recorder.identity_hash for recorder in errors}
    pending_packs, damaged = packs(pending, recorders[0].config.trainer.epochs, unusable, is_halved=is_halved)
    errors |= damaged
    if len(errors) == len(recorders):
        raise errors[recorders[0]]
    for recorder in (recorder for pack in pending_packs for recorder in pack.recorders):
        recorder.build_loggers()
    return pending_packs


def _train(pack: Pack, source: Source, weights: str, interruptions: Interruptions, progress: Progress) -> list[Record]:
    """Train a pack on `trainer.devices` devices. This process is the first rank and has the first device."""
    gc.collect()  # frees the backbone of the previous pack, which a reference cycle of trainer and module holds
    config = pack.recorders[0].config
    device = build.build_device(config)
    size = count_devices(config, device)
    with (
        ended_properly(pack.recorders),
        determinism_restored(),
        enough_memory(len(pack.recorders)),
        join(size, device, _follow, config, source.checksum) as ranks,
    ):
        return _lead(pack, source, weights, ranks, interruptions, progress)


def _lead(
    pack: Pack, source: Source, weights: str, ranks: Ranks, interruptions: Interruptions, progress: Progress
) -> list[Record]:
    """Do the work of the first rank: build or resume the pack, train it, and write the results."""
    recorders, states = pack.recorders, pack.states
    config = recorders[0].config
    progress.stage("loading the backbone and tokenising the rows")
    user = UserCallbacks(config.callbacks)
    tuner, data, device = _build([recorder.config for recorder in recorders], source, pack.checkpoints, ranks)
    if states[0] is not None:
        say(f"continuing after step {tuner.steps_done} (epoch {tuner.epochs_done})\n")
    sections = first_sections(config, source, data, tuner, device, weights, pack.members)
    for index, (recorder, run, state) in enumerate(zip(recorders, tuner.runs, states, strict=True)):
        own_sections = run_sections(recorder.config, run, tuner.backbone, state["steps_done"] if state else 0)
        own_sections |= limited_sections(sections["data"], tuner, data, index)
        recorder.start({**sections, **own_sections}, state["recorder"] if state else None)
        for warning in pack.warnings:
            recorder.warn(warning)
        say(opening(recorder.record, recorder.folder.path) + "\n")
    runs = [recorder.identity_hash for recorder in recorders]
    displays = progress.callbacks(runs, config.trainer.epochs, data.steps_per_epoch)
    control = LoopControl(user, states[0].get("callbacks") if states[0] else None)
    tracking = Tracking(recorders, config.trainer, pack.members, interruptions, user)
    if ranks.size == 1:  # with several ranks, the other ranks would wait forever for an interrupted step
        tuner.pause = interruptions.check
    flags = trainer_flags(config.trainer.lightning, recorders[0].folder.path)
    if user.all:
        flags["logger"] = [CallbackLogger(recorders[0].folder, recorders[0].log)]
    halving = HalvingControl([recorder.competitor for recorder in recorders])
    callbacks = [halving, control, tracking, *displays, *user.all]
    fit(tuner, data, config.trainer.epochs, device, callbacks, interruptions, **flags)
    progress.stage(f"scoring {recorders[0].record.data.rows.reported:,} reported rows")
    predictions = evaluate(tuner, data, device, [*displays, *user.all], **flags)
    after = tuner.backbone.fingerprint()
    records = [
        write_results(recorder, run, tuner, data, predicted, device, after)
        for recorder, run, predicted in zip(recorders, tuner.runs, predictions, strict=True)
    ]
    for recorder in recorders:
        if recorder.record.status == "finished":
            say(closing(recorder.record, recorder.folder.path) + "\n")
    return records


def _follow(ranks: Ranks, config: Config, checksum: str) -> None:
    """Do the work of a rank other than the first: train the same run on this rank's rows; write and print nothing."""
    source = build_source(config)
    if source.checksum != checksum:
        raise ConfigError.of(
            "data.root", config.data.root, "the rows changed while rpt started. Run the command again."
        )
    tuner, data, device = _build([config], source, [None], ranks)
    flags = {**config.trainer.lightning.for_trainer(), "enable_model_summary": False}
    fit(tuner, data, config.trainer.epochs, device, [LoopControl(UserCallbacks({}))], Interruptions(), **flags)
    evaluate(tuner, data, device, **flags)


def _build(
    configs: Sequence[Config], source: Source, checkpoints: Sequence[Saved | None], ranks: Ranks
) -> tuple[PromptTuner, PackData, torch.device]:
    """Build the pack, and restore the first rank's checkpoints on every rank.

    A run whose entry in `checkpoints` is None starts anew.
    """
    device = build.build_device(configs[0], ranks)
    if device.type == "cuda":
        repeatable_kernels()
    forget_peak_memory(device)
    tuner, data = build.assemble(configs, source, ranks)
    restore(tuner, ranks.from_first(list(checkpoints)), data.steps_per_epoch)
    if ranks.size > 1:
        ranks.check_same("the weights of the backbone", tuner.backbone.fingerprint())
        ranks.check_same("initial parameters", fingerprint(tuner.trainables.state_dict().items()))
    return tuner, data, device
