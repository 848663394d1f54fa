"""Load a trained run from its folder: its record, its exported prompt, and a module that computes the same scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file
from torch import Tensor, nn

from rpt.config.schema import Component, Config
from rpt.data.datamodule import TaskData
from rpt.errors import ConfigError
from rpt.predict.answerable import answerable, rows_of
from rpt.replay import refuse_without_matrix
from rpt.system.reading import Unreadable, reason_of, refuse_link_out, refuse_pointer
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.record_sections import is_folded
from rpt.training.module import PromptTuner
from rpt.training.run import Run

if TYPE_CHECKING:
    from rpt.predict.predictor import Predictor


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, with access to its exported prompt, its rows and a module that scores them.

    Attributes:
        folder: Folder of the run.
        config: Configuration with which the run answers rows. It has no component that affects the training alone, and
            in place of an encoder that the exported prompt replaces, it has an encoder that gives this prompt.
            `record.config` is the configuration of the training.
        record: Record of the run.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.
    """

    folder: RunFolder
    config: Config
    record: Record
    config_dirs: Sequence[str] = ()

    @cached_property
    def prompt(self) -> Tensor:
        """Exported prompt, float32 [length, hidden]. A row of a prefix holds the keys and values of all layers.

        The length is 0 for a run without a prompt.

        Raises:
            ConfigError: The file is missing or damaged, or the run's encoder has no exported prompt.
        """
        if not self.config.has_prompt:
            return self.module.runs[0].trainable.no_prompt
        refuse_without_matrix(self.record)
        return _tensors(self.folder.prompt)["prompt"]

    @cached_property
    def data(self) -> TaskData:
        """Tokenised rows of the run's task, with the run's splits. They are read when this attribute is first used.

        Raises:
            ConfigError: The rows have changed since the run was trained.
            DataError: The rows cannot be read.
        """
        data = TaskData(self.config, rows_of(self.record, self.config, self.config_dirs))
        data.setup()
        return data

    @cached_property
    def module(self) -> PromptTuner:
        """Lightning module of the run's backbone, exported prompt and head, for `lightning.Trainer().test(...)`.

        Raises:
            ConfigError: A file of the run is missing or does not fit the run.
            RunFailed: The run's encoder raises an exception.
            WeightsError: The backbone cannot be loaded.
        """
        [group] = self._new_predictor().groups
        return group.tuner

    @cached_property
    def max_new_tokens(self) -> int | None:
        """Largest number of tokens of a generated answer; None for a run that generates no text.

        A record of an earlier version lacks the number. The rows of the run are then read, because their longest
        answer determines it.

        Raises:
            ConfigError: The rows are needed and have changed since the run was trained.
            DataError: The rows are needed and cannot be read.
        """
        if self.config.scorer.name in ("head", "rank"):
            return None
        if (recorded := self.record.evaluation.max_new_tokens) is not None:
            return recorded
        return self.data.max_new_tokens

    @property
    def exported_config(self) -> Config:
        """Configuration of a run whose initial prompt is the exported prompt, without the trained encoder.

        A run without an exported prompt keeps its configuration, and `load_trained` loads table and encoder.

        Raises:
            ConfigError: The file of the prompt is missing or damaged, or a link out of the run's folder.
        """
        config = self.config
        if not config.has_prompt or not is_folded(self.record.prompt):
            return config
        _tensors(self.folder.prompt)
        exported = {"_target_": "rpt.prompt.init.from_file", "_partial_": True, "path": str(self.folder.prompt)}
        unit = config.prompt.model_copy(update={"unit": "raw"})  # the unit of the file
        return config.model_copy(update={"init": Component.model_validate(exported), "prompt": unit})

    def load_trained(self, run: Run) -> None:
        """Load the trained head, and table and encoder if they are kept, into a run built from `exported_config`.

        Raises:
            ConfigError: A file is missing, damaged, or does not fit the run.
        """
        if run.trainable.head is not None:
            _load(run.trainable.head, self.folder.head)
        if run.trainable.prompt is not None and not is_folded(self.record.prompt):
            _load(run.trainable.prompt, self.folder.encoder)

    def predict(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer rows with the exported prompt, as `python -m rpt.predict` does.

        Args:
            rows: Rows with the fields of the task, as in the official release. The right answer may be missing.

        Returns:
            Object for each example, in the order of the rows; `docs/using-a-prompt.md` lists its keys.

        Raises:
            DataError: A row does not fit the task.
            ConfigError: A file of the run is missing or does not fit the run.
            WeightsError: The backbone cannot be loaded.
        """
        from rpt.predict.answers import answer_lines
        from rpt.predict.lines import placed

        return [line.values for line in answer_lines(self._predictor, placed(rows))]

    @cached_property
    def _predictor(self) -> Predictor:
        return self._new_predictor()

    def _new_predictor(self) -> Predictor:
        from rpt.predict.predictor import Predictor  # imported late, because it imports this module

        return Predictor([self])


def load(folder: Path | str, config_dirs: Sequence[str | Path] = (), backbone: Path | str | None = None) -> TrainedRun:
    """Load a finished run from its folder. Its backbone is loaded when the run first answers rows.

    The record, the run's `.safetensors` files and the backbone are needed. The training rows may be missing. The
    optimizer and the version of the training code may have changed.

    Args:
        folder: Folder of a run, as `rpt.train` and `python run.py` write it.
        config_dirs: Folders of your own option files, for a run with a task, backbone or scorer of your own, or with an
            encoder of your own that cannot be folded into a matrix. rpt does not import code that only a record names.
        backbone: Folder of the backbone, if it lies elsewhere than at the training, as on another machine. Its files
            must be the same.

    Raises:
        ConfigError: The folder holds no finished run, a file of the run is missing or damaged, or the backbone or the
            source of reader or scorer has changed since the run was trained. The same holds for the source of an
            encoder that cannot be folded into a matrix.
        WeightsError: The backbone's files are missing.

    Examples:
        >>> import rpt
        >>> small = ["data.max_rows=40", "trainer.epochs=1", "trainer.device=cpu", "trainer.progress=false"]
        >>> [outcome] = rpt.train([rpt.compose(["task=cb", *small])])
        task      cb ...
        >>> run = rpt.load(outcome.folder)
        >>> run.prompt.shape, run.record.scores["score"] == outcome.score  # [length, hidden]
        (torch.Size([10, 384]), True)
    """
    path, trusted = Path(folder), [str(config_dir) for config_dir in config_dirs]
    record, config = answerable(path, trusted, None if backbone is None else Path(backbone))
    if config.trainer.tune == "all":
        advice = (
            "the weights of a fine-tuned backbone are only in last.ckpt, which rpt.load does not read. Name a run that "
            "trains a prompt or a head."
        )
        raise ConfigError.of("trainer.tune", "all", advice)
    run = TrainedRun(RunFolder(path), config, record, tuple(trusted))
    if config.has_prompt:
        _tensors(run.folder.prompt if is_folded(record.prompt) else run.folder.encoder)
    return run


def _load(module: nn.Module, path: Path) -> None:
    """Load the tensors of a run's file into a module. The names and shapes must be those of the module."""
    try:
        module.load_state_dict(_tensors(path), strict=True)
    except RuntimeError as error:
        raise _refusal(path, f"does not fit the run ({str(error).splitlines()[0]})") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file in a run's folder, by name."""
    try:
        refuse_link_out(path, path.parent)
        refuse_pointer(path)
        return load_file(path)
    except (Unreadable, OSError) as error:
        raise _refusal(path, f"cannot be read ({reason_of(error)})") from error
    except Exception as error:  # safetensors has an error of its own for damaged bytes
        raise _refusal(path, f"is damaged ({reason_of(error)})") from error


def _refusal(path: Path, reason: str) -> ConfigError:
    return ConfigError.of(
        "folder", str(path), f"{reason}. Bring the file back, or train the run again with rerun=true."
    )
