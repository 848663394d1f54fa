"""The command that compares runs with the paper's numbers opens no file and runs no code that a record names."""

import json
import sys

import pytest

from rpt.config.check import check
from rpt.reproduce.expected import UnreadableRun
from rpt.reproduce.lines import compare
from rpt.reproduce.points import NothingToCompare, read
from rpt.reproduce.setting import published
from rpt.tracking.identity import code
from tests.reproduce.test_reproduce import RTE, write
from tests.support.composed import compose


def lines_of_changed_records(root, change):
    """Write three runs of a published row, change their records, and return the compared lines."""
    write(root, *RTE, scores=(0.70, 0.71, 0.69))
    for path in root.glob("*/run.json"):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
    return compare(read(root)[0])


def reasons(lines):
    return "; ".join(reason for line in lines for reason in line.reasons)


@pytest.fixture(scope="module")
def installed_code():
    return code(check(compose(list(RTE))))


def test_runs_of_the_installed_code_get_a_verdict(installed_code, tmp_path):
    lines = lines_of_changed_records(tmp_path, lambda record: record.update(code=installed_code))
    assert "agrees" in {line.verdict for line in lines}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoder": "0" * 64}, "the source of encoder has changed"),
        ({"training": 0}, "rpt's training version was 0 and is "),
    ],
)
def test_runs_of_other_code_get_no_verdict(change, reason, installed_code, tmp_path):
    lines = lines_of_changed_records(tmp_path, lambda record: record.update(code={**installed_code, **change}))
    assert all(line.verdict.startswith("no verdict: ") for line in lines)
    assert reason in reasons(lines)


INVALID_NAMES = ["../../../tmp/evil", "/tmp/evil", "a,b", "${oc.env:HOME}", ""]
MESSAGE = "is not the name of an option. The record is damaged, or rpt did not write it."


@pytest.mark.parametrize("name", INVALID_NAMES)
def test_a_task_with_an_invalid_name_is_not_composed(name, tmp_path):
    lines = lines_of_changed_records(tmp_path, lambda record: record["chosen"].update(task=name))
    assert MESSAGE in reasons(lines)


@pytest.mark.parametrize("name", INVALID_NAMES)
def test_an_experiment_with_an_invalid_name_is_not_composed(name, tmp_path):
    with pytest.raises(NothingToCompare, match=MESSAGE):
        lines_of_changed_records(tmp_path, lambda record: record["chosen"].update(experiment=name))


def test_an_override_that_the_experiment_lacks_is_not_composed():
    with pytest.raises(UnreadableRun, match=r"has no row with 'hydra\.searchpath=\[file:///tmp/evil\]'"):
        published(check(compose(list(RTE))), "hydra.searchpath=[file:///tmp/evil]")


def test_published_numbers_in_a_record_are_not_used(tmp_path, installed_code):
    """The published numbers are those of the installed option file. Records of an older version also have them."""

    def change(record):
        record["code"] = installed_code
        record["config"]["expected"] = [{"source": "Table 1", "kind": "printed", "at": "x=y", "points": {"rte": 1.0}}]

    lines = lines_of_changed_records(tmp_path, change)
    assert "agrees" in {line.verdict for line in lines}


def test_a_class_that_a_record_names_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "trap_of_reproduce.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "runs").mkdir()

    def change(record):
        record["config"]["encoder"]["_target_"] = "trap_of_reproduce.Encoder"
        record["code"] = {"training": 1}

    lines = lines_of_changed_records(tmp_path / "runs", change)
    assert "trap_of_reproduce holds no 'Encoder'" in reasons(lines)
    assert "trap_of_reproduce" not in sys.modules
