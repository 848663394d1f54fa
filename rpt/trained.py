"""Load a trained run from its folder: its record, its exported prompt, and a module that computes the same scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file
from torch import Tensor, nn

from rpt.build import build_tuner
from rpt.config.schema import Component, Config
from rpt.data.datamodule import TaskData
from rpt.errors import ConfigError
from rpt.replay import refuse_without_matrix, repeatable
from rpt.system.reading import Unreadable, reason_of, refuse_link_out, refuse_pointer
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.training.build_checks import is_prefix
from rpt.training.module import PromptTuner
from rpt.training.run import Run

if TYPE_CHECKING:
    from rpt.predict.predictor import Predictor


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, with access to its exported prompt, its rows and a module that scores them.

    Attributes:
        folder: Folder of the run.
        config: Configuration of the run.
        record: Record of the run.
    """

    folder: RunFolder
    config: Config
    record: Record

    @property
    def _not_folded(self) -> str | None:
        """Reason why the run has no exported prompt although it has a prompt; None for other runs."""
        return None if self.record.prompt is None else self.record.prompt.not_folded

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
        """Rows of the run's task, with the run's splits."""
        return TaskData(self.config)

    @cached_property
    def module(self) -> PromptTuner:
        """Lightning module of the run's backbone, exported prompt and head, for `lightning.Trainer().test(...)`.

        Raises:
            ConfigError: A file of the run is missing or does not fit the run.
            WeightsError: The backbone cannot be loaded.
        """
        tuner = build_tuner([self.exported_config], self.data)
        self.load_trained(tuner.runs[0])
        return tuner

    @property
    def exported_config(self) -> Config:
        """Configuration of a run whose initial prompt is the exported prompt, without the trained encoder.

        A run without an exported prompt keeps its configuration, and `load_trained` loads table and encoder.

        Raises:
            ConfigError: The file of the prompt is missing or damaged, or a link out of the run's folder.
        """
        config = self.config
        if not config.has_prompt or self._not_folded is not None:
            return config
        _tensors(self.folder.prompt)
        exported = {"_target_": "rpt.prompt.init.from_file", "_partial_": True, "path": str(self.folder.prompt)}
        plain = {"_target_": "rpt.prompt.encoders.Plain", "_partial_": True}
        prefix = {"_target_": "rpt.prompt.prefix.Prefix", "_partial_": True}
        prefix |= {"mlp_width": None, "dropout": 0.0, "start": "init"}
        parts = {
            "init": Component.model_validate(exported),
            "encoder": Component.model_validate(prefix if is_prefix(config) else plain),
            "prompt": config.prompt.model_copy(update={"unit": "raw"}),  # the unit of the file
        }
        return config.model_copy(update=parts)

    def load_trained(self, run: Run) -> None:
        """Load the trained head, and table and encoder if they are kept, into a run built from `exported_config`.

        Raises:
            ConfigError: A file is missing, damaged, or does not fit the run.
        """
        if run.trainable.head is not None:
            _load(run.trainable.head, self.folder.head)
        if run.trainable.prompt is not None and self._not_folded is not None:
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
        from rpt.predict.predictor import Predictor  # imported late, because it imports this module

        return Predictor([self])


def load(folder: Path | str, config_dirs: Sequence[str | Path] = ()) -> TrainedRun:
    """Load a finished run from its folder. Its backbone is loaded when `module` is first used.

    Args:
        folder: Folder of a run, as `rpt.train` and `python run.py` write it.
        config_dirs: Folders of your own option files, for a run with components of your own. rpt does not import
            code that only a record names.

    Raises:
        ConfigError: The folder holds no finished run, a file of the run's results is missing or damaged, or the
            run's rows, backbone or code have changed since it was trained.

    Examples:
        >>> import rpt
        >>> small = ["data.max_rows=40", "trainer.epochs=1", "trainer.device=cpu", "trainer.progress=false"]
        >>> [outcome] = rpt.train([rpt.compose(["task=cb", *small])])
        task      cb ...
        >>> run = rpt.load(outcome.folder)
        >>> run.prompt.shape, run.record.scores["score"] == outcome.score  # [length, hidden]
        (torch.Size([10, 384]), True)
    """
    results, config = repeatable(Path(folder), [str(path) for path in config_dirs])
    if config.trainer.tune == "all":
        advice = (
            "the weights of a fine-tuned backbone are only in last.ckpt, which rpt.load does not read. Name a run that "
            "trains a prompt or a head."
        )
        raise ConfigError.of("trainer.tune", "all", advice)
    return TrainedRun(RunFolder(Path(folder)), config, results.record)


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
