"""Prompt diagnostics: norms, drift, gate and nearest tokens, which do not change the prompt."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rpt.config.check import check
from rpt.prompt import diagnostics
from rpt.prompt.encoders import MLP, Plain, Residual
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.runs import train
from tests.support.composed import compose

LENGTH, HIDDEN, VOCAB = 3, 8, 50
NETWORK = {"bottleneck_dim": 4, "activation": "relu", "layer_norm": True, "dropout": 0.5, "shared": True}


class SmallTokenizer:
    """Tokenizer whose vocabulary is smaller than the embedding table."""

    def __len__(self):
        return VOCAB - 2

    def convert_ids_to_tokens(self, token):
        return f"word{token}"


@pytest.fixture
def embedding():
    table = torch.randn(VOCAB, HIDDEN, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    table[0] = 0  # embedding of padding
    return table


def soft_prompt(encoder):
    torch.manual_seed(0)
    table = torch.randn(LENGTH, HIDDEN)
    options = {} if encoder is Plain else NETWORK
    return SoftPrompt(table, encoder(length=LENGTH, hidden=HIDDEN, **options))


@pytest.fixture(scope="module")
def trained(tiny_bert, tiny_cb, tmp_path_factory):
    """Trained runs with a plain, a residual and no prompt, by the name of the encoder."""
    root = tmp_path_factory.mktemp("runs")
    shared = [*tiny_bert, *tiny_cb, f"output_dir={root}", "trainer.epochs=3", "logger=[]"]
    return {name: train([check(compose([*shared, f"encoder={name}"]))])[0] for name in ("plain", "residual", "none")}


def curve(outcome):
    with (outcome.folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def diagnostics_of(outcome):
    return json.loads((outcome.folder / "diagnostics.json").read_text())


# Tests of the functions in `rpt.prompt.diagnostics`


@pytest.mark.parametrize("rows", [7, 4096])
def test_nearest_tokens_do_not_depend_on_the_size_of_the_blocks_of_rows(rows, embedding, monkeypatch):
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
def test_norms_of_the_vocabulary_do_not_depend_on_the_size_of_the_blocks_of_rows(rows, embedding, monkeypatch):
    monkeypatch.setattr(diagnostics, "ROWS", rows)
    prompt = soft_prompt(Plain)
    facts = diagnostics.diagnose(prompt, prompt.fold(), prompt.fold(), embedding, SmallTokenizer())
    lengths = np.linalg.norm(embedding.float().numpy().astype(np.float64), axis=1)
    expected = {"mean": lengths.mean(), "std": lengths.std(), "min": 0.0, "max": lengths.max()}
    assert facts["vocab_norm"] == pytest.approx(expected, rel=1e-6)
    assert facts["norms"] == pytest.approx(np.linalg.norm(prompt.fold().numpy(), axis=1), rel=1e-6)


def test_a_prompt_of_token_embeddings_has_these_nearest_tokens_and_no_drift(embedding):
    prompt = SoftPrompt(embedding[[5, 49, 7]].float(), Plain(length=LENGTH, hidden=HIDDEN))
    facts = diagnostics.diagnose(prompt, prompt.fold(), prompt.fold(), embedding, SmallTokenizer())
    assert [tokens[0][0] for tokens in facts["nearest"]] == ["word5", "row 49", "word7"]
    assert [tokens[0][1] for tokens in facts["nearest"]] == pytest.approx([1, 1, 1], rel=1e-6)
    assert [len(tokens) for tokens in facts["nearest"]] == [5, 5, 5]
    assert facts["drift"] == [0, 0, 0]
    assert facts["gate"] is None
    assert diagnostics.movement(prompt, prompt.fold(), prompt.fold())["prompt/drift"] == 0


def test_drift_is_the_distance_from_the_start_relative_to_the_norm_of_the_start():
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
    facts = diagnostics.diagnose(prompt, start, moved, torch.eye(HIDDEN), SmallTokenizer())
    assert facts["drift"] == pytest.approx([2, 0, 0], rel=1e-6)


def test_the_gate_is_the_norm_of_the_residual_networks_output_relative_to_the_table():
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


def test_a_residual_network_with_an_output_of_zero_has_a_gate_of_zero():
    prompt = soft_prompt(Residual)
    torch.nn.init.zeros_(prompt.encoder.phi.norm.weight)  # the bias of a new layer norm is zero
    assert diagnostics.gates(prompt, prompt.fold()).tolist() == [0, 0, 0]


@pytest.mark.parametrize("encoder", [Plain, MLP])
def test_an_encoder_without_a_skip_connection_has_no_gate(encoder):
    prompt = soft_prompt(encoder)
    assert diagnostics.gates(prompt, prompt.fold()) is None
    assert set(diagnostics.movement(prompt, prompt.fold(), prompt.fold())) == {"prompt/norm", "prompt/drift"}


# Tests of the diagnostics of a trained run


@pytest.mark.parametrize("encoder", ["plain", "residual"])
def test_the_curve_has_the_diagnostics_at_each_evaluation(encoder, trained):
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
def test_the_file_describes_the_exported_prompt_and_agrees_with_the_curve(encoder, trained, assemble):
    outcome = trained[encoder]
    facts, prompt = diagnostics_of(outcome), load_file(outcome.folder / "prompt.safetensors")["prompt"]
    assert facts["norms"] == pytest.approx(prompt.norm(dim=1).tolist(), rel=1e-6)
    [best] = [row for row in curve(outcome) if row["held_out/score"] and int(row["step"]) == outcome.record.best.step]
    assert float(best["prompt/norm"]) == pytest.approx(np.mean(facts["norms"]), rel=1e-12)
    assert (facts["gate"] is None) == (encoder == "plain")
    if encoder == "residual":
        assert float(best["prompt/gate"]) == pytest.approx(np.mean(facts["gate"]), rel=1e-12)
    assert [len(tokens) for tokens in facts["nearest"]] == [5] * 10
    for tokens in facts["nearest"]:
        cosines = [cosine for _, cosine in tokens]
        assert cosines == sorted(cosines, reverse=True)
        assert all(-1 <= cosine <= 1.000001 for cosine in cosines)


def test_the_drift_is_relative_to_the_initial_prompt_of_the_seed(configure, tiny_cb, assemble):
    config = configure(*tiny_cb)
    start = assemble(config)[0].runs[0].trainable.fold().double()
    outcome = train([config])[0]
    kept = load_file(outcome.folder / "prompt.safetensors")["prompt"].double()
    expected = (kept - start).norm(dim=1) / start.norm(dim=1)
    assert diagnostics_of(outcome)["drift"] == pytest.approx(expected.tolist(), rel=1e-9)


def test_a_run_without_a_prompt_has_neither_columns_nor_a_file(trained):
    assert not any(name.startswith("prompt/") for name in curve(trained["none"])[0])
    assert not (trained["none"].folder / "diagnostics.json").exists()


@pytest.mark.slow
def test_a_run_whose_encoder_raises_at_the_start_fails_and_the_other_finishes(configure, tiny_cb, monkeypatch):
    forward = Residual.forward

    def breaks(encoder, prompt):
        if len(prompt) == 2:
            raise ValueError("no such state")
        return forward(encoder, prompt)

    monkeypatch.setattr(Residual, "forward", breaks)
    failing, healthy = train([configure(*tiny_cb, f"prompt.length={length}") for length in (2, 10)])
    assert (failing.record.status, failing.record.error) == ("failed", "ValueError: no such state")
    assert healthy.record.status == "finished"
    assert not (failing.folder / "diagnostics.json").exists()
