"""A record that is put beside the paper's numbers is data: it names no file, no code and no override of its own."""

import json
import sys

import pytest

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.reproduce.expected import UnreadableRun
from rpt.reproduce.lines import compare
from rpt.reproduce.points import NothingToCompare, read
from rpt.reproduce.setting import published
from rpt.tracking.identity import code
from tests.reproduce.test_reproduce import RTE, write


def edited(root, change):
    """Lines of three runs of a published row whose records are changed."""
    write(root, *RTE, scores=(0.70, 0.71, 0.69))
    for path in root.glob("*/run.json"):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
    return compare(read(root)[0])


def reasons(lines):
    return "; ".join(reason for line in lines for reason in line.reasons)


@pytest.fixture(scope="module")
def code_of_now():
    return code(check(compose(list(RTE))))


def test_runs_of_this_installations_code_get_a_verdict(code_of_now, tmp_path):
    lines = edited(tmp_path, lambda record: record.update(code=code_of_now))
    assert "agrees" in {line.verdict for line in lines}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoder": "0" * 64}, "the source of encoder has changed"),
        ({"training": 0}, "rpt's training version was 0 and is "),
    ],
)
def test_runs_of_other_code_get_no_verdict(change, reason, code_of_now, tmp_path):
    lines = edited(tmp_path, lambda record: record.update(code={**code_of_now, **change}))
    assert all(line.verdict.startswith("no verdict: ") for line in lines)
    assert reason in reasons(lines)


NO_NAMES = ["../../../tmp/evil", "/tmp/evil", "a,b", "${oc.env:HOME}", ""]
NO_NAME = "is no name of an option. The record is damaged or foreign."


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_task_that_is_no_name_is_not_composed(name, tmp_path):
    lines = edited(tmp_path, lambda record: record["chosen"].update(task=name))
    assert NO_NAME in reasons(lines)


@pytest.mark.parametrize("name", NO_NAMES)
def test_an_experiment_that_is_no_name_is_not_composed(name, tmp_path):
    with pytest.raises(NothingToCompare, match=NO_NAME):
        edited(tmp_path, lambda record: record["chosen"].update(experiment=name))


def test_an_override_that_the_experiment_does_not_state_is_not_composed():
    with pytest.raises(UnreadableRun, match=r"has no row with 'hydra\.searchpath=\[file:///tmp/evil\]'"):
        published(check(compose(list(RTE))), "hydra.searchpath=[file:///tmp/evil]")


def test_numbers_in_a_record_of_an_older_version_are_not_taken(tmp_path, code_of_now):
    """The numbers are those of this installation's option file."""

    def change(record):
        record["code"] = code_of_now
        record["config"]["expected"] = [{"source": "Table 1", "kind": "printed", "at": "x=y", "points": {"rte": 1.0}}]

    lines = edited(tmp_path, change)
    assert "agrees" in {line.verdict for line in lines}


def test_a_target_of_a_record_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "trap_of_reproduce.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "runs").mkdir()

    def change(record):
        record["config"]["encoder"]["_target_"] = "trap_of_reproduce.Encoder"
        record["code"] = {"training": 1}

    lines = edited(tmp_path / "runs", change)
    assert "trap_of_reproduce holds no 'Encoder'" in reasons(lines)
    assert "trap_of_reproduce" not in sys.modules
