"""A command gets the runs of a folder that it can use, and stderr names each other run with the reason."""

import json

import pytest

from rpt.errors import ConfigError
from rpt.tracking.find import MOST_NAMED, find_runs

PROMPT = {"held": 40, "body": 0}
RECORDS = {
    "a": {"status": "finished", "parameters": PROMPT},
    "b": {"status": "failed"},
    "c": {"status": "interrupted"},
    "d": {"status": "running"},
    "e": {"status": "stopped"},
    "f": {"status": "finished", "parameters": {"held": 0, "body": 900}},
    "g": {"status": "finished", "parameters": {"held": 0, "body": 0}},
    "h": {"status": "finished", "parameters": PROMPT, "prompt": {"not_folded": "computes a prompt for each text"}},
}
UNUSABLE = """\
RUNS: 1 run left out (failed): b
RUNS: 2 runs left out (not finished): c, d
RUNS: 1 run left out (stopped by successive halving): e
RUNS: 1 run left out (with a fine-tuned backbone): f
"""
WITHOUT_PROMPT = """\
RUNS: 1 run left out (without a prompt): g
RUNS: 1 run left out (with an encoder that cannot be folded into a prompt): h
"""


@pytest.fixture
def runs(tmp_path):
    """Write run folders with records, and return the folder that holds them."""

    def write(records=RECORDS):
        for name, record in records.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "run.json").write_text(json.dumps({"name": name, **record}))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("needs_prompt", "usable", "lines"), [(False, "agh", UNUSABLE), (True, "a", UNUSABLE + WITHOUT_PROMPT)]
)
def test_runs_that_the_command_cannot_use_are_left_out_and_named(needs_prompt, usable, lines, runs, capsys):
    folder = runs()
    assert [run.name for run in find_runs([folder], needs_prompt=needs_prompt)] == list(usable)
    assert capsys.readouterr().err == lines.replace("RUNS", str(folder))


def test_a_run_that_is_named_itself_and_a_folder_without_runs_are_returned(runs, capsys):
    folder = runs()
    named = [folder / name for name in RECORDS]
    assert find_runs(named, needs_prompt=True) == named
    assert find_runs([folder / "nothing"]) == [folder / "nothing"]
    assert capsys.readouterr().err == ""


def test_a_folder_without_a_usable_run_is_refused_with_the_reasons(runs):
    folder = runs({name: RECORDS[name] for name in "bcdg"})
    assert find_runs([folder]) == [folder / "g"]
    with pytest.raises(ConfigError) as refused:
        find_runs([folder], needs_prompt=True)
    reasons = "1 failed, 2 not finished, 1 without a prompt"
    advice = (
        f"holds no run that this command can use ({reasons}). Name a folder that holds a finished run with a prompt."
    )
    assert str(refused.value) == f"RUN = {folder}: {advice}"


def test_a_run_with_a_damaged_record_is_returned_so_that_its_reader_reports_it(runs):
    folder = runs({"a": RECORDS["a"], "b": {"status": "done"}, "c": {"status": "finished"}})
    assert [run.name for run in find_runs([folder])] == ["a", "b", "c"]


def test_a_line_names_a_limited_number_of_runs(runs, capsys):
    numbers = range(MOST_NAMED + 5)
    folder = runs({"a": RECORDS["a"]} | {f"b{number:02}": {"status": "failed"} for number in numbers})
    find_runs([folder])
    line = capsys.readouterr().err
    assert "25 runs left out (failed): b00, b01," in line
    assert line.endswith(f"b{MOST_NAMED - 1}, and 5 more\n")
