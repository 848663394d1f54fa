"""Rows are named SuperGLUE only if they are recognised as the official release."""

import json

import pytest

from rpt.config.check import check
from rpt.console import opening
from rpt.data.release import CHECKSUMS, COUNTS, FOLDERS, origin, release_of
from rpt.data.sources import jsonl_source, sample_source
from rpt.errors import ConfigError
from rpt.report.read.run import StudyRun
from rpt.report.say.facts import _data
from rpt.runs import train
from tests.support.composed import compose

ROW = {"premise": "It rained.", "hypothesis": "It was wet.", "label": "neutral"}


def write(root, folder, rows):
    (root / folder).mkdir(parents=True)
    for split in ("train", "val"):
        (root / folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(root)


def test_each_of_the_eight_folders_has_a_known_checksum_or_number_of_rows():
    assert sorted([*CHECKSUMS, *COUNTS]) == sorted(FOLDERS)


@pytest.mark.shared
@pytest.mark.parametrize("folder", CHECKSUMS)
def test_the_official_rows_are_recognised_by_their_checksum(folder, shared_dir):
    root = str(shared_dir / "superglue")
    assert jsonl_source(root, folder).release == "SuperGLUE"
    assert jsonl_source(root, folder, 50).release is None  # a part of the release has no known checksum


def test_rows_of_a_user_are_not_recognised_as_a_release(tmp_path):
    rows = [{**ROW, "idx": idx} for idx in range(3)]
    for folder in ("CB", "BoolQ", "MRPC"):
        assert jsonl_source(write(tmp_path / folder, folder, rows), folder).release is None
    assert sample_source("CB").release is None


def test_a_folder_without_a_known_checksum_is_recognised_by_its_number_of_rows():
    queries = {"train": [("", {"qas": [{}, {}]})] * 50365, "val": [("", {"qas": [{}]})] * 10000}
    assert release_of("ReCoRD", "", queries) == "SuperGLUE"
    assert release_of("ReCoRD", "", {**queries, "val": queries["val"][1:]}) is None
    assert release_of("CB", "", {"train": [("", {})] * 250, "val": [("", {})] * 56}) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"source": "sample"}, "SAMPLE rows made by this project, not SuperGLUE"),
        ({"source": "hub", "release": "SuperGLUE", "folder": "CB"}, "SuperGLUE CB from hub"),
        ({"source": "jsonl", "release": None, "folder": "MRPC"}, "MRPC from jsonl"),
        (
            {"source": "jsonl", "release": None, "folder": "CB"},
            "CB from jsonl, in SuperGLUE's layout, but not its complete official release",
        ),
        ({"source": "jsonl"}, "mrpc from jsonl"),  # a record of an older rpt
    ],
)
def test_the_origin_of_the_rows_is_described(data, words):
    assert origin("mrpc", data["source"], data.get("release"), data.get("folder")) == words


def test_data_of_a_user_are_named_by_their_own_name_in_all_output(configure, tmp_path, capsys):
    rows = [
        {**ROW, "premise": f"Text {idx}.", "label": ["neutral", "entailment"][idx % 2], "idx": idx} for idx in range(12)
    ]
    own = ["data=jsonl", f"data.root={write(tmp_path / 'rows', 'Weather', rows)}", "task.name=weather"]
    config = configure(*own, "task.folder=Weather", "trainer.epochs=1")
    [outcome] = train([config])
    printed = capsys.readouterr().out + opening(outcome.record, outcome.folder)
    fact = _data(StudyRun(outcome.folder, outcome.record, "residual", {}, None))
    assert "weather (version 2), Weather from jsonl, sha256" in printed
    assert fact.startswith("weather: Weather from jsonl, 10 train, 2 held out, 12 reported")
    files = "".join(file.read_text() for file in outcome.folder.glob("*.json*"))
    assert "superglue" not in (printed + fact + files).lower()
    assert outcome.record.task.metrics["f1_macro"].endswith("a class that is neither is left out")


def test_a_task_outside_the_eight_is_refused_with_data_from_the_hub():
    with pytest.raises(ConfigError, match=r"^data = hub: has only the folders BoolQ, CB, .* and task=own needs Own\. "):
        check(compose(["data=hub", "task.name=own", "task.folder=Own"]))


def test_the_error_of_a_users_missing_folder_does_not_advise_to_unpack_the_release(tmp_path):
    with pytest.raises(ConfigError) as caught:
        check(compose(["data=jsonl", f"data.root={tmp_path}", "task.name=own", "task.folder=Own"]))
    lacks = "there is no Own/train.jsonl in it, nor train.jsonl.gz. Put the task's rows there."
    assert str(caught.value) == f"data.root = {tmp_path}: {lacks}"
