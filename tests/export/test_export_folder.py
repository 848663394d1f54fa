"""The export of a folder takes the run with the best selection score, and refuses scores that cannot be compared."""

import json

import pytest

import rpt
from rpt.export.__main__ import main
from tests.support.trained_runs import trained_folder

FEW = ["data.max_rows=8", "trainer.epochs=1", "trainer.progress=false", "trainer.device=cpu", "prompt.length=4"]


@pytest.fixture
def trained(tiny_bert, tmp_path):
    def train(*overrides):
        return trained_folder(tmp_path / "runs", *tiny_bert, *FEW, *overrides)

    return train


def change(folder, **values):
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, **values}))


def test_a_study_with_failed_runs_and_runs_without_a_prompt_is_exported(trained, tmp_path, capsys):
    worse, best, failed, bare = (
        trained("task=rte", "encoder=plain", "seed=0"),
        trained("task=rte", "encoder=plain", "seed=1"),
        trained("task=rte", "encoder=plain", "seed=2"),
        trained("task=rte", "encoder=none"),
    )
    for folder, score in ((worse, 0.25), (best, 0.5), (bare, 1.0)):
        facts = rpt.load(folder).record.best.model_dump()
        change(folder, best={**facts, "held_out": {**facts["held_out"], "score": score}})
    change(failed, status="failed")
    capsys.readouterr()
    assert main([str(tmp_path / "runs"), "--format", "npy", "--output", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path}/out/README.md\n{tmp_path}/out/head.safetensors\n{tmp_path}/out/prompt.npy\n"
    assert f"1 run left out (failed): {failed.name}\n" in captured.err
    assert f"1 run left out (without a prompt): {bare.name}\n" in captured.err
    assert f"{best}: chosen from 2 runs by the selection score, 0.5000\n" in captured.err
    assert best.name in (tmp_path / "out" / "README.md").read_text()


def test_a_failed_run_and_a_run_without_a_prompt_that_are_named_themselves_are_refused(trained, tmp_path, capsys):
    failed, bare = trained("task=rte", "encoder=plain", "seed=2"), trained("task=rte", "encoder=none")
    change(failed, status="failed")
    for folder, reason in ((failed, "is not finished"), (bare, "has no prompt")):
        assert main([str(folder), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
        assert reason in capsys.readouterr().err


DIFFERENT = {
    "tasks": ({"task": "cb"}, "(cb; rte)"),
    "backbones": ({"backbone": "other"}, "(other, sha256 "),
    "protocols": ({"protocol": "paper"}, "(official; paper)"),
    "sources of rows": ({"data": "jsonl"}, "(jsonl; sample)"),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_runs_whose_scores_cannot_be_compared_are_refused_with_their_names(kind, trained, tmp_path, capsys):
    values, names = DIFFERENT[kind]
    trained("task=rte", "encoder=plain", "seed=0")
    other = trained("task=rte", "encoder=plain", "seed=1")
    record = json.loads((other / "run.json").read_text())
    for section, value in values.items():
        key = "source" if section == "data" else "name"
        change(other, **{section: {**record[section], key: value}})
    assert main([str(tmp_path / "runs"), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert f"RUN = {tmp_path}/runs: holds runs of several {kind} " in err
    assert names in err
    assert err.endswith("Name the folder of the run to export.\n")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_refused_before_the_run_is_read(trained, tmp_path, monkeypatch, capsys):
    folder = trained("task=rte", "encoder=plain")
    (tmp_path / "file").touch()
    monkeypatch.setattr("rpt.export.__main__.head_files", None)  # reading the run's files would raise a TypeError
    assert main([str(folder), "--format", "npy", "--output", str(tmp_path / "file" / "out")]) == 2
    err = capsys.readouterr().err
    assert "out: cannot be written (Not a directory). Free some space or name another path with --output" in err
    assert "it continues" not in err
