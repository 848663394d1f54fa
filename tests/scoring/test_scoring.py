"""Scores of every backbone family and scorer do not depend on padding, other rows, or the order of choices."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rpt.config.check import check
from rpt.data.loaders import make_rows
from rpt.scoring.language import RankScorer
from rpt.scoring.predictions import Part, gather
from rpt.scoring.scorer import by_row
from rpt.training.placement import place_prompts
from tests.support.composed import compose

# Backbone, task and scorer of each case. Rows of COPA and ReCoRD have choices of their own.
SCORED = {
    "class head": ("tiny_bert", ["task=cb"]),
    "head per choice": ("tiny_bert", ["task=record", "data.max_rows=3"]),
    "seq2seq, rank": ("tiny_t5", ["task=record", "data.max_rows=3", "scorer=rank"]),
    "causal, rank": ("tiny_llama", ["task=copa", "scorer=rank"]),
    "causal, rank many": ("tiny_llama", ["task=record", "data.max_rows=3", "scorer=rank"]),
    "seq2seq, generate": ("tiny_t5", ["task=wsc", "scorer=generate"]),
    "causal, generate": ("tiny_llama", ["task=copa", "scorer=generate"]),
}
BY_CHOICE = ["head per choice", "seq2seq, rank", "causal, rank", "causal, rank many"]
CLOSE = {"rtol": 0, "atol": 1e-9}
ROWS = 6
each_way = pytest.mark.parametrize("way", SCORED)
quick = settings(max_examples=8)


@pytest.fixture(scope="module")
def scored(request, assemble):
    """Make, for a case of `SCORED`, a pack of two runs with different prompt lengths and its data."""
    known = {}

    def make(way):
        if way not in known:
            backbone, chosen = SCORED[way]
            shared = [*request.getfixturevalue(backbone), "backbone.dtype=float64", "data.max_rows=10", "init=normal"]
            own = (["prompt.length=3"], ["prompt.length=7", "seed=1"])
            tuner, data = assemble(*(check(compose([*shared, *chosen, *more])) for more in own))
            torch.manual_seed(1)
            for run in tuner.runs:
                if run.trainable.head is not None:  # a head of zeros would give every row the same score
                    torch.nn.init.normal_(run.trainable.head.linear.weight, std=0.5)
            known[way] = tuner, data
        return known[way]

    return make


def score(tuner, split, pairs, pad_id, extra=0):
    """Return the output of one forward pass for `(run, row)` pairs, with `extra` more padding tokens."""
    rows = make_rows(split, pairs, pad_id, [1] * len(pairs), with_choices=tuner.scorer.with_choices)
    wider = {
        name: F.pad(getattr(rows, name), (0, extra), value=pad_id if name in ("ids", "written") else 0)
        for name in ("ids", "mask", "segments", "written", "written_mask")
        if getattr(rows, name).numel()
    }
    with torch.no_grad():
        return tuner.score(replace(rows, **wider), [run.trainable.fold() for run in tuner.runs])


@pytest.fixture(scope="module")
def alone(scored):
    """Return, for a case of `SCORED`, the outputs by `(run, row)`, each from a forward pass of its own."""
    known = {}

    def make(way):
        if way not in known:
            tuner, data = scored(way)
            pairs = [(run, row) for run in (0, 1) for row in range(ROWS)]
            known[way] = {pair: score(tuner, data.reported, [pair], data.pad_id) for pair in pairs}
        return known[way]

    return make


@each_way
@quick
@given(
    pairs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, ROWS - 1)), min_size=1, max_size=8),
    extra=st.integers(0, 9),
)
def test_an_answer_depends_neither_on_padding_nor_on_the_other_rows(way, scored, alone, pairs, extra):
    (tuner, data), expected = scored(way), alone(way)
    output = score(tuner, data.reported, pairs, data.pad_id, extra)
    losses = torch.cat([expected[pair].losses for pair in pairs])
    torch.testing.assert_close(output.losses, losses, rtol=1e-9, atol=1e-9)
    if output.texts is not None:
        assert output.texts == [text for pair in pairs for text in expected[pair].texts]
    for scores, pair in zip(output.scores, pairs, strict=True):
        [single] = expected[pair].scores
        torch.testing.assert_close(scores[: len(single)], single, rtol=1e-9, atol=1e-9)
        assert bool((scores[len(single) :] == -torch.inf).all())


@each_way
def test_different_rows_and_prompts_have_different_answers(way, alone):
    # If all answers were equal, test_an_answer_depends_neither_on_padding_nor_on_the_other_rows could not fail.
    losses = torch.cat([output.losses for output in alone(way).values()]).reshape(2, ROWS)
    assert losses.std(dim=1).min() > 1e-3
    assert (losses[0] - losses[1]).abs().max() > 1e-3
    if "generate" in way:
        assert len({text for output in alone(way).values() for text in output.texts}) > 2


def permuted(split, orders):
    """Return a copy of a split in which the choices of each row have another order."""
    examples = [
        replace(example, choices=tuple(example.choices[at] for at in order), target=order.index(example.target))
        for example, order in zip(split.examples, orders, strict=True)
    ]
    inputs, choices, segments = (
        [[row[at] for at in order] if len(row) > 1 else row for row, order in zip(rows, orders, strict=True)]
        for rows in (split.inputs, split.choices, split.segments or split.inputs)
    )
    segments = segments if split.segments else ()
    return replace(split, examples=examples, inputs=inputs, choices=choices, segments=segments)


@pytest.mark.parametrize("way", BY_CHOICE)
@quick
@given(data=st.data())
def test_choices_in_another_order_have_the_same_scores_in_that_order(way, scored, data):
    tuner, rows = scored(way)
    split, pairs = rows.reported, [(0, row) for row in range(len(rows.reported))]
    orders = [data.draw(st.permutations(range(len(example.choices)))) for example in split.examples]
    reordered = permuted(split, orders)
    actual, expected = (score(tuner, each, pairs, rows.pad_id) for each in (reordered, split))
    for scores, expected_scores, order in zip(actual.scores, expected.scores, orders, strict=True):
        torch.testing.assert_close(scores[: len(order)], expected_scores[order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(actual.losses, expected.losses, rtol=1e-9, atol=1e-9)
    indices = torch.arange(len(pairs))
    predictions, expected_predictions = (
        gather(tuner.task, [Part(indices, part.examples, output)])
        for part, output in ((reordered, actual), (split, expected))
    )
    assert [answer.text for answer in predictions.answers] == [answer.text for answer in expected_predictions.answers]
    assert [answer.choice for answer in predictions.answers] == [
        order.index(answer.choice) for answer, order in zip(expected_predictions.answers, orders, strict=True)
    ]


def test_rows_of_one_forward_pass_may_have_different_numbers_of_choices(scored):
    for way in ("head per choice", "seq2seq, rank", "causal, rank many"):
        tuner, data = scored(way)
        counts = [len(example.choices) for example in data.reported.examples]
        assert len(set(counts)) > 1
        scores = score(tuner, data.reported, [(0, row) for row in range(len(counts))], data.pad_id).scores
        assert scores.shape == (len(counts), max(counts))
        assert scores.isfinite().sum(dim=1).tolist() == counts


@pytest.mark.parametrize("way", ["seq2seq, rank", "causal, rank"])
def test_length_normalised_scores_are_means_over_the_tokens_of_a_choice(way, scored, monkeypatch):
    tuner, data = scored(way)
    split, pairs = data.reported, [(1, row) for row in range(ROWS)]
    sums = score(tuner, split, pairs, data.pad_id).scores
    monkeypatch.setattr(tuner, "scorer", RankScorer(length_normalised=True))
    means = score(tuner, split, pairs, data.pad_id).scores
    lengths = [list(map(len, split.choices[row])) for row in range(ROWS)]
    assert len({length for row in lengths for length in row}) > 1
    for mean, total, counts in zip(means, sums, lengths, strict=True):
        torch.testing.assert_close(mean[: len(counts)] * torch.tensor(counts), total[: len(counts)], **CLOSE)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**31 - 1))
def test_scores_by_row_are_filled_up_with_minus_infinity(counts, seed):
    values = torch.randn(sum(counts), generator=torch.Generator().manual_seed(seed))
    row_of = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    table = by_row(values, row_of, len(counts))
    assert table.shape == (len(counts), max(counts))
    for line, part in zip(table, values.split(counts), strict=True):
        assert torch.equal(line[: len(part)], part)
        assert bool((line[len(part) :] == -torch.inf).all())


@pytest.mark.parametrize("way", ["seq2seq, rank", "causal, rank", "seq2seq, generate", "causal, generate"])
def test_the_training_loss_of_a_language_model_is_the_loss_of_the_right_text(way, scored):
    tuner, data = scored(way)
    split = data.reported
    rows = make_rows(split, [(0, row) for row in range(ROWS)], data.pad_id, [1] * ROWS)
    prompts = [run.trainable.fold() for run in tuner.runs]
    with torch.no_grad():
        inserted = place_prompts(tuner.backbone, rows, prompts, tuner.prompt_at)
        losses = tuner.scorer.losses(tuner.backbone, inserted, rows, [None, None])
    if tuner.scorer.with_choices:
        scores = score(tuner, split, [(0, row) for row in range(ROWS)], data.pad_id).scores
        expected = -scores[torch.arange(ROWS), rows.target]
    else:
        expected = score(tuner, split, [(0, row) for row in range(ROWS)], data.pad_id).losses
    torch.testing.assert_close(losses, expected, rtol=1e-9, atol=1e-9)


def test_a_language_model_has_no_head(scored):
    tuner, _ = scored("causal, rank")
    assert [run.trainable.head for run in tuner.runs] == [None, None]


def test_t5_computes_keys_and_values_of_a_source_once_for_all_its_choices(scored):
    tuner, data = scored("seq2seq, rank")
    attention = tuner.backbone.model.get_decoder().block[-1].layer[1].EncDecAttention
    sources = []
    hooks = [
        projection.register_forward_hook(lambda _, inputs, __: sources.append(len(inputs[0])))
        for projection in (attention.k, attention.v)
    ]
    result = score(tuner, data.reported, [(0, row) for row in range(ROWS)], data.pad_id)
    for hook in hooks:
        hook.remove()
    assert sources == [ROWS, ROWS]
    assert int(torch.isfinite(result.scores).sum()) > ROWS  # there are more choices than sources
