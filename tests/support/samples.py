"""The packaged sample rows, as tests read them."""

import copy
from functools import cache
from pathlib import Path

import yaml

from rpt.data.sources import sample_source, sample_versions

FOLDERS = tuple(sample_versions())
"""The folders of the official release that have sample rows: `CB`, ..."""

FOLDER_OF = {
    path.stem: yaml.safe_load(path.read_text())["folder"]
    for path in sorted((Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
}
"""Folder of each task in `conf/task/`. A task that was added may have no sample rows."""

TASKS = [task for task, folder in FOLDER_OF.items() if folder in FOLDERS]
"""Tasks with sample rows, which are trained and read by the tests of every task."""


@cache
def sample_rows(folder):
    """The sample rows of one task by split, as they stand in its files."""
    return {split: [row for _, row in rows] for split, rows in sample_source(folder).splits.items()}


def unlabelled_rows(folder):
    """Rows as the release's test split has them: the validation rows without what tells the answer."""
    rows = copy.deepcopy(sample_rows(folder)["val"])
    for row in rows:
        row.pop("label", None)
        for question in row["passage"]["questions"] if folder == "MultiRC" else ():
            for answer in question["answers"]:
                del answer["label"]
        for query in row.get("qas", ()):
            del query["answers"]
    return rows
