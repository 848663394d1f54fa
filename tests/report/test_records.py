"""A record that a report cannot read gives an error with its file, its key and advice."""

import json

import pytest

from rpt.report.__main__ import main
from rpt.report.read.collect import collect
from rpt.report.read.run import StudyError
from tests.support.report_fixture import write_run

AGAIN = "Train the run again with rerun=true."
OLDER = "An older version of rpt trained the run. Train it again with rerun=true."
FOREIGN = "Move its folder away."
AWAY = "Move the folder away, or set rerun=true to train again."


@pytest.fixture
def refusal(tmp_path):
    """Function that changes the record of one of two runs, and returns the message about this record."""

    def message_after(change, **options):
        write_run(tmp_path, "seed=0")
        path = write_run(tmp_path, "seed=1", **options) / "run.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
        study = collect(tmp_path)
        assert [run.seed for run in study.runs] == [0]
        (message,) = study.damaged
        assert message.startswith(f"{path}: ")
        return message.removeprefix(f"{path}: ")

    return message_after


def section_of(record, key):
    """Return the section that holds a dotted key, and the last part of the key."""
    *sections, name = key.split(".")
    for section in sections:
        record = record[section]
    return record, name


def without(key):
    def change(record):
        section, name = section_of(record, key)
        del section[name]
        return record

    return change


def with_value(key, value):
    def change(record):
        section, name = section_of(record, key)
        section[name] = value
        return record

    return change


def test_a_record_of_another_program_is_refused(refusal):
    assert refusal(lambda _: {"status": "finished"}) == f"has no schema, so it is no record of rpt. {FOREIGN}"


@pytest.mark.parametrize("status", ["finished", "failed", "running"])
def test_a_record_without_config_is_refused_with_any_status(refusal, status):
    assert refusal(without("config"), status=status) == f"has no config. {OLDER}"


@pytest.mark.parametrize("status", ["finished", "running"])
def test_a_record_without_its_group_is_refused_with_any_status(refusal, status):
    assert refusal(without("config.group"), status=status) == f"has no config.group. {OLDER}"


def test_a_status_that_rpt_does_not_write_is_refused(refusal):
    message = f"status = ok: rpt writes running, interrupted, finished, stopped, failed. {AWAY}"
    assert refusal(with_value("status", "ok")) == message


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("scores", "scores"),
        ("scores.score", "scores.score"),
        ("best", "best"),
        ("best.held_out", "best.held_out"),
        ("majority", "majority"),
        ("majority.score", "majority.score"),
        ("data.rows.reported", "data.rows.reported"),
        ("environment.packages", "environment.packages"),
        ("protocol", "protocol"),
        ("config.seed", "config.seed"),
    ],
)
def test_a_finished_record_that_lacks_a_key_is_refused(refusal, key, named):
    assert refusal(without(key)) == f"has no {named}. {OLDER}"


def test_the_message_has_all_missing_keys(refusal):
    assert (
        refusal(lambda record: without("scores")(without("task.name")(record))) == f"has no task.name, scores. {OLDER}"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scores.score", None, f"scores.score = None: must be a number. {AGAIN}"),
        ("config.seed", "one", f"config.seed = one: must be a whole number. {AGAIN}"),
        ("config.group", 3, f"config.group = 3: must be a text or null. {AWAY}"),
        ("config.report", "residual", f"config.report = residual: must be a section or null. {AWAY}"),
        ("config.report.method", ["plain"], f"config.report.method = ['plain']: must be a text or null. {AWAY}"),
        ("config.report.leader", {"name": 1}, f"config.report.leader = {{'name': 1}}: must be a text or null. {AWAY}"),
        ("config.report.reference", 2, f"config.report.reference = 2: must be a text or null. {AWAY}"),
        ("config.prompt", None, f"config.prompt = None: must be a section. {AWAY}"),
        ("config.prompt.unit", {}, f"config.prompt.unit = {{}}: must be a text. {AWAY}"),
        ("config.backbone.prompt_at", [], f"config.backbone.prompt_at = []: must be a text. {AWAY}"),
        (
            "config.backbone.prompt_layer",
            -1,
            f"config.backbone.prompt_layer = -1: must be a whole number of 0 or more. {AWAY}",
        ),
        ("best", [], f"best = []: must be a section or null. {AWAY}"),
        (
            "best.held_out",
            {"score": "high"},
            f"best.held_out = {{'score': 'high'}}: must be a section of numbers. {AWAY}",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(refusal, key, value, message):
    assert refusal(with_value(key, value)) == message


def test_a_run_that_diverged_needs_no_scores(tmp_path):
    write_run(tmp_path, "seed=0")
    write_run(tmp_path, "seed=1", status="failed")
    assert [run.diverged for run in collect(tmp_path).runs] == [False, True]


def test_records_of_schema_2_are_compared_only_with_each_other(tmp_path):
    for seed in (0, 1):
        path = write_run(tmp_path, f"seed={seed}", schema=2) / "run.json"
        record = json.loads(path.read_text())
        del record["code"], record["setting_hash"]
        path.write_text(json.dumps(record))
    assert len(collect(tmp_path).runs) == 2
    write_run(tmp_path, "seed=2")
    message = r"the version of rpt's training code differs, not recorded by an older rpt and \d"
    with pytest.raises(StudyError, match=message):
        collect(tmp_path)


def test_an_unfinished_run_with_an_old_schema_is_listed_as_unfinished(tmp_path):
    write_run(tmp_path, "seed=0")
    older = write_run(tmp_path, "seed=1", status="running", schema=1)
    assert [*collect(tmp_path).unfinished] == [older]


def test_predictions_that_are_not_json_objects_are_refused(tmp_path):
    folder = write_run(tmp_path)
    (folder / "predictions.jsonl").write_text("3\n")
    with pytest.raises(
        StudyError, match=r"(?s)predictions\.jsonl: cannot be read .* Train the run again with rerun=true\."
    ):
        collect(tmp_path)


def test_the_command_ends_with_the_message_and_no_traceback(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text('{"status": "finished"}')
    assert main([str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"{tmp_path}/a/run.json: has no schema, so it is no record of rpt. {FOREIGN}\n"
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
def test_the_report_leaves_damaged_files_out_and_lists_them(tmp_path, capsys):
    whole, lost, without_curve = (write_run(tmp_path, f"seed={seed}") for seed in range(3))
    (lost / "run.json").write_text("{")
    (without_curve / "metrics.csv").write_text("step,held_out/score\n1,high\n")
    assert main([str(tmp_path)]) == 2
    output = capsys.readouterr()
    first, second = output.err.splitlines()
    assert first.startswith(f"{lost}/run.json: is not JSON (")
    assert second.startswith(f"{without_curve}/metrics.csv: cannot be read (")
    assert output.out.endswith(f"{tmp_path}/report/index.html\n")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "2 files that cannot be read" in page
    assert page.count(f"{lost}/run.json: is not JSON") == 1
    assert whole.name in page
