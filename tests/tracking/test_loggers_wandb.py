"""The offline files of W&B have the values of a run."""

import csv
import json
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.runs import train
from rpt.tracking.record import Record
from rpt.tracking.record_sections import DataFacts
from rpt.tracking.wandb_logger import prediction_table, run_id, tags, token_table
from tests.support.composed import compose
from tests.support.wandb_files import logged_runs

pytestmark = pytest.mark.slow  # each test starts W&B's background process

pytest.importorskip("wandb")


@pytest.fixture(scope="module")
def pack(tiny_bert, tiny_cb, tmp_path_factory):
    """Two runs of a pack, each with its logged values. The second run diverges."""
    root = tmp_path_factory.mktemp("runs")
    shared = [*tiny_bert, *tiny_cb, "trainer.epochs=2", "logger=[wandb]", "group=study", "backbone.dtype=float64"]
    own = (["encoder=residual"], ["encoder=plain", "lr=1e300"])
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WANDB_DATA_DIR", raising=False)
        patch.setenv("WANDB_CACHE_DIR", str(root / "cache"))
        patch.setenv("WANDB_CONFIG_DIR", str(root / "config"))
        outcomes = train([check(compose([*shared, f"output_dir={root / 'runs'}", *overrides])) for overrides in own])
    return [(outcome, *logged_runs(outcome.folder)) for outcome in outcomes]


def test_each_run_of_a_pack_is_a_wandb_run_with_the_same_status(pack):
    (healthy, logged, *more), (diverged, logged_diverged, *more_diverged) = pack
    assert more == more_diverged == []
    assert (healthy.record.status, diverged.record.status) == ("finished", "failed")
    assert (logged.exits, logged_diverged.exits) == ([0], [1])
    assert logged.run.run_id == run_id(healthy.record) != logged_diverged.run.run_id
    for outcome, content, encoder in ((healthy, logged, "residual"), (diverged, logged_diverged, "plain")):
        run = content.run
        assert (run.display_name, run.run_group, run.project) == (outcome.folder.name, "study", "rpt")
        assert run.job_type == encoder
        assert list(run.tags) == ["cb", "tiny", encoder, "official"]
        assert not [text for text in outcome.record.warnings if "logger" in text]


def test_the_whole_configuration_is_logged(pack):
    for outcome, logged in pack:
        record = outcome.record
        assert {key: logged.config[key] for key in record.config} == record.config
        assert logged.config["chosen"] == record.chosen
        assert logged.config["identity_hash"] == record.identity_hash
        assert (logged.config["data_source"], logged.config["data_checksum"]) == ("jsonl", record.data.checksum)


def test_the_curve_is_logged_with_one_row_for_each_step(pack):
    for outcome, logged in pack:
        expected = {}
        with (outcome.folder / "metrics.csv").open() as file:
            for row in csv.DictReader(file):
                expected.setdefault(int(row["step"]), {}).update({k: float(v) for k, v in row.items() if v})
        rows = [row for row in logged.history if "step" in row]
        assert [row["_step"] for row in rows] == [row["step"] for row in rows] == list(expected)
        for row, values in zip(rows, expected.values(), strict=True):
            actual = {key: float(value) for key, value in row.items() if key in values}
            assert actual == pytest.approx(values, rel=0, nan_ok=True)
    assert "prompt/gate" in pack[0][1].history[-2] | pack[0][1].history[-1]


def test_the_summary_has_scores_costs_and_whether_the_run_failed_or_diverged(pack):
    (healthy, logged), (diverged, logged_diverged) = pack
    record = healthy.record
    assert {name: logged.summary[name] for name in record.scores} == record.scores
    for content, run in ((logged, record), (logged_diverged, diverged.record)):
        assert content.summary["majority/score"] == run.majority["score"]
        assert content.summary["status"] == run.status
        costs = ("seconds", "tokens_per_second", "peak_memory_bytes", "steps")
        assert {name: content.summary[name] for name in costs} == {name: getattr(run, name) for name in costs}
    assert logged.summary["best/step"] == record.best.step
    # W&B requires that the metric of a sweep is in the history, and not only in the summary.
    [objective] = [row["best/score"] for row in logged.history if "best/score" in row]
    assert objective == logged.summary["best/score"] == record.best.held_out["score"]
    is_low = record.scores["score"] <= record.majority["score"]
    assert (logged.summary["diverged"], logged.summary["failed"]) == (0, int(is_low))
    assert logged.summary["counted_score"] == logged.summary["residual/counted_score"] == record.scores["score"]
    assert (logged_diverged.summary["diverged"], logged_diverged.summary["plain/failed"]) == (1, 1)
    assert logged_diverged.summary["plain/counted_score"] == diverged.record.majority["score"]
    assert logged_diverged.summary["error"] == diverged.record.error
    assert not {"score", "diagnostics/drift", "predictions/path"} & set(logged_diverged.summary)
    facts = json.loads((healthy.folder / "diagnostics.json").read_text())
    assert logged.summary["diagnostics/drift"] == pytest.approx(sum(facts["drift"]) / 10)
    assert logged.summary["diagnostics/gate"] == pytest.approx(sum(facts["gate"]) / 10)
    for name in ("start_norm_ratio", "start_update_ratio", "first_step", "end_norm_ratio", "end_update_ratio"):
        assert logged.summary[f"prompt/{name}"] == getattr(record.prompt, name)
    assert "prompt/end_norm_ratio" not in logged_diverged.summary  # a failed run exports no prompt


