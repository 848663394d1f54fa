"""Answer the test splits of the SuperGLUE release with finished runs, and pack the answers into a submission."""

from __future__ import annotations

import gc
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from rpt.data.jsonl import read_rows, split_path
from rpt.data.prepare import build_task
from rpt.errors import ConfigError, DataError
from rpt.predict.answers import AnswerLine, answer_lines, read_examples
from rpt.predict.lines import InputRow
from rpt.predict.predictor import Predictor, by_backbone
from rpt.submit.check import check_submission
from rpt.submit.leaderboard import FILES, NESTED, Entry, LeaderboardFile, nested
from rpt.system.writing import as_json
from rpt.tasks.row import Label
from rpt.tracking.kinds import shown
from rpt.trained import TrainedRun

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the archive, so that the same answers give the same bytes."""


@dataclass(frozen=True)
class ReleaseSplit:
    """Test split of the release, and the run that answers it.

    Attributes:
        file: File of the submission that holds the answers.
        run: Finished run of the file's task.
        path: Path of the test split.
        rows: Rows of the test split without labels.
    """

    file: LeaderboardFile
    run: TrainedRun
    path: Path
    rows: Sequence[InputRow]


def read_splits(runs: Sequence[TrainedRun], root: Path | None) -> tuple[list[ReleaseSplit], list[str]]:
    """Read the test splits and check that their answers will be a valid submission, before a backbone is loaded.

    Args:
        runs: Finished runs, one for each task. The run of RTE also answers AX-b and AX-g.
        root: Folder of the SuperGLUE release; None takes `data.root` of each run.

    Returns:
        Test splits, and names of the files for which there is no run or no test split.

    Raises:
        ConfigError: Two runs have the same task, or a run has a task that is not in SuperGLUE.
        DataError: There is no test split, a row does not fit its task, or a test split differs from the release.
    """
    by_task = _by_task(runs)
    splits: list[ReleaseSplit] = []
    missing: list[str] = []
    for file in FILES.values():
        run = by_task.get(file.task)
        path = None if run is None else _test_split(file, run, root)
        if run is None or path is None:
            missing.append(file.name)
        else:
            splits.append(ReleaseSplit(file, run, path, list(_rows(file, path))))
    if not splits:
        places = f" below {root}" if root is not None else ""
        raise DataError(
            f"no test split of the runs' tasks was found{places}. Set --root to the folder of the official release."
        )
    problems, _ = check_submission(io.BytesIO(_packed({split.file.name: _trial(split) for split in splits})))
    if problems:
        folders = ", ".join(dict.fromkeys(str(split.path.parent.parent) for split in splits))
        advice = f"the test splits in {folders} differ from the official release:"
        raise DataError("\n".join([advice, *problems]))
    return splits, missing


def _trial(split: ReleaseSplit) -> list[Entry]:
    """Return the entries of a test split with an arbitrary label, which have the numbers of the valid entries."""
    task = build_task(split.run.config)
    examples = [example for row in split.rows for example in read_examples(task, row)[0]]
    label = (split.file.labels or ("unknown",))[0]
    return _numbered(split, [(example.idx, label) for example in examples])


def build_submission(splits: Sequence[ReleaseSplit]) -> tuple[bytes, dict[str, int]]:
    """Answer test splits and pack the answers. Each backbone is loaded once.

    Args:
        splits: Test splits from `read_splits`.

    Returns:
        `(content, off_label)`.

        - `content`: bytes of the ZIP file.
        - `off_label`: number of answers that match no label of the task, by file. The task's first label is submitted
          in their place. A file without such answers has no entry.

    Raises:
        ConfigError: A file of a run is missing or does not fit the run.
        DataError: A row of a test split cannot be answered.
        WeightsError: A backbone cannot be loaded.
    """
    answered: dict[str, tuple[list[Entry], int]] = {}
    runs = {split.run.record.name: split.run for split in splits}
    for members in by_backbone([*runs.values()]):
        gc.collect()  # frees the previous backbone, which a reference cycle of its module holds
        answered |= _answered(members, splits)
    content = _packed({split.file.name: answered[split.file.name][0] for split in splits})
    return content, {split.file.name: count for split in splits if (count := answered[split.file.name][1])}


def _answered(runs: Sequence[TrainedRun], splits: Sequence[ReleaseSplit]) -> dict[str, tuple[list[Entry], int]]:
    """Answer the test splits of runs over one backbone. Return the result of `_entries` by file.

    Each run has a predictor of its own, so that its forward passes are those of `python -m rpt.predict RUN`.
    """
    backbone = None
    answered: dict[str, tuple[list[Entry], int]] = {}
    for run in runs:
        predictor = Predictor([run], backbone)
        backbone = predictor.backbone
        answered |= {split.file.name: _entries(split, predictor) for split in splits if split.run is run}
    return answered


def _packed(entries: Mapping[str, Sequence[Entry]]) -> bytes:
    """Pack the entries of each file into a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, of_file in entries.items():
            text = "".join(f"{as_json(entry)}\n" for entry in of_file)
            archive.writestr(zipfile.ZipInfo(f"{name}.jsonl", FIXED_TIME), text)
    return content.getvalue()


