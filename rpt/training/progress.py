"""Progress of a training: a bar, plain lines, or calls of a callback that shows a whole sweep."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from rpt.config.schema import Config
from rpt.tracking.status import RUN_STATUSES
from rpt.training.live_progress import PackProgress, ProgressCallback, RunProgress
from rpt.training.module import PromptTuner
from rpt.training.progress_log import ProgressLog


class Progress:
    """Progress display of one call of `rpt.runs.train_configs`.

    Args:
        watch: Callback for progress, called after each step and during evaluations; None for a bar or lines on stderr.
        log: Writer of plain lines on stderr; None prints no lines.
        has_bar: Whether training shows a bar on stderr.
    """

    def __init__(self, watch: ProgressCallback | None, log: ProgressLog | None, has_bar: bool) -> None:
        self._watch = watch
        self._log = log
        self._has_bar = has_bar

    def stage(self, text: str) -> None:
        """Write a line that names the stage which begins now."""
        if self._log is not None:
            self._log.event(text)

    def callbacks(self, runs: Sequence[str], epochs: int, steps_per_epoch: int) -> list[Callback]:
        """Build the Lightning callbacks that report the progress of training and evaluation.

        Args:
            runs: Identity hashes of the module's runs, in the runs' order.
            epochs: Number of epochs of the whole training.
            steps_per_epoch: Number of steps of an epoch.
        """
        callbacks: list[Callback] = []
        if self._watch is not None:
            callbacks.append(ProgressReports(self._watch, runs, epochs * steps_per_epoch))
        if self._log is not None:
            callbacks.append(ProgressLines(self._log, epochs, steps_per_epoch))
        if self._has_bar:
            callbacks.append(Bar(epochs * steps_per_epoch))
        return callbacks


@contextmanager
def shown(config: Config, watch: ProgressCallback | None) -> Iterator[Progress]:
    """Open the progress display of a training: a bar on a terminal, bar and lines in a notebook, lines in a file.

    Args:
        config: Configuration of a run; `trainer.progress=false` shows neither bar nor lines.
        watch: Callback that shows the progress instead; None for bar and lines.
    """
    if watch is not None or not config.trainer.progress:
        yield Progress(watch, None, has_bar=False)
        return
    notebook = in_notebook()
    has_bar = notebook or sys.stderr.isatty()
    log = ProgressLog(_write_beside_bar if has_bar else _write)
    if notebook or not has_bar:  # on a terminal the bar shows the progress
        log.start()
    try:
        yield Progress(None, log, has_bar)
    finally:
        log.close()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _write(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _write_beside_bar(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def _bar_class() -> Any:
    """Return the class of the bar: a widget in a notebook with ipywidgets, else a line that is redrawn."""
    if in_notebook() and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        return widget
    return tqdm


class ProgressLines(Callback):
    """Lightning callback that writes progress to a `ProgressLog`: a line at the start and at each evaluation.

    Between these lines, the callback updates the log's state, which the log writes once a minute.

    Args:
        log: Log that writes the lines.
        epochs: Number of epochs of the whole training.
        steps_per_epoch: Number of steps of an epoch.
    """

    def __init__(self, log: ProgressLog, epochs: int, steps_per_epoch: int) -> None:
        self._log = log
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._total = epochs * steps_per_epoch
        self._first_step = 0
        self._first_seconds = 0.0
        self._num_answered = 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the number of steps and epochs, and the step at which a resumed training begins."""
        tuner = _tuner(pl_module)
        self._first_step, self._first_seconds = tuner.steps_done, self._log.seconds
        resumed_at = f" from step {tuner.steps_done}" if tuner.steps_done else ""
        self._log.event(f"training {self._total:,} steps in {self._epochs} epochs{resumed_at}")

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """Update the log's state after a step."""
        self._log.update(lambda: self.state(_tuner(pl_module)))

    def on_validation_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Reset the count of answered rows."""
        self._num_answered = 0

    on_test_epoch_start = on_validation_epoch_start

    def on_validation_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Update the log's state after a forward pass of an evaluation."""
        self._num_answered += len(batch.row)
        self._log.update(lambda: f"{self.state(_tuner(pl_module))}; evaluating, {self._num_answered:,} rows answered")

    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the scores of an evaluation during training."""
        self._log.event(self.state(_tuner(pl_module)))

    def state(self, tuner: PromptTuner) -> str:
        """Describe the training in a line: steps, loss, scores, and the estimated time left."""
        done = tuner.steps_done
        epoch = max(1, math.ceil(done / self._steps_per_epoch))
        parts = [f"step {done:,} of {self._total:,} (epoch {epoch} of {self._epochs})"]
        parts += _describe_run(tuner) if len(tuner.runs) == 1 else _describe_pack(tuner)
        seconds = self._log.seconds - self._first_seconds
        if done > self._first_step and done < self._total:
            remaining = seconds / (done - self._first_step) * (self._total - done)
            parts.append(f"{timedelta(seconds=round(remaining))} left")
        return ", ".join(parts)


def _describe_run(tuner: PromptTuner) -> list[str]:
    parts = []
    if tuner.last_step and "loss" in tuner.last_step[0]:
        parts.append(f"loss {tuner.last_step[0]['loss']:.3f}")
    if tuner.last_evaluation and tuner.last_evaluation[0]:
        parts.append(f"held-out score {tuner.last_evaluation[0]['score']:.3f}")
    return parts


def _describe_pack(tuner: PromptTuner) -> list[str]:
    counts = [(status, sum(run.status == status for run in tuner.runs)) for status in RUN_STATUSES]
    parts = [f"{len(tuner.runs)} runs: " + " ".join(f"{count} {status}" for status, count in counts if count)]
    scores = [run.best.metrics["score"] for run in tuner.runs if run.best is not None]
    return [*parts, f"best held-out score {max(scores):.3f}"] if scores else parts


def _tuner(module: lightning.LightningModule) -> PromptTuner:
    assert isinstance(module, PromptTuner)
    return module


class Bar(Callback):
    """Lightning callback that shows a bar of the training's steps, with the last loss and held-out score.

    Args:
        total_steps: Number of steps of the whole training.
    """

    def __init__(self, total_steps: int) -> None:
        self._total = total_steps
        self._bar: Any = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Open the bar at the training's present step."""
        assert isinstance(pl_module, PromptTuner)
        self._bar = _bar_class()(
            total=self._total,
            initial=pl_module.steps_done,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """Advance the bar by a step."""
        assert isinstance(pl_module, PromptTuner)
        self._bar.update()
        values = {"loss": f"{pl_module.last_step[0].get('loss', float('nan')):.3f}"}
        if pl_module.last_evaluation and pl_module.last_evaluation[0]:
            values["held-out score"] = f"{pl_module.last_evaluation[0]['score']:.3f}"
        self._bar.set_postfix(values, refresh=False)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Close the bar."""
        self._bar.close()

    def on_exception(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        exception: BaseException,
    ) -> None:
        """Close the bar, so that the error is printed on a line of its own."""
        if self._bar is not None:
            self._bar.close()


class ProgressReports(Callback):
    """Lightning callback that calls `watch` with the pack's progress after each step and during evaluations.

    Args:
        watch: Callback for progress.
        runs: Identity hashes of the module's runs, in the runs' order.
        total_steps: Number of steps of the whole training.
    """

    def __init__(self, watch: ProgressCallback, runs: Sequence[str], total_steps: int) -> None:
        self._watch = watch
        self._runs = runs
        self._total = total_steps

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Report a step and the number of rows that it trained on."""
        self._report(pl_module, len(batch))

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report new scores, and runs that have stopped."""
        self._report(pl_module, 0)

    def on_validation_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any
    ) -> None:
        """Report the unchanged progress after each forward pass of an evaluation, so that the display is redrawn."""
        self._report(pl_module, 0)

    on_test_end = on_validation_end
    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def _report(self, module: lightning.LightningModule, rows: int) -> None:
        assert isinstance(module, PromptTuner)
        progress = [
            RunProgress(run.status, None if run.best is None else run.best.metrics["score"]) for run in module.runs
        ]
        runs = dict(zip(self._runs, progress, strict=True))
        self._watch(PackProgress(runs, module.steps_done / self._total, rows))
