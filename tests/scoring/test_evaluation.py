"""The answer to a row does not depend on the other rows of the evaluation."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rpt.backbones.frozen import choose_dtype
from rpt.backbones.language import LanguageModel
from rpt.config.check import check
from rpt.data.evaluation import (
    CACHED_TOKENS,
    CACHED_WIDTH_STEP,
    EVALUATION_TOKENS,
    FIXED_TOKENS,
    WIDTH_STEP,
    EvalPasses,
    choose_mixed_passes,
    plan_passes,
)
from rpt.prompt.insert import insert
from rpt.runs import train
from tests.support.composed import compose

SCORED = {
    "class head": ("tiny_bert", ["task=cb", "data.max_rows=15"]),
    "head per choice": ("tiny_bert", ["task=record", "data.max_rows=4", "backbone.text_limit=400"]),
    "seq2seq, rank": ("tiny_t5", ["task=record", "data.max_rows=4"]),
    "causal, rank": ("tiny_llama", ["task=copa", "data.max_rows=12"]),
    "causal, behind cached texts": ("tiny_llama", ["task=cb", "data.max_rows=40", "backbone.prompt_at=end"]),
    "causal, own choices behind texts": (
        "tiny_llama",
        ["task=copa", "data.max_rows=12", "backbone.prompt_at=end"],
    ),
    "causal, generate": ("tiny_llama", ["task=copa", "data.max_rows=8", "scorer=generate"]),
}
ROUNDING = 5e-5  # rounding error of float32 in log-likelihoods of up to a hundred nats
BFLOAT16 = "backbone.dtype=bfloat16"


def evaluated(tuner, data, order):
    """Evaluate reported rows in an order; return the answers by idx, and the shapes of the forward passes.

    A forward pass of a fixed shape may be filled up with copies of a row. All copies must have the same answer.
    """
    split, order = data.reported, list(order)
    lists = {
        name: [getattr(split, name)[row] for row in order] for name in ("examples", "inputs", "outputs", "choices")
    }
    segments = [split.segments[row] for row in order] if split.segments else ()
    part = replace(split, **lists, segments=segments)
    prompts = [run.trainable.fold() for run in tuner.runs]
    found, shapes = {}, set()
    for rows in data.evaluation(part, lambda: [True]):
        shapes.add((len(rows), rows.width))
        with torch.no_grad():
            output = tuner.score(rows, prompts)
        for position, row in enumerate(rows.row.tolist()):
            text = None if output.texts is None else output.texts[position]
            scores = output.scores[position][output.scores[position] > -torch.inf].tolist()
            answer = (scores, float(output.losses[position]), text)
            assert found.setdefault(part.examples[row].idx, answer) == answer
    return found, shapes


def randomize_heads(tuner):
    """Add random numbers to weights that start at zero: heads, and the updates of encoders that change the text."""
    torch.manual_seed(1)
    for run in tuner.runs:
        if run.trainable.needs_texts:
            for parameter in run.trainable.prompt.parameters():
                parameter.data.add_(0.5 * torch.randn_like(parameter))
        if run.trainable.head is not None:
            torch.nn.init.normal_(run.trainable.head.linear.weight, std=0.5)


def expected_shapes(tuner, data, prompt_length):
    """Return the shapes of forward passes in bfloat16, as number of rows and width.

    The shape of a forward pass follows from each of its rows, without the other rows.
    """
    if data.eval_passes == EvalPasses(1):
        assert isinstance(tuner.backbone, LanguageModel)
        return {(1, None)}
    if max(map(len, data.reported.inputs)) > 1:  # rows with a text for each choice
        return {(1, None)}
    step, budget = (CACHED_WIDTH_STEP, CACHED_TOKENS) if tuner.prompt_at is None else (WIDTH_STEP, FIXED_TOKENS)
    widths = {-(-(prompt_length + length) // step) * step for length in data.reported.lengths}
    assert max(budget // width for width in widths) > 1
    return {(budget // width, width) for width in widths}


@pytest.mark.parametrize(
    ("way", "encoder"),
    [
        *((way, "residual") for way in SCORED),
        *(("class head", encoder) for encoder in ("smop", "adept", "dept")),
        *((way, "smop") for way in ("head per choice", "seq2seq, rank", "causal, behind cached texts")),
    ],
)
def test_in_bfloat16_the_bits_of_a_score_do_not_depend_on_other_rows(way, encoder, request, assemble):
    backbone, chosen = SCORED[way]
    own = [*chosen, BFLOAT16, "prompt.length=3", f"encoder={encoder}"]
    tuner, data = assemble(check(compose([*request.getfixturevalue(backbone), *own])))
    randomize_heads(tuner)
    assert tuner.backbone.dtype == torch.bfloat16
    count = len(data.reported)
    whole, shapes = evaluated(tuner, data, range(count))
    assert shapes == expected_shapes(tuner, data, 3)
    assert len({str(answer) for answer in whole.values()}) > 1
    assert evaluated(tuner, data, reversed(range(count)))[0] == whole
    few, _ = evaluated(tuner, data, [2, 0])
    assert few == {idx: whole[idx] for idx in few}
    assert len(few) == 2


@pytest.mark.parametrize("way", ["class head", "seq2seq, rank", "causal, rank"])
def test_in_float32_other_rows_and_the_token_budget_change_a_score_only_by_rounding(way, request, assemble):
    backbone, chosen = SCORED[way]
    tuner, data = assemble(check(compose([*request.getfixturevalue(backbone), *chosen, "prompt.length=3"])))
    randomize_heads(tuner)
    assert data.eval_passes == EvalPasses(EVALUATION_TOKENS["cpu"])
    count = len(data.reported)
    whole, shapes = evaluated(tuner, data, range(count))
    assert max(shapes)[0] > 1
    for data.eval_passes in (EvalPasses(1), EvalPasses(500), EvalPasses(8192)):
        found, _ = evaluated(tuner, data, reversed(range(count)))
        for idx, (scores, loss, _) in whole.items():
            assert found[idx][0] == pytest.approx(scores, abs=ROUNDING)
            assert found[idx][1] == pytest.approx(loss, abs=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([BFLOAT16], (FIXED_TOKENS, False, True)),
        ([BFLOAT16, "trainer.eval_token_budget=1"], (1, True, False)),
        ([BFLOAT16, "trainer.eval_token_budget=900"], (900, False, False)),
        ([], (8192, False, False)),
    ],
)
def test_the_record_holds_whether_rows_shared_forward_passes(overrides, expected, configure, tiny_cb):
    [outcome] = train([configure(*tiny_cb, "trainer.epochs=1", *overrides)])
    names = ("token_budget", "one_row_per_forward", "fixed_shapes")
    assert outcome.record.evaluation.model_dump(exclude_none=True) == dict(zip(names, expected, strict=True))
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    assert len({json.loads(line)["idx"] for line in lines}) == len(lines) == 20


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], 1024),
        ([BFLOAT16], FIXED_TOKENS),
        (["trainer.eval_token_budget=1"], 1),
        (["trainer.eval_token_budget=9000"], 9000),
    ],
)
def test_answers_of_several_runs_have_smaller_passes_unless_their_size_is_set(overrides, expected, configure):
    assert choose_mixed_passes(configure(*overrides)).token_budget == expected


@given(lengths=st.lists(st.integers(1, 700), min_size=1, max_size=40), data=st.data())
def test_the_shape_of_a_fixed_forward_pass_follows_from_each_of_its_rows(lengths, data):
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(lengths), max_size=len(lengths)))
    passes = EvalPasses(FIXED_TOKENS, has_fixed_shapes=True, max_width=700)
    plan = plan_passes(passes, lengths, counts)
    assert {row for forward in plan for row in forward.rows} == set(range(len(lengths)))
    for rows, width in plan:
        for row in rows:
            [alone] = plan_passes(passes, [lengths[row]], [counts[row]])
            assert (len(alone.rows), alone.width) == (len(rows), width)
            assert counts[row] > 1 or lengths[row] <= width <= 700


def test_a_text_that_is_padded_to_a_fixed_width_keeps_its_values():
    embeds, mask = torch.randn(2, 3, 4), torch.tensor([[1, 1, 1], [1, 0, 0]])
    segments = torch.tensor([[0, 0, 1], [0, 0, 0]])
    narrow = insert([torch.randn(2, 4)], torch.tensor([0, 0]), embeds, mask, 1, segments)
    wide = narrow.padded(8)
    for name in ("embeds", "mask", "text", "segments"):
        value = getattr(wide, name)
        assert value.shape[1] == 8
        assert torch.equal(value[:, :5], getattr(narrow, name))
        assert not value[:, 5:].any()


has_bfloat16 = choose_dtype("auto", torch.device("cpu")) == torch.bfloat16
needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16, reason="this CPU emulates bfloat16, which takes a quarter of an hour"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [
        ["backbone=minilm"],
        pytest.param(["backbone=smollm2", "encoder=none"], marks=needs_bfloat16),
        pytest.param(["backbone=smollm2", "backbone.prompt_at=end"], marks=needs_bfloat16),
    ],
    ids=["minilm", "smollm2", "smollm2, behind cached texts"],
)
def test_with_a_real_backbone_the_bits_of_a_score_do_not_depend_on_other_rows(chosen, assemble):
    tuner, data = assemble(check(compose([*chosen, BFLOAT16, "task=cb", "data.max_rows=15", "trainer.device=cpu"])))
    randomize_heads(tuner)
    whole, shapes = evaluated(tuner, data, range(8))
    assert shapes <= expected_shapes(tuner, data, data.prompt_lengths[0])
    for order in ([5, 3, 0], [7, 6, 5, 4, 3, 2, 1, 0], [2, 1]):
        answers, _ = evaluated(tuner, data, order)
        assert answers == {idx: whole[idx] for idx in answers}
        assert len(answers) == len(order)