def _by_task(runs: Sequence[TrainedRun]) -> dict[str, TrainedRun]:
    tasks = {file.task for file in FILES.values()}
    found: dict[str, TrainedRun] = {}
    for run in runs:
        name = run.config.task.name
        if name not in tasks:
            raise ConfigError.of(
                "RUN", run.record.name, f"has the task {name}, which is no task of SuperGLUE. Leave the run out."
            )
        if name in found:
            advice = f"has the task {name}, and so has {found[name].record.name}. Name one run for each task."
            raise ConfigError.of("RUN", run.record.name, advice)
        found[name] = run
    return found


def _test_split(file: LeaderboardFile, run: TrainedRun, root: Path | None) -> Path | None:
    """Return the path of a test split; None if no folder of the release is known or it lacks the split."""
    folder = root if root is not None else run.config.data.root
    if folder is None:
        return None
    names = (file.rows_file, "test")
    paths = (split_path(str(folder), file.name, name) for name in dict.fromkeys(names))
    return next((path for path in paths if path.is_file()), None)


def _entries(split: ReleaseSplit, predictor: Predictor) -> tuple[list[Entry], int]:
    """Answer a test split. Return the lines of the submission's file, and the number of answers that match no label."""
    lines = list(answer_lines(predictor, split.rows))
    labels = [_label(split.file, line) for line in lines]
    first = (split.file.labels or ("",))[0]
    answers = [
        (line.values["idx"], first if label is None else label) for line, label in zip(lines, labels, strict=True)
    ]
    return _numbered(split, answers), sum(label is None for label in labels)


def _numbered(split: ReleaseSplit, answers: Sequence[tuple[Any, Label]]) -> list[Entry]:
    """Build the lines of a submission's file from the idx and the label of each example.

    Raises:
        DataError: An idx is a text that is not a whole number.
    """
    if split.file.name == NESTED:
        return nested(answers)
    # An idx of ReCoRD is (passage, query). The leaderboard expects the number of the query.
    numbers = [(_number(idx[-1] if isinstance(idx, tuple) else idx, split.path), label) for idx, label in answers]
    return [{"idx": idx, "label": label} for idx, label in sorted(numbers, key=itemgetter(0))]


def _number(idx: int | str, path: Path) -> int:
    """Return the idx of a row as a whole number, which the leaderboard expects.

    Raises:
        DataError: The idx is another text.
    """
    if isinstance(idx, str) and not (idx.isascii() and idx.isdigit()):
        raise DataError(f"{path}: idx {shown(idx)!r} is not a whole number. Download the official release again.")
    return int(idx)


def _rows(file: LeaderboardFile, path: Path) -> Iterator[InputRow]:
    """Yield the rows of a test split without labels. The labels in the files of AX-b and AX-g are removed."""
    for number, (place, row) in enumerate(read_rows(path), start=1):
        values = {name: value for name, value in file.task_row(row).items() if name != "label"}
        yield InputRow(place, number, {"idx": number, **values})


def _label(file: LeaderboardFile, line: AnswerLine) -> str | int | None:
    """Return the label of an answer as the leaderboard expects it; None for a text that matches no label."""
    if file.labels is not None and line.answer.choice is None:
        return None
    return file.label(line.values["label"])
