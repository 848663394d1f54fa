"""Access to the packaged sample rows for tests."""

import copy
from functools import cache
from pathlib import Path

import yaml

from rpt.data.sources import sample_source, sample_versions

FOLDERS = tuple(sample_versions())
"""Folders of the official release that have sample rows, such as `CB`."""

FOLDER_OF = {
    path.stem: yaml.safe_load(path.read_text())["folder"]
    for path in sorted((Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
}
"""Folder of the official release for each task in `conf/task/`. A task that a user added may have no sample rows."""

TASKS = [task for task, folder in FOLDER_OF.items() if folder in FOLDERS]
"""Names of the tasks that have sample rows."""


@cache
def sample_rows(folder):
    """Return the sample rows of one task by split, unchanged from its files."""
    return {split: [row for _, row in rows] for split, rows in sample_source(folder).splits.items()}


def unlabelled_rows(folder):
    """Return the validation rows without their labels and answers, in the format of the release's test split."""
    rows = copy.deepcopy(sample_rows(folder)["val"])
    for row in rows:
        row.pop("label", None)
        for question in row["passage"]["questions"] if folder == "MultiRC" else ():
            for answer in question["answers"]:
                del answer["label"]
        for query in row.get("qas", ()):
            del query["answers"]
    return rows
