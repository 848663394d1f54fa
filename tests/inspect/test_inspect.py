"""The command that inspects prompts computes its tables and its JSON from the exported matrices."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import rpt
from rpt.inspect.__main__ import main
from tests.support.trained_runs import trained_folder

FEW = ["task=cb", "data.max_rows=8", "trainer.epochs=1", "lr=0.1", "trainer.progress=false"]


@pytest.fixture
def trained(tiny_bert, tmp_path):
    def train(*overrides):
        return trained_folder(tmp_path / "runs", *tiny_bert, *FEW, "prompt.length=4", *overrides)

    return train


def inspected(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_numbers_are_computed_from_the_exported_prompts(trained, capsys):
    folders = [trained(), trained("encoder=plain", "seed=1")]
    found = inspected(capsys, *folders)
    prompts = [load_file(folder / "prompt.safetensors")["prompt"].astype(float) for folder in folders]
    embedding = rpt.load(folders[0]).module.backbone.embedding.double().numpy()
    vocabulary = embedding / np.linalg.norm(embedding, axis=1, keepdims=True).clip(1e-12)
    for prompt, values in zip(prompts, found["runs"], strict=True):
        tokens = values["tokens"]
        norms = np.linalg.norm(prompt, axis=1)
        assert [token["norm"] for token in tokens] == pytest.approx(norms.tolist())
        best = (prompt / norms[:, None] @ vocabulary.T).max(axis=1)
        assert [token["nearest"][0][1] for token in tokens] == pytest.approx(best.tolist(), abs=1e-5)
    assert all(token["gate"] > 0 for token in found["runs"][0]["tokens"])
    assert all(token["gate"] is None for token in found["runs"][1]["tokens"])
    first, second = (prompt / np.linalg.norm(prompt, axis=1, keepdims=True) for prompt in prompts)
    [pair] = found["similarities"]
    assert pair["cosine"] == pytest.approx(float((first * second).sum(axis=1).mean()))
    assert pair["best_cosine"] == pytest.approx(float((first @ second.T).max(axis=1).mean()))


def test_prompts_of_different_lengths_are_compared_by_their_best_matches(trained, tmp_path, capsys):
    trained("prompt.length=3")
    trained("prompt.length=5")
    [pair] = inspected(capsys, tmp_path / "runs")["similarities"]
    assert pair["cosine"] is None
    assert -1 <= pair["best_cosine"] <= 1


def test_the_tables_name_each_virtual_token_with_its_nearest_tokens(trained, capsys):
    folders = [trained(), trained("seed=1")]
    values = inspected(capsys, *folders)["runs"][0]
    assert main([str(folder) for folder in folders]) == 0
    out = capsys.readouterr().out
    assert f"{folders[0].name}: tiny, encoder residual" in out
    for token in values["tokens"]:
        name, cosine = token["nearest"][0]
        assert f"{name} {cosine:.2f}" in out
    assert "similarity of the prompts" in out


def test_of_a_study_the_runs_without_a_prompt_and_the_failed_runs_are_left_out(trained, tmp_path, capsys):
    bare, failed, folder = trained("encoder=none"), trained("seed=1"), trained()
    record = json.loads((failed / "run.json").read_text())
    (failed / "run.json").write_text(json.dumps({**record, "status": "failed"}))
    capsys.readouterr()
    assert main([str(tmp_path / "runs"), "--json"]) == 0
    captured = capsys.readouterr()
    assert [run["run"] for run in json.loads(captured.out)["runs"]] == [folder.name]
    assert f"runs: 1 run left out (without a prompt): {bare.name}\n" in captured.err
    assert f"runs: 1 run left out (failed): {failed.name}\n" in captured.err


def test_a_run_without_a_prompt_or_with_damaged_files_is_refused(trained, capsys):
    bare = trained("encoder=none")
    assert main([str(bare)]) == 2
    assert "has no prompt" in capsys.readouterr().err
    folder = trained()
    (folder / "diagnostics.json").write_text("[]")
    assert main([str(folder)]) == 2
    assert "diagnostics.json: cannot be read" in capsys.readouterr().err
    (folder / "diagnostics.json").unlink()
    assert main([str(folder)]) == 2
    assert "diagnostics.json: is missing" in capsys.readouterr().err
