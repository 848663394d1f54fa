"""A record with values of a wrong type gives a one-line error, and the ledger still lists the other runs."""

import json

import pytest

from rpt import ledger
from rpt.sweep.ledger import register
from rpt.sweep.point import Point
from rpt.sweep.prepare import Prepared
from rpt.system.reading import Unreadable, read_json
from rpt.tracking.kinds import LONGEST_VALUE, NATURAL, NUMBER, WHOLE, problems_of, shown
from rpt.tracking.record import Record, RecordError

ODD = [
    ({"status": "finished", "scores": []}, "scores = []: must be a section of numbers"),
    ({"status": "finished", "scores": {"score": "0.5"}}, "scores = {'score': '0.5'}: must be a section of numbers"),
    ({"status": "finished", "best": {"held_out": 3}}, "best.held_out = 3: must be a section of numbers"),
    ({"status": "failed", "error": ["a"]}, "error = ['a']: must be a text or null"),
    ({"status": "interrupted", "pack": {"members": "abc"}}, "pack.members = abc: must be a list of texts"),
    ({"status": "ok"}, "status = ok: rpt writes running, interrupted, finished, stopped, failed"),
    ({"status": []}, "status = []: rpt writes running, interrupted, finished, stopped, failed"),
]


@pytest.mark.parametrize(("record", "problem"), ODD)
def test_a_value_of_a_wrong_type_is_refused(record, problem, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    with pytest.raises(RecordError) as error:
        Record.read(tmp_path, "Do this.")
    assert str(error.value) == f"{path}: {problem}. Do this."


@pytest.mark.parametrize(("record", "problem"), ODD)
def test_the_ledger_lists_other_runs_next_to_a_run_with_a_wrong_record(record, problem, configure, tmp_path, capsys):
    folders = [tmp_path / name for name in ("odd", "whole")]
    runs = [
        Prepared(Point(number, {}, f"lr={number}"), configure(), str(number), folder)
        for number, folder in enumerate(folders)
    ]
    register(runs, tmp_path)
    for folder, content in zip(folders, (record, {"status": "finished", "scores": {"score": 0.5}}), strict=True):
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(content))
    assert ledger.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"  failed              lr=0  odd  {folders[0]}/run.json: {problem}.")
    assert lines[2] == "  finished     0.500  lr=1  whole"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"points": {}}, "is damaged (points = {}: must be a list)"),
        ({"points": [3]}, "is damaged in run 1 (it has no name, identity, folder)"),
        (
            {"points": [{"name": None, "identity": "a", "folder": "b"}]},
            "is damaged in run 1 (name = None: must be a text)",
        ),
        ({"started": 3}, "is damaged (started = 3: must be a text)"),
        ({"ledger": []}, "is no ledger of rpt (ledger = []: must be a whole number)"),
    ],
)
def test_a_ledger_with_a_value_of_a_wrong_type_is_refused(change, problem, configure, tmp_path, capsys):
    path = register([Prepared(Point(0, {}, "lr=0"), configure(), "0", tmp_path / "run")], tmp_path).path
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert ledger.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"{path}: {problem}. Move it away")


@pytest.mark.parametrize("levels", [101, 900, 100_000])
def test_a_deeply_nested_file_is_refused(levels, tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"status": ' + "[" * levels + "]" * levels + "}")
    with pytest.raises(Unreadable, match=r"run\.json: is nested too deeply"):
        read_json(path)


def test_a_file_of_few_levels_is_read(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("[" * 100 + "]" * 100)
    assert read_json(path)


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), 2**63, [1]])
def test_a_value_that_is_no_finite_number_is_not_accepted(value):
    assert not any(kind.accepts(value) for kind in (NUMBER, WHOLE, NATURAL))


def test_missing_keys_and_wrong_values_are_listed():
    kinds = {"a.b.c": NUMBER, "a.b.d": NUMBER, "a.e": WHOLE}
    assert problems_of({"a": {"e": 0.5}}, kinds) == (["a.b"], ["a.e = 0.5: must be a whole number"])
    assert problems_of(3, kinds) == (["a"], [])


def test_a_value_in_a_message_is_shortened_and_on_one_line():
    assert shown("a\n\u2028b") == "a b"
    assert shown("x" * 1000) == "x" * LONGEST_VALUE + "..."
