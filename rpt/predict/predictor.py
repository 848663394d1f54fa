"""Score examples with the prompts of several runs over one frozen backbone, in shared forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.texts import pad_id_of
from rpt.build import build_backbone, build_device, build_module, build_run, build_scorer
from rpt.config.schema import Config
from rpt.data.encode import Encoded
from rpt.data.evaluation import EvalPasses, choose_mixed_passes, choose_passes
from rpt.data.loaders import plan_pairs, rows_of_pass
from rpt.data.prepare import build_encoded, build_task
from rpt.errors import ConfigError
from rpt.scoring.predictions import Predictions, gather
from rpt.tasks.example import Example
from rpt.tasks.task import Task
from rpt.tracking.find import find_runs
from rpt.trained import TrainedRun, load
from rpt.training.module import PromptTuner
from rpt.training.randomness import repeatable_kernels

SHARED_BY_A_GROUP = ("task", "protocol", "backbone", "scorer")
"""Sections of the configuration that are equal for all runs of a group, because token ids and scores depend on them."""

BACKBONE_KEYS = ("package", "path", "hub_id", "revision", "sha256", "family", "dtype", "attention")
"""Keys of a backbone's section on which the loaded model depends."""


@dataclass(frozen=True)
class Group:
    """Runs that share forward passes.

    They have the same task, protocol, backbone, scorer and `trainer.eval_token_budget`. Generated answers have the same
    largest number of tokens.

    Attributes:
        names: Names of the runs.
        config: Configuration of the first run.
        task: Task that reads the rows.
        tuner: Module of the runs, with their exported prompts and heads.
        passes: Rules by which rows of a single run are cut into forward passes, as in the run's own evaluation.
        mixed_passes: Rules by which rows of several runs are cut into forward passes.
        num_reported: Number of rows of the largest validation set that a run of the group was evaluated on.
        prompt_lengths: Number of virtual tokens of each run.
    """

    names: Sequence[str]
    config: Config
    task: Task
    tuner: PromptTuner
    passes: EvalPasses
    mixed_passes: EvalPasses
    num_reported: int
    prompt_lengths: Sequence[int]

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """Tokenise examples.

        Raises:
            DataError: An example does not fit the limits of the run.
        """
        return build_encoded(self.config, self.tuner.backbone.tokenizer, self.task, examples)

    @torch.no_grad()
    def predict(self, examples: Encoded, pairs: Sequence[tuple[int, int]]) -> Predictions:
        """Answer examples in the same way as the evaluation during training.

        If all answers are of one run and `examples` is its validation set, the forward passes are those of the run's
        own evaluation.

        Args:
            examples: Tokenised examples.
            pairs: For each answer, index of the run in the group and position of the example in `examples`.

        Returns:
            Answers in the order of `pairs`.
        """
        with_choices = self.tuner.scorer.with_choices
        lengths = self.prompt_lengths
        pad_id = pad_id_of(self.tuner.backbone.tokenizer)
        passes = self.passes if len({run for run, _ in pairs}) == 1 else self.mixed_passes
        plan = plan_pairs(examples, pairs, lengths, passes, with_choices=with_choices)
        batches = (rows_of_pass(examples, pairs, forward, pad_id, with_choices=with_choices) for forward, _ in plan)
        return gather(self.task, [part for rows in batches for part in self.tuner.answer(rows)])


class Predictor:
    """Prompts of finished runs over one frozen backbone, which is loaded once.

    Args:
        runs: Finished runs with the same backbone. They may have different tasks.
        backbone: Backbone of the runs, which another predictor has loaded; None loads it.

    Attributes:
        groups: Groups of the runs that share forward passes.
        runs: Finished runs, as given.

    Raises:
        ConfigError: The runs have different backbones, two runs have the same name, or a file of a run is missing or
            does not fit the run.
        RunFailed: The encoder of a run raises an exception.
        WeightsError: The backbone cannot be loaded.
    """

    def __init__(self, runs: Sequence[TrainedRun], backbone: FrozenBackbone | None = None) -> None:
        _check_runs(runs)
        self.runs = runs
        if backbone is not None:
            self.backbone = backbone
        by_format: dict[str, list[TrainedRun]] = {}
        for run in runs:
            by_format.setdefault(_format(run), []).append(run)
        self.groups = [self._group(members) for members in by_format.values()]

    @cached_property
    def backbone(self) -> FrozenBackbone:
        """Frozen backbone of all runs.

        Raises:
            WeightsError: The backbone cannot be loaded.
        """
        config = self.runs[0].config
        device = build_device(config)
        if device.type == "cuda":
            repeatable_kernels()
        return build_backbone(config, device)

    def _group(self, members: Sequence[TrainedRun]) -> Group:
        config, backbone = members[0].config, self.backbone
        task = build_task(config)
        scorer = build_scorer(config, backbone, members[0].max_new_tokens)
        runs = [
            build_run(run.exported_config, backbone, scorer, backbone.device, run.config.warmup_steps + 1, raises=True)
            for run in members
        ]
        for run, built in zip(members, runs, strict=True):
            run.load_trained(built)
        tuner = build_module(config, backbone, scorer, task, runs)
        tuner.eval()
        tuner.on_validation_epoch_start()  # computes the exported prompts
        names = [run.record.name for run in members]
        lengths = [run.config.prompt.length if run.config.has_prompt else 0 for run in members]
        num_reported = max(run.record.data.rows.reported for run in members)
        passes, mixed_passes = choose_passes(config), choose_mixed_passes(config)
        return Group(names, config, task, tuner, passes, mixed_passes, num_reported, lengths)


def by_backbone(runs: Sequence[TrainedRun]) -> list[list[TrainedRun]]:
    """Group runs that can share a loaded backbone on one device, in the order of each group's first run."""
    groups: dict[tuple[str, ...], list[TrainedRun]] = {}
    for run in runs:
        section = run.config.backbone
        key = (*(str(getattr(section, name)) for name in BACKBONE_KEYS), str(build_device(run.config)))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _check_runs(runs: Sequence[TrainedRun]) -> None:
    """Refuse runs that cannot share a backbone, and runs of the same name (ConfigError)."""
    first = runs[0]
    for run in runs[1:]:
        for key in BACKBONE_KEYS:
            value, other = getattr(run.config.backbone, key), getattr(first.config.backbone, key)
            if value != other:
                name = first.folder.path.name
                advice = (
                    f"is {other} for {name}. All runs must have the same backbone. Run the command once per backbone."
                )
                raise ConfigError.of(f"backbone.{key}", value, advice)
    names = [run.record.name for run in runs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError.of("RUN", twice, "is named twice. Name each run once.")


def _format(run: TrainedRun) -> str:
    """Return a text that is equal for runs that can share forward passes."""
    sections = [getattr(run.config, section).model_dump_json() for section in SHARED_BY_A_GROUP]
    return "\n".join([*sections, str(run.config.trainer.eval_token_budget), str(run.max_new_tokens)])


def load_predictor(
    folders: Sequence[Path], config_dirs: Sequence[str | Path] = (), backbone: Path | None = None
) -> Predictor:
    """Load finished runs over one backbone.

    Args:
        folders: Folders of runs, and folders that hold folders of runs.
        config_dirs: Folders of the user's own option files.
        backbone: Folder of the backbone, if it lies elsewhere than at the training.

    Raises:
        RptError: A folder holds no finished run, or the runs have different backbones.
    """
    return Predictor([load(folder, config_dirs, backbone) for folder in find_runs(folders)])
