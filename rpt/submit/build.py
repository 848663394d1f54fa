"""Answer the test splits of the SuperGLUE release with finished runs, and pack the answers into a submission."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from rpt.data.jsonl import read_rows, split_path
from rpt.errors import ConfigError, DataError
from rpt.predict.answers import AnswerLine, answer_lines
from rpt.predict.lines import InputRow
from rpt.predict.predictor import Predictor
from rpt.submit.leaderboard import FILES, NESTED, Entry, LeaderboardFile, nested
from rpt.system.writing import as_json
from rpt.tracking.kinds import shown
from rpt.trained import TrainedRun

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the archive, so that the same answers give the same bytes."""


def build_submission(runs: Sequence[TrainedRun], root: Path | None) -> tuple[bytes, dict[str, int], list[str]]:
    """Answer the test splits and pack the answers.

    Args:
        runs: Finished runs, one for each task. The run of RTE also answers AX-b and AX-g.
        root: Folder of the SuperGLUE release; None takes `data.root` of each run.

    Returns:
        `(content, off_label, missing)`.

        - `content`: bytes of the ZIP file.
        - `off_label`: number of answers that match no label of the task, by file. The task's first label is submitted
          in their place. A file without such answers has no entry.
        - `missing`: names of the files for which there is no run or no test split.

    Raises:
        ConfigError: Two runs have the same task, or a run has a task that is not in SuperGLUE.
        DataError: There is no test split, or a row of a test split cannot be answered.
    """
    by_task = _by_task(runs)
    off_label: dict[str, int] = {}
    missing: list[str] = []
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in FILES.values():
            run = by_task.get(file.task)
            path = None if run is None else _test_split(file, run, root)
            if run is None or path is None:
                missing.append(file.name)
                continue
            entries, off_label[file.name] = _entries(file, run, path)
            text = "".join(f"{as_json(entry)}\n" for entry in entries)
            archive.writestr(zipfile.ZipInfo(f"{file.name}.jsonl", FIXED_TIME), text)
    if len(missing) == len(FILES):
        places = f" below {root}" if root is not None else ""
        raise DataError(
            f"no test split of the runs' tasks was found{places}. Set --root to the folder of the official release."
        )
    return content.getvalue(), {name: count for name, count in off_label.items() if count}, missing


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


def _entries(file: LeaderboardFile, run: TrainedRun, path: Path) -> tuple[list[Entry], int]:
    """Answer a test split. Return the lines of the submission's file, and the number of answers that match no label."""
    lines = list(answer_lines(Predictor([run]), _rows(file, path)))
    labels = [_label(file, line) for line in lines]
    off_label = sum(label is None for label in labels)
    first = (file.labels or ("",))[0]
    numbered = [
        (line.values["idx"], first if label is None else label) for line, label in zip(lines, labels, strict=True)
    ]
    if file.name == NESTED:
        return nested(numbered), off_label
    # An idx of ReCoRD is (passage, query). The leaderboard expects the number of the query.
    numbers = [(_number(idx[-1] if isinstance(idx, tuple) else idx, path), label) for idx, label in numbered]
    return [{"idx": idx, "label": label} for idx, label in sorted(numbers, key=itemgetter(0))], off_label


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
        yield replace(InputRow(place, number, {}), values=values)


def _label(file: LeaderboardFile, line: AnswerLine) -> str | int | None:
    """Return the label of an answer as the leaderboard expects it; None for a text that matches no label."""
    if file.labels is not None and line.answer.choice is None:
        return None
    return file.label(line.values["label"])
