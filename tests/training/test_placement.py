"""A prompt after the text of a decoder (`backbone.prompt_at=end`): training, packing, evaluation and loading."""

import lightning
import pytest

import rpt
from rpt.runs import train
from tests.support.composed import checked
from tests.support.packs import RUNS_AT_LOW_RATES, curve

END = ["backbone.prompt_at=end", "backbone.dtype=float64", "trainer.epochs=2"]
COLUMNS = ("train/loss", "held_out/loss", "held_out/score")


@pytest.mark.slow
def test_packed_runs_with_prompts_after_the_text_equal_runs_alone(pack):
    packed = train(pack("packed", "tiny_llama", *END, runs=RUNS_AT_LOW_RATES))
    alone = [train([config])[0] for config in pack("alone", "tiny_llama", *END, runs=RUNS_AT_LOW_RATES)]
    for first, second in zip(packed, alone, strict=True):
        for column in COLUMNS:
            assert curve(first)[column] == pytest.approx(curve(second)[column], rel=1e-6), (first.folder.name, column)
        assert first.record.scores == second.record.scores


def test_a_prompt_after_the_text_is_trained_and_loaded(tiny_llama, tiny_cb, tmp_path):
    options = [*tiny_llama, *tiny_cb, *END, "encoder=residual", "lr=0.03", f"output_dir={tmp_path}"]
    outcome = train([checked(options)])[0]
    losses = curve(outcome)["train/loss"]
    assert losses[-1] < losses[0]
    assert "in front of the text" in outcome.record.adapter
    run = rpt.load(outcome.folder)
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    [again] = trainer.test(run.module, run.data, verbose=False)
    assert again["reported/loss"] == pytest.approx(outcome.record.loss, rel=1e-6)  # Lightning stores it in float32


def test_the_position_of_the_prompt_changes_the_identity_and_the_loss(tiny_llama, tiny_cb, tmp_path):
    options = [*tiny_llama, *tiny_cb, "encoder=plain", "trainer.epochs=1", f"output_dir={tmp_path}"]
    end, front = (train([checked([*options, f"backbone.prompt_at={at}"])])[0] for at in ("end", "front"))
    assert end.record.identity_hash != front.record.identity_hash
    assert curve(end)["train/loss"] != curve(front)["train/loss"]


def test_without_a_prompt_both_positions_have_equal_scores(tiny_llama, tiny_cb, tmp_path):
    options = [*tiny_llama, *tiny_cb, "encoder=none", "backbone.dtype=float64", f"output_dir={tmp_path}"]
    end, front = (train([checked([*options, f"backbone.prompt_at={at}"])])[0] for at in ("end", "front"))
    assert end.record.loss == pytest.approx(front.record.loss, rel=1e-6)
    assert end.record.scores == front.record.scores