def test_predictions_and_virtual_tokens_are_tables(pack):
    outcome, logged = pack[0]
    tables = {
        name: json.loads((logged.folder / "files" / logged.summary[f"{name}/path"]).read_text())
        for name in ("predictions", "virtual_tokens")
    }
    lines = [json.loads(line) for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]
    columns = tables["predictions"]["columns"]
    assert set(columns) == set(lines[0])
    for row, line in zip(tables["predictions"]["data"], lines, strict=True):
        values = dict(zip(columns, row, strict=True))
        assert {**values, "scores": json.loads(values["scores"])} == line
    found = json.loads((outcome.folder / "diagnostics.json").read_text())
    columns, rows = tables["virtual_tokens"]["columns"], tables["virtual_tokens"]["data"]
    assert [row[columns.index("token_1")] for row in rows] == [tokens[0][0] for tokens in found["nearest"]]
    assert [row[columns.index("gate")] for row in rows] == found["gate"]


def test_the_run_folder_is_an_artifact_that_holds_the_last_record(pack):
    for outcome, logged in pack:
        entries = logged.files["run"]
        names = {"run.json", "metrics.csv"}
        if outcome.record.status == "finished":
            names |= {"predictions.jsonl", "diagnostics.json", "prompt.safetensors", "head.safetensors"}
        assert set(entries) == names
        for name, entry in entries.items():
            assert entry.ref == ""
            assert entry.local_path.startswith(str(outcome.folder / "wandb"))
            assert Path(entry.local_path).read_bytes() == (outcome.folder / name).read_bytes()


def test_no_file_of_a_run_is_outside_its_folder(pack):
    root = pack[0][0].folder.parent
    outside = {path for path in root.parent.rglob("*") if path.is_file() and root not in path.parents}
    assert {path.parent.name for path in outside} <= {"logs"}  # W&B's background process writes logs of its own


@pytest.mark.parametrize("how", ["raises", "is interrupted"])
def test_an_interrupted_run_has_an_exit_code_in_wandb_and_resumes_as_the_same_wandb_run(
    how, configure, tiny_cb, monkeypatch, tmp_path
):
    from rpt.training.run import Run

    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    config = configure(*tiny_cb, "logger=[wandb]")
    observe = Run.observe

    def ends(run, epoch, step, metrics):
        if epoch == 2:
            raise KeyboardInterrupt if how == "is interrupted" else RuntimeError("a bug")
        observe(run, epoch, step, metrics)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "observe", ends)
        with pytest.raises((KeyboardInterrupt, SystemExit, RuntimeError)):
            train([config])
    [folder] = (tmp_path / "runs").glob("*-*")
    [first] = logged_runs(folder)
    assert (first.exits, first.summary["status"]) == ([1], "interrupted")
    assert "failed" not in first.summary  # an interrupted run does not count as failed
    outcome = train([config])[0]
    [second] = [content for content in logged_runs(outcome.folder) if content.folder != first.folder]
    assert (second.exits, second.summary["status"]) == ([0], "finished")
    assert second.run.run_id == first.run.run_id
    steps = [row["_step"] for row in second.history if "step" in row]
    assert steps == [5, 6, 7, 8]  # the steps after the checkpoint
    assert [row["_step"] for row in first.history if "step" in row][:4] == [1, 2, 3, 4]


def test_the_users_name_and_tags_are_logged_and_the_upload_command_is_printed(
    configure, tiny_cb, monkeypatch, tmp_path, capsys
):
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    own = ["logger.wandb.name=mine", "logger.wandb.tags=[thesis,cb]"]
    folder = train([configure(*tiny_cb, "logger=[wandb]", *own)])[0].folder
    [logged] = logged_runs(folder)
    assert logged.run.display_name == "mine"
    assert list(logged.run.tags) == ["cb", "tiny", "residual", "official", "thesis"]
    upload = f"W&B: 1 run offline in {folder}/wandb; to upload: wandb sync {folder}/wandb/offline-*"
    assert upload in capsys.readouterr().out.splitlines()


# Tests of the tables


def test_cells_with_lists_and_dictionaries_are_written_as_json():
    lines = [{"idx": {"paragraph": 0, "answer": 1}, "target": ["a", "\u00e9"], "choice": None, "group": 3}]
    columns, rows = prediction_table(lines)
    assert columns == ["idx", "target", "choice", "group"]
    assert rows == [['{"paragraph": 0, "answer": 1}', '["a", "\u00e9"]', None, 3]]
    assert prediction_table([]) == ([], [])


def test_a_prompt_without_gates_has_empty_cells_for_them():
    found = {"nearest": [[["a", 0.5], ["b", 0.25]]], "norms": [1.0], "drift": [0.5], "gate": None}
    columns, rows = token_table(found)
    assert columns == ["virtual_token", "norm", "drift", "gate", "token_1", "cosine_1", "token_2", "cosine_2"]
    assert rows == [[0, 1.0, 0.5, None, "a", 0.5, "b", 0.25]]


def test_sample_rows_are_tagged():
    named = {"task": {"name": "cb"}, "backbone": {"name": "minilm"}, "protocol": {"name": "official"}}
    record = Record(status="running", config=named, chosen={"encoder": "lstm"}, data=DataFacts(source="sample"))
    assert tags(record) == ["cb", "minilm", "lstm", "official", "sample-data"]
