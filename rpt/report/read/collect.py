"""Read the run folders of a study, and refuse runs that cannot be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rpt.report.read.axes import FlatConfig, compared_keys, concerns, find_axes, flatten, method_of, values_on
from rpt.report.read.comparable import check_comparable, is_comparable
from rpt.report.read.notes import notes_on, notes_on_halving
from rpt.report.read.record_check import check_record
from rpt.report.read.roles import notes_on_roles, stated_roles
from rpt.report.read.run import Axis, StudyError, StudyRun
from rpt.report.read.study import Study
from rpt.report.read.units import unit_scores
from rpt.system.reading import reason_of
from rpt.system.writing import read_json_lines
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record, RecordError
from rpt.tracking.run_state import read_state

NO_GROUP = "none"
"""Value of `--group` for the runs that belong to no group."""

ORDER = ("plain", "mlp", "residual", "lstm")
"""Order of encoders in tables and figures; other encoders follow, sorted by name."""

FolderRecord = tuple[Path, Record]
ScoresByFolder = Mapping[Path, Float[np.ndarray, "_"]]


def collect(directory: Path, group: str | None = None) -> Study:
    """Read the run folders directly below a folder, and check that the runs can be compared.

    A baseline (run without a prompt) of another group is added if it was trained in the same way. A run whose files are
    damaged is left out, and `Study.damaged` has a message for it.

    Args:
        directory: `output_dir` of one or more sweeps.
        group: Group of the runs to read; `none` for the runs without a group; None if the folder holds one group.

    Raises:
        StudyError: The folder does not exist, holds no readable run that trains a prompt or no such run of the group,
            holds runs of several groups while `group` is None, or holds runs that cannot be compared.
    """
    ended, stopped, unfinished, damaged = _read(directory)
    prompts = [run for run in ended if not _is_baseline(run[1])]
    _refuse_without_runs(directory, prompts, damaged)
    name = _group(directory, prompts, group)
    prompts = sorted((run for run in prompts if _group_of(run[1]) == name), key=_start)
    answers = _Answers(damaged)
    prompts = answers.keep(prompts)
    _refuse_without_runs(directory, prompts, damaged)
    runs = [*prompts, *answers.keep(run for run in ended if _is_baseline(run[1]) and _group_of(run[1]) == name)]
    axes = compared_keys([record for _, record in prompts])
    check_comparable(runs, axes)
    of_other_groups = [run for run in ended if _is_baseline(run[1]) and _group_of(run[1]) != name]
    runs += answers.keep(run for run in of_other_groups if is_comparable(run[1], runs, axes))
    unfinished_of_group = {folder: state for folder, (group_of, state) in unfinished.items() if group_of == name}
    stopped_of_group = {folder: record for folder, record in stopped if _group_of(record) == name}
    study = _study(name, prompts, runs[len(prompts) :], answers.units)
    return replace(
        study,
        unfinished=unfinished_of_group,
        stopped={folder: str(record.stop_reason) for folder, record in stopped_of_group.items()},
        notes=(*notes_on_halving([*stopped_of_group.values()], [run.record for run in study.runs]), *study.notes),
        damaged=tuple(damaged.values()),
    )


class _Answers:
    """Predictions of finished runs. The predictions of each run are read once.

    Attributes:
        units: Score of each sampling unit, by run folder.
    """

    def __init__(self, damaged: dict[Path, str]) -> None:
        self.units: dict[Path, Float[np.ndarray, " units"]] = {}
        self._damaged = damaged

    def keep(self, runs: Iterable[FolderRecord]) -> list[FolderRecord]:
        """Read the predictions of runs, and return the runs whose predictions are not damaged."""
        kept = []
        for folder, record in runs:
            try:
                if record.status == "finished":
                    self.units[folder] = _units(folder, record)
                kept.append((folder, record))
            except StudyError as error:
                self._damaged[folder] = str(error)
        return kept


def _refuse_without_runs(directory: Path, prompts: Sequence[FolderRecord], damaged: Mapping[Path, str]) -> None:
    if prompts:
        return
    if damaged:
        raise StudyError("\n".join(damaged.values()))
    advice = "Name the output_dir of a sweep, such as runs/learning_rate."
    raise StudyError(f"{directory}: holds no finished run that trains a prompt. {advice}")


def _read(
    directory: Path,
) -> tuple[list[FolderRecord], list[FolderRecord], dict[Path, tuple[str, str]], dict[Path, str]]:
    """Read all run folders.

    Returns:
        Four values: folder and record of each run that is finished or failed; folder and record of each run that
        successive halving has stopped; group and state of each other run, by folder; and a message for each record that
        is damaged or lacks a value that a report needs, by folder.
    """
    if not directory.is_dir():
        raise StudyError(f"{directory}: is not a folder. Name the output_dir of a sweep, such as runs/learning_rate.")
    ended: list[FolderRecord] = []
    stopped: list[FolderRecord] = []
    unfinished: dict[Path, tuple[str, str]] = {}
    damaged: dict[Path, str] = {}
    for folder in sorted(entry.parent for entry in directory.glob("*/run.json")):
        try:
            record = Record.read(folder)
            check_record(folder, record)
        except RecordError as error:
            damaged[folder] = str(error)
            continue
        if record.has_ended:
            ended.append((folder, record))
        elif record.status == "stopped":
            stopped.append((folder, record))
        else:
            state = read_state(folder)
            holder = f", by {state.holder}" if state.holder else ""
            unfinished[folder] = _group_of(record), f"{state.status}{holder}"
    return ended, stopped, unfinished, damaged


def _study(
    name: str, prompts: Sequence[FolderRecord], baselines: Sequence[FolderRecord], units: ScoresByFolder
) -> Study:
    records = [record for _, record in (*prompts, *baselines)]
    flats = flatten(records)
    axes, tied = find_axes(records[: len(prompts)], flats[: len(prompts)])
    like = _like(flats[: len(prompts)], axes)
    runs = [_run(ended, flat, axes, units) for ended, flat in zip(prompts, flats, strict=False)]
    beside = [
        _run(ended, flat, axes, units)
        for ended, flat in zip(baselines, flats[len(prompts) :], strict=True)
        if _group_of(ended[1]) == name or _is_like(flat, like, method_of(ended[1]))
    ]
    runs, beside = (sorted(some, key=lambda run: _rank(run, axes)) for some in (runs, beside))
    _refuse_duplicates([*runs, *beside])
    _refuse_other_rows([*runs, *beside])
    stated, methods = (
        stated_roles([record.config for record in records]),
        [*dict.fromkeys(run.method for run in runs)],
    )
    questions = Counter(question for record in records if (question := record.config.get("question")))
    return Study(
        name=name,
        question=questions.most_common(1)[0][0] if questions else None,
        runs=runs,
        baselines=beside,
        axes=axes,
        is_sample=records[0].data.source == "sample",
        unfinished={},
        notes=(*tied, *notes_on([*runs, *beside]), *notes_on_roles(stated, methods)),
        stated=stated,
    )


def _run(ended: FolderRecord, flat: FlatConfig, axes: Sequence[Axis], units: ScoresByFolder) -> StudyRun:
    folder, record = ended
    method = method_of(record)
    return StudyRun(folder, record, method, values_on(axes, flat, method), units.get(folder))


def _units(folder: Path, record: Record) -> Float[np.ndarray, " units"]:
    """Compute the score of each sampling unit from the predictions of a run.

    Raises:
        StudyError: The predictions are missing or damaged, or their score differs from the record's score.
    """
    path = RunFolder(folder).predictions
    metrics = [name for name in record.scores if name != "score"]
    advice = "Train the run again with rerun=true."
    try:
        units = unit_scores(read_json_lines(path), metrics)
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}: cannot be read ({reason_of(error)}). {advice}") from error
    score = record.score_or_majority()
    assert score is not None  # `check_record` refuses a record without a score
    if not np.isclose(units.mean(), score, atol=1e-6):
        raise StudyError(f"{path}: gives the score {units.mean():.6f}, but run.json says {score:.6f}. {advice}")
    return units


def _refuse_duplicates(runs: Sequence[StudyRun]) -> None:
    seen: dict[object, StudyRun] = {}
    for run in runs:
        other = seen.setdefault((run.task, run.method, tuple(sorted(run.values.items())), run.seed), run)
        if other is not run:
            raise StudyError(
                f"{other.folder} and {run.folder}: have the same setting and seed ({run.method}, seed {run.seed}). "
                "Move one of them away."
            )


def _refuse_other_rows(runs: Sequence[StudyRun]) -> None:
    """Refuse runs of a task that have different numbers of units, because units are paired by their position."""
    first: dict[str, tuple[StudyRun, int]] = {}
    for run in runs:
        if run.units is not None:
            other, count = first.setdefault(run.task, (run, len(run.units)))
            if len(run.units) != count:
                raise StudyError(
                    f"{other.folder} and {run.folder}: answer {count} and {len(run.units)} rows or groups of the same "
                    "data. Train one of them again with rerun=true."
                )


def _group(directory: Path, prompts: Sequence[FolderRecord], group: str | None) -> str:
    counts = Counter(_group_of(record) for _, record in prompts)
    options = ", ".join(f"--group {name} ({count} runs)" for name, count in sorted(counts.items()))
    if group is None and len(counts) > 1:
        raise StudyError(f"{directory}: holds runs of {len(counts)} groups. Name one: {options}.")
    if group is not None and group not in counts:
        raise StudyError(f"--group {group}: no run in {directory} belongs to it. There are: {options}.")
    return group or next(iter(counts))


def _group_of(record: Record) -> str:
    return record.config["group"] or NO_GROUP


def _is_baseline(record: Record) -> bool:
    return bool(record.chosen.get("encoder") == "none")


def _start(ended: FolderRecord) -> tuple[str, str]:
    return ended[1].started, ended[0].name


def _like(flats: Sequence[FlatConfig], axes: Sequence[Axis]) -> FlatConfig:
    """Return the configuration values that are equal in all runs with a prompt and are not an axis."""
    varied = {axis.key for axis in axes}
    return {key: value for key, value in flats[0].items() if key not in varied and _is_constant(key, flats)}


def _is_constant(key: str, flats: Sequence[FlatConfig]) -> bool:
    return len({flat.get(key) for flat in flats}) == 1


def _is_like(flat: FlatConfig, like: FlatConfig, method: str) -> bool:
    """Whether a baseline of another group has the study's value for every key that can change the baseline's score."""
    keys = [key for key in like if concerns(key, method) and not key.startswith(("encoder.", "trainer.tune"))]
    return all(flat.get(key) == like[key] for key in keys)


def _rank(run: StudyRun, axes: Sequence[Axis]) -> tuple[object, ...]:
    encoder = ORDER.index(run.method) if run.method in ORDER else len(ORDER)
    return run.task, encoder, run.method, tuple(_positions(run, axes)), run.seed


def _positions(run: StudyRun, axes: Sequence[Axis]) -> Iterator[int]:
    for axis in axes:
        value = run.values.get(axis.key)
        yield axis.values.index(value) if value in axis.values else -1
