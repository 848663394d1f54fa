"""W&B receives the run's values, as its offline files show."""

import csv
import json
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.runs import train
from rpt.tracking.record import Record
from rpt.tracking.record_sections import DataFacts
from rpt.tracking.wandb_logger import prediction_table, run_id, tags, token_table
from tests.support.wandb_files import logged_runs

pytestmark = pytest.mark.slow  # W&B's own process, several times

pytest.importorskip("wandb")


@pytest.fixture(scope="module")
def pack(tiny_bert, tiny_cb, tmp_path_factory):
    """Two runs of a pack, of which the second diverges, and the values that W&B received for each."""
    root = tmp_path_factory.mktemp("runs")
    shared = [*tiny_bert, *tiny_cb, "trainer.epochs=2", "logger=[wandb]", "group=study", "backbone.dtype=float64"]
    own = (["encoder=residual"], ["encoder=plain", "lr=1e300"])
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WANDB_DATA_DIR", raising=False)
        patch.setenv("WANDB_CACHE_DIR", str(root / "cache"))
        patch.setenv("WANDB_CONFIG_DIR", str(root / "config"))
        outcomes = train([check(compose([*shared, f"output_dir={root / 'runs'}", *one])) for one in own])
    return [(outcome, *logged_runs(outcome.folder)) for outcome in outcomes]


def test_each_run_of_a_pack_is_a_run_of_its_own_and_ends_as_it_ended(pack):
    (sound, told, *more), (sick, told_sick, *more_sick) = pack
    assert more == more_sick == []
    assert (sound.record.status, sick.record.status) == ("finished", "failed")
    assert (told.exits, told_sick.exits) == ([0], [1])
    assert told.run.run_id == run_id(sound.record) != told_sick.run.run_id
    for outcome, one, encoder in ((sound, told, "residual"), (sick, told_sick, "plain")):
        assert (one.run.display_name, one.run.run_group, one.run.project) == (outcome.folder.name, "study", "rpt")
        assert one.run.job_type == encoder
        assert list(one.run.tags) == ["cb", "tiny", encoder, "official"]
        assert not [text for text in outcome.record.warnings if "logger" in text]


def test_the_configuration_is_sent_whole(pack):
    for outcome, told in pack:
        record = outcome.record
        assert {key: told.config[key] for key in record.config} == record.config
        assert told.config["chosen"] == record.chosen
        assert told.config["identity_hash"] == record.identity_hash
        assert (told.config["data_source"], told.config["data_checksum"]) == ("jsonl", record.data.checksum)


def test_the_curve_is_sent_a_row_a_step(pack):
    for outcome, told in pack:
        expected = {}
        with (outcome.folder / "metrics.csv").open() as file:
            for row in csv.DictReader(file):
                expected.setdefault(int(row["step"]), {}).update({k: float(v) for k, v in row.items() if v})
        rows = [row for row in told.history if "step" in row]
        assert [row["_step"] for row in rows] == [row["step"] for row in rows] == list(expected)
        for row, values in zip(rows, expected.values(), strict=True):
            said = {key: float(value) for key, value in row.items() if key in values}
            assert said == pytest.approx(values, rel=0, nan_ok=True)
    assert "prompt/gate" in pack[0][1].history[-2] | pack[0][1].history[-1]


def test_the_summary_has_scores_costs_and_what_a_share_of_failed_runs_is_made_of(pack):
    (sound, told), (sick, told_sick) = pack
    record = sound.record
    assert {name: told.summary[name] for name in record.scores} == record.scores
    for one, run in ((told, record), (told_sick, sick.record)):
        assert one.summary["majority/score"] == run.majority["score"]
        assert one.summary["status"] == run.status
        costs = ("seconds", "tokens_per_second", "peak_memory_bytes", "steps")
        assert {name: one.summary[name] for name in costs} == {name: getattr(run, name) for name in costs}
    assert told.summary["best/step"] == record.best.step
    # What leads a sweep of W&B must be logged, by W&B's rule: the summary alone is not enough.
    [led] = [row["best/score"] for row in told.history if "best/score" in row]
    assert led == told.summary["best/score"] == record.best.held_out["score"]
    is_low = record.scores["score"] <= record.majority["score"]
    assert (told.summary["diverged"], told.summary["failed"]) == (0, int(is_low))
    assert told.summary["counted_score"] == told.summary["residual/counted_score"] == record.scores["score"]
    assert (told_sick.summary["diverged"], told_sick.summary["plain/failed"]) == (1, 1)
    assert told_sick.summary["plain/counted_score"] == sick.record.majority["score"]
    assert told_sick.summary["error"] == sick.record.error
    assert not {"score", "diagnostics/drift", "predictions/path"} & set(told_sick.summary)
    found = json.loads((sound.folder / "diagnostics.json").read_text())
    assert told.summary["diagnostics/drift"] == pytest.approx(sum(found["drift"]) / 10)
    assert told.summary["diagnostics/gate"] == pytest.approx(sum(found["gate"]) / 10)
    for name in ("start_norm_ratio", "start_update_ratio", "first_step", "end_norm_ratio", "end_update_ratio"):
        assert told.summary[f"prompt/{name}"] == getattr(record.prompt, name)
    assert "prompt/end_norm_ratio" not in told_sick.summary  # a run that failed exports no prompt


