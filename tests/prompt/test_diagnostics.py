"""Prompt diagnostics say what training did to a prompt, and change no bit of it."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.prompt import diagnostics
from rpt.prompt.encoders import MLP, Plain, Residual
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.runs import train

LENGTH, HIDDEN, VOCAB = 3, 8, 50
NETWORK = {"bottleneck_dim": 4, "activation": "relu", "layer_norm": True, "dropout": 0.5, "shared": True}


class Words:
    """A tokenizer whose vocabulary is smaller than the embedding table that it belongs to."""

    def __len__(self):
        return VOCAB - 2

    def convert_ids_to_tokens(self, token):
        return f"word{token}"


@pytest.fixture
def embedding():
    table = torch.randn(VOCAB, HIDDEN, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    table[0] = 0  # padding
    return table


def soft_prompt(encoder):
    torch.manual_seed(0)
    table = torch.randn(LENGTH, HIDDEN)
    options = {} if encoder is Plain else NETWORK
    return SoftPrompt(table, encoder(length=LENGTH, hidden=HIDDEN, **options))


@pytest.fixture(scope="module")
def trained(tiny_bert, tiny_cb, tmp_path_factory):
    """A run of each kind, trained once for all tests here."""
    root = tmp_path_factory.mktemp("runs")
    shared = [*tiny_bert, *tiny_cb, f"output_dir={root}", "trainer.epochs=3", "logger=[]"]
    return {name: train([check(compose([*shared, f"encoder={name}"]))])[0] for name in ("plain", "residual", "none")}


def curve(outcome):
    with (outcome.folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def found(outcome):
    return json.loads((outcome.folder / "diagnostics.json").read_text())


# The numbers


@pytest.mark.parametrize("rows", [7, 4096])
def test_nearest_tokens_are_those_of_the_whole_table_however_it_is_cut(rows, embedding, monkeypatch):
    monkeypatch.setattr(diagnostics, "ROWS", rows)
    encoded = soft_prompt(Plain).fold()
    ids, cosines = diagnostics.nearest(encoded, embedding, diagnostics.row_norms(embedding), count=5)
    table, prompt = embedding.float().numpy().astype(np.float64), encoded.numpy().astype(np.float64)
    lengths = np.linalg.norm(table, axis=1)
    lengths[0] = 1  # a row of zeros has no direction
    expected = (prompt / np.linalg.norm(prompt, axis=1, keepdims=True)) @ (table / lengths[:, None]).T
    order = np.argsort(-expected, axis=1)[:, :5]
    assert ids.numpy().tolist() == order.tolist()
    np.testing.assert_allclose(cosines.numpy(), np.take_along_axis(expected, order, axis=1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rows", [7, 4096])
def test_norms_are_those_of_every_row_of_the_vocabulary(rows, embedding, monkeypatch):
    monkeypatch.setattr(diagnostics, "ROWS", rows)
    prompt = soft_prompt(Plain)
    said = diagnostics.diagnose(prompt, prompt.fold(), prompt.fold(), embedding, Words())
    lengths = np.linalg.norm(embedding.float().numpy().astype(np.float64), axis=1)
    expected = {"mean": lengths.mean(), "std": lengths.std(), "min": 0.0, "max": lengths.max()}
    assert said["vocab_norm"] == pytest.approx(expected, rel=1e-6)
    assert said["norms"] == pytest.approx(np.linalg.norm(prompt.fold().numpy(), axis=1), rel=1e-6)


def test_a_prompt_made_of_tokens_lies_on_them_and_has_not_moved(embedding):
    prompt = SoftPrompt(embedding[[5, 49, 7]].float(), Plain(length=LENGTH, hidden=HIDDEN))
    said = diagnostics.diagnose(prompt, prompt.fold(), prompt.fold(), embedding, Words())
    assert [tokens[0][0] for tokens in said["nearest"]] == ["word5", "row 49", "word7"]
    assert [tokens[0][1] for tokens in said["nearest"]] == pytest.approx([1, 1, 1], rel=1e-6)
    assert [len(tokens) for tokens in said["nearest"]] == [5, 5, 5]
    assert said["drift"] == [0, 0, 0]
    assert said["gate"] is None
    assert diagnostics.movement(prompt, prompt.fold(), prompt.fold())["prompt/drift"] == 0


def test_drift_is_how_far_a_prompt_is_from_its_start_in_lengths_of_the_start():
    prompt = soft_prompt(Plain)
    start = prompt.fold()
    moved = start.clone()
    moved[0] *= 3
    numbers = diagnostics.movement(prompt, start, moved)
    total, first = float(start.norm()), float(start[0].norm())
    assert numbers == {
        "prompt/norm": pytest.approx(float(moved.norm(dim=1).mean()), rel=1e-6),
        "prompt/drift": pytest.approx(2 * first / total, rel=1e-6),
    }
    said = diagnostics.diagnose(prompt, start, moved, torch.eye(HIDDEN), Words())
    assert said["drift"] == pytest.approx([2, 0, 0], rel=1e-6)


def test_the_gate_is_what_the_residual_network_adds_to_each_row_of_the_table():
    prompt = soft_prompt(Residual)
    prompt.eval()
    with torch.no_grad():
        added = prompt.encoder.phi(prompt.table)
    expected = added.norm(dim=1) / prompt.table.detach().norm(dim=1)
    encoded = prompt.fold()
    assert diagnostics.gates(prompt, encoded).tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert diagnostics.movement(prompt, encoded, encoded)["prompt/gate"] == pytest.approx(
        float(expected.mean()), rel=1e-5
    )


def test_a_residual_network_that_adds_nothing_has_a_closed_gate():
    prompt = soft_prompt(Residual)
    torch.nn.init.zeros_(prompt.encoder.phi.norm.weight)  # its shift is zero from the start
    assert diagnostics.gates(prompt, prompt.fold()).tolist() == [0, 0, 0]


@pytest.mark.parametrize("encoder", [Plain, MLP])
def test_an_encoder_without_a_skip_has_no_gate(encoder):
    prompt = soft_prompt(encoder)
    assert diagnostics.gates(prompt, prompt.fold()) is None
    assert set(diagnostics.movement(prompt, prompt.fold(), prompt.fold())) == {"prompt/norm", "prompt/drift"}


# In a run


@pytest.mark.parametrize("encoder", ["plain", "residual"])
def test_the_curve_has_them_at_each_evaluation(encoder, trained):
    rows = curve(trained[encoder])
    columns = diagnostics.COLUMNS if encoder == "residual" else diagnostics.COLUMNS[:2]
    for row in rows:
        is_evaluation = row["held_out/score"] != ""
        assert all((row[name] != "") == is_evaluation for name in columns)
    drifts = [float(row["prompt/drift"]) for row in rows if row["prompt/drift"]]
    assert len(drifts) == 3
    assert all(0 < drift < math.inf for drift in drifts)
    assert len(set(drifts)) == 3
    if encoder == "plain":
        assert {row["prompt/gate"] for row in rows} == {""}


@pytest.mark.parametrize("encoder", ["plain", "residual"])
def test_the_file_is_of_the_prompt_that_is_kept_and_agrees_with_the_curve(encoder, trained, assemble):
    outcome = trained[encoder]
    said, prompt = found(outcome), load_file(outcome.folder / "prompt.safetensors")["prompt"]
    assert said["norms"] == pytest.approx(prompt.norm(dim=1).tolist(), rel=1e-6)
    [best] = [row for row in curve(outcome) if row["held_out/score"] and int(row["step"]) == outcome.record.best.step]
    assert float(best["prompt/norm"]) == pytest.approx(np.mean(said["norms"]), rel=1e-12)
    assert (said["gate"] is None) == (encoder == "plain")
    if encoder == "residual":
        assert float(best["prompt/gate"]) == pytest.approx(np.mean(said["gate"]), rel=1e-12)
    assert [len(tokens) for tokens in said["nearest"]] == [5] * 10
    for tokens in said["nearest"]:
        cosines = [cosine for _, cosine in tokens]
        assert cosines == sorted(cosines, reverse=True)
        assert all(-1 <= cosine <= 1.000001 for cosine in cosines)


def test_the_drift_is_from_the_prompt_that_the_seed_gives(configure, tiny_cb, assemble):
    config = configure(*tiny_cb)
    start = assemble(config)[0].runs[0].trainable.fold().double()
    outcome = train([config])[0]
    kept = load_file(outcome.folder / "prompt.safetensors")["prompt"].double()
    expected = (kept - start).norm(dim=1) / start.norm(dim=1)
    assert found(outcome)["drift"] == pytest.approx(expected.tolist(), rel=1e-9)


def test_a_run_without_a_prompt_has_neither_columns_nor_a_file(trained):
    assert not any(name.startswith("prompt/") for name in curve(trained["none"])[0])
    assert not (trained["none"].folder / "diagnostics.json").exists()


def test_a_run_whose_prompt_cannot_be_encoded_at_the_start_fails_alone(configure, tiny_cb, monkeypatch):
    forward = Residual.forward

    def breaks(encoder, prompt):
        if len(prompt) == 2:
            raise ValueError("no such state")
        return forward(encoder, prompt)

    monkeypatch.setattr(Residual, "forward", breaks)
    sick, sound = train([configure(*tiny_cb, f"prompt.length={length}") for length in (2, 10)])
    assert (sick.record.status, sick.record.error) == ("failed", "ValueError: no such state")
    assert sound.record.status == "finished"
    assert not (sick.folder / "diagnostics.json").exists()
