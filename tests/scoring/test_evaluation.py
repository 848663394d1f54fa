"""An answer does not depend on the rows that are evaluated together with it."""

from dataclasses import replace

import pytest
import torch

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.data.batches import EVALUATION_TOKENS
from rpt.runs import train

SCORED = {
    "class head": ("tiny_bert", ["task=cb", "data.max_rows=15"]),
    "head per choice": ("tiny_bert", ["task=record", "data.max_rows=4", "backbone.text_limit=400"]),
    "seq2seq, rank": ("tiny_t5", ["task=record", "data.max_rows=4"]),
    "causal, rank": ("tiny_llama", ["task=copa", "data.max_rows=12"]),
    "causal, generate": ("tiny_llama", ["task=copa", "data.max_rows=8", "scorer=generate"]),
}
ROUNDING = 5e-5  # of float32, in sums of up to a hundred nats
COARSE = "backbone.dtype=bfloat16"


def evaluated(tuner, data, order):
    """What is said of each reported row, by idx, when an evaluation reads these rows in this order."""
    split, order = data.reported, list(order)
    lists = {
        name: [getattr(split, name)[row] for row in order] for name in ("examples", "inputs", "outputs", "choices")
    }
    segments = [split.segments[row] for row in order] if split.segments else ()
    part = replace(split, **lists, segments=segments)
    prompts = [run.trainable.fold() for run in tuner.runs]
    found, sizes = {}, []
    for rows in data.evaluation(part, lambda: [True]):
        sizes.append(len(rows.row))
        with torch.no_grad():
            said = tuner.score(rows, prompts)
        for at, row in enumerate(rows.row.tolist()):
            text = None if said.texts is None else said.texts[at]
            scores = said.scores[at][said.scores[at] > -torch.inf].tolist()
            found[part.examples[row].idx] = (scores, float(said.losses[at]), text)
    return found, sizes


def spread_heads(tuner):
    """Heads start at zero, from which all scores are alike."""
    torch.manual_seed(1)
    for run in tuner.runs:
        if run.trainable.head is not None:
            torch.nn.init.normal_(run.trainable.head.linear.weight, std=0.5)


@pytest.mark.parametrize("way", SCORED)
def test_in_bfloat16_a_score_has_the_same_bits_beside_any_other_rows(way, request, assemble):
    backbone, chosen = SCORED[way]
    tuner, data = assemble(check(compose([*request.getfixturevalue(backbone), *chosen, COARSE, "prompt.length=3"])))
    spread_heads(tuner)
    assert tuner.backbone.dtype == torch.bfloat16
    count = len(data.reported)
    whole, sizes = evaluated(tuner, data, range(count))
    assert set(sizes) == {1}
    assert len({str(said) for said in whole.values()}) > 1
    assert evaluated(tuner, data, reversed(range(count)))[0] == whole
    few, _ = evaluated(tuner, data, [2, 0])
    assert few == {idx: whole[idx] for idx in few}
    assert len(few) == 2


@pytest.mark.parametrize("way", ["class head", "seq2seq, rank", "causal, rank"])
def test_in_float32_other_rows_and_the_budget_move_a_score_by_rounding_alone(way, request, assemble):
    backbone, chosen = SCORED[way]
    tuner, data = assemble(check(compose([*request.getfixturevalue(backbone), *chosen, "prompt.length=3"])))
    spread_heads(tuner)
    assert data.eval_token_budget == EVALUATION_TOKENS["cpu"]
    count = len(data.reported)
    whole, sizes = evaluated(tuner, data, range(count))
    assert max(sizes) > 1
    for data.eval_token_budget in (1, 500, 8192):
        found, _ = evaluated(tuner, data, reversed(range(count)))
        for idx, (scores, loss, _) in whole.items():
            assert found[idx][0] == pytest.approx(scores, abs=ROUNDING)
            assert found[idx][1] == pytest.approx(loss, abs=ROUNDING)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([COARSE], {"token_budget": 1, "one_row_per_forward": True}),
        ([COARSE, "trainer.eval_token_budget=900"], {"token_budget": 900, "one_row_per_forward": False}),
        ([], {"token_budget": 8192, "one_row_per_forward": False}),
    ],
)
def test_the_record_says_whether_rows_shared_forward_passes(overrides, expected, configure, tiny_cb):
    [outcome] = train([configure(*tiny_cb, "trainer.epochs=1", *overrides)])
    assert outcome.record["evaluation"] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen", [["backbone=minilm"], ["backbone=smollm2", "encoder=none"]], ids=["minilm", "smollm2"]
)
def test_on_a_real_backbone_a_score_has_the_same_bits_beside_any_other_rows(chosen, assemble):
    tuner, data = assemble(check(compose([*chosen, COARSE, "task=cb", "data.max_rows=15", "trainer.device=cpu"])))
    spread_heads(tuner)
    whole, sizes = evaluated(tuner, data, range(8))
    assert set(sizes) == {1}
    assert evaluated(tuner, data, [5, 3, 0])[0] == {idx: whole[idx] for idx in evaluated(tuner, data, [5, 3, 0])[0]}