def test_predictions_and_virtual_tokens_are_tables(pack):
    outcome, told = pack[0]
    tables = {
        name: json.loads((told.folder / "files" / told.summary[f"{name}/path"]).read_text())
        for name in ("predictions", "virtual_tokens")
    }
    lines = [json.loads(line) for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]
    columns = tables["predictions"]["columns"]
    assert set(columns) == set(lines[0])
    for row, line in zip(tables["predictions"]["data"], lines, strict=True):
        said = dict(zip(columns, row, strict=True))
        assert {**said, "scores": json.loads(said["scores"])} == line
    found = json.loads((outcome.folder / "diagnostics.json").read_text())
    columns, rows = tables["virtual_tokens"]["columns"], tables["virtual_tokens"]["data"]
    assert [row[columns.index("token_1")] for row in rows] == [tokens[0][0] for tokens in found["nearest"]]
    assert [row[columns.index("gate")] for row in rows] == found["gate"]


def test_the_run_folder_is_an_artifact_that_holds_the_last_record(pack):
    for outcome, told in pack:
        entries = told.files["run"]
        names = {"run.json", "metrics.csv"}
        if outcome.record.status == "finished":
            names |= {"predictions.jsonl", "diagnostics.json", "prompt.safetensors", "head.safetensors"}
        assert set(entries) == names
        for name, entry in entries.items():
            assert entry.ref == ""
            assert entry.local_path.startswith(str(outcome.folder / "wandb"))
            assert Path(entry.local_path).read_bytes() == (outcome.folder / name).read_bytes()


def test_nothing_of_a_run_lies_outside_its_folder(pack):
    root = pack[0][0].folder.parent
    left = {path for path in root.parent.rglob("*") if path.is_file() and root not in path.parents}
    assert {path.parent.name for path in left} <= {"logs"}  # the service's own, one a process


@pytest.mark.parametrize("how", ["raises", "is interrupted"])
def test_a_run_that_ends_early_is_ended_in_wandb_too_and_goes_on_as_the_same_run(
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
    assert "failed" not in first.summary  # nor is it counted as one
    outcome = train([config])[0]
    [second] = [one for one in logged_runs(outcome.folder) if one.folder != first.folder]
    assert (second.exits, second.summary["status"]) == ([0], "finished")
    assert second.run.run_id == first.run.run_id
    steps = [row["_step"] for row in second.history if "step" in row]
    assert steps == [5, 6, 7, 8]  # on from the checkpoint, with the steps that W&B counts by
    assert [row["_step"] for row in first.history if "step" in row][:4] == [1, 2, 3, 4]


def test_own_name_and_tags_are_sent_and_the_end_says_how_to_upload(configure, tiny_cb, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    own = ["logger.wandb.name=mine", "logger.wandb.tags=[thesis,cb]"]
    folder = train([configure(*tiny_cb, "logger=[wandb]", *own)])[0].folder
    [told] = logged_runs(folder)
    assert told.run.display_name == "mine"
    assert list(told.run.tags) == ["cb", "tiny", "residual", "official", "thesis"]
    upload = f"W&B: 1 run offline in {folder}/wandb; to upload: wandb sync {folder}/wandb/offline-*"
    assert upload in capsys.readouterr().out.splitlines()


# The tables' shapes


def test_cells_that_are_no_single_values_are_written_as_json():
    lines = [{"idx": {"paragraph": 0, "answer": 1}, "target": ["a", "\u00e9"], "choice": None, "group": 3}]
    columns, rows = prediction_table(lines)
    assert columns == ["idx", "target", "choice", "group"]
    assert rows == [['{"paragraph": 0, "answer": 1}', '["a", "\u00e9"]', None, 3]]
    assert prediction_table([]) == ([], [])


def test_a_prompt_without_gates_has_empty_ones():
    found = {"nearest": [[["a", 0.5], ["b", 0.25]]], "norms": [1.0], "drift": [0.5], "gate": None}
    columns, rows = token_table(found)
    assert columns == ["virtual_token", "norm", "drift", "gate", "token_1", "cosine_1", "token_2", "cosine_2"]
    assert rows == [[0, 1.0, 0.5, None, "a", 0.5, "b", 0.25]]


def test_sample_rows_are_tagged():
    named = {"task": {"name": "cb"}, "backbone": {"name": "minilm"}, "protocol": {"name": "official"}}
    record = Record(status="running", config=named, chosen={"encoder": "lstm"}, data=DataFacts(source="sample"))
    assert tags(record) == ["cb", "minilm", "lstm", "official", "sample-data"]
