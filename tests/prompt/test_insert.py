"""Insertion against a naive loop over rows, for any lengths, runs and padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rpt.prompt.insert import insert

HIDDEN = 3


@dataclass
class Batch:
    prompts: list[Tensor]
    run: Tensor
    embeds: Tensor
    mask: Tensor
    at: int
    segments: Tensor


def make_batch(lengths: Sequence[int], runs: Sequence[int], tokens: Sequence[int], padding: int, at: int) -> Batch:
    """Prompts of these lengths, rows of these runs with so many tokens, all numbers different."""
    rng = torch.Generator().manual_seed(0)
    width = max(tokens) + padding
    return Batch(
        prompts=[torch.randn(n, HIDDEN, generator=rng, requires_grad=True) for n in lengths],
        run=torch.tensor(runs),
        embeds=torch.randn(len(runs), width, HIDDEN, generator=rng),
        mask=(torch.arange(width) < torch.tensor(tokens)[:, None]).long(),
        at=at,
        segments=torch.randint(0, 2, (len(runs), width), generator=rng),
    )


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    rows = draw(st.integers(1, 5))
    runs = draw(st.lists(st.integers(0, len(lengths) - 1), min_size=rows, max_size=rows))
    tokens = draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows))
    return make_batch(lengths, runs, tokens, padding=draw(st.integers(0, 2)), at=draw(st.integers(0, 2)))


def naive(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Row by row, by hand: the embeddings, the mask, where the text is, and the segments."""
    rows, texts, segments = [], [], []
    for b, k in enumerate(batch.run.tolist()):
        text = batch.embeds[b][batch.mask[b].bool()]
        head, prompt, tail = text[: batch.at], batch.prompts[k], text[batch.at :]
        rows.append(torch.cat([head, prompt, tail]))
        texts.append([1] * len(head) + [0] * len(prompt) + [1] * len(tail))
        types = batch.segments[b][batch.mask[b].bool()].tolist()
        segments.append(types[: batch.at] + [0] * len(prompt) + types[batch.at :])
    width = max(len(row) for row in rows)
    return (
        torch.stack([torch.cat([row, row.new_zeros(width - len(row), HIDDEN)]) for row in rows]),
        torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        torch.tensor([text + [0] * (width - len(text)) for text in texts]).bool(),
        torch.tensor([types + [0] * (width - len(types)) for types in segments]).long(),
    )


def gradients(embeds: Tensor, prompts: Sequence[Tensor]) -> list[Tensor]:
    direction = torch.randn(embeds.shape, generator=torch.Generator().manual_seed(1))
    loss = (embeds * direction).sum()
    if not loss.requires_grad:
        return [torch.zeros_like(prompt) for prompt in prompts]
    found = torch.autograd.grad(loss, prompts, allow_unused=True, materialize_grads=True)
    return list(found)


@settings(max_examples=200)
@given(batch=batches())
def test_insertion_equals_a_loop_over_rows(batch):
    ours = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at, batch.segments)
    embeds, mask, text, segments = naive(batch)
    assert torch.equal(ours.segments, segments.reshape(ours.segments.shape))
    assert torch.equal(ours.embeds, embeds)
    assert torch.equal(ours.mask, mask.reshape(ours.mask.shape))
    assert torch.equal(ours.text, text.reshape(ours.text.shape))
    for mine, loops in zip(gradients(ours.embeds, batch.prompts), gradients(embeds, batch.prompts), strict=True):
        torch.testing.assert_close(mine, loops, rtol=0, atol=1e-6)


@settings(max_examples=100)
@given(batch=batches())
def test_padding_stands_at_the_right_end_only(batch):
    ours = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    lengths = ours.mask.sum(dim=1)
    width = ours.mask.shape[1]
    assert torch.equal(ours.mask.bool(), torch.arange(width) < lengths[:, None])
    assert width == lengths.max()
    assert not ours.embeds[ours.mask == 0].any()
    assert torch.equal(ours.text.sum(dim=1), batch.mask.sum(dim=1))


@pytest.mark.parametrize("other", [3, 1, 5], ids=["same", "shorter", "longer"])
def test_a_runs_rows_and_gradient_are_those_it_has_alone(other):
    """The same bits beside prompts of the same, a shorter and a longer length."""
    batch = make_batch([3, other], runs=[1, 0, 1, 0, 0], tokens=[4, 2, 1, 4, 3], padding=1, at=1)
    prompt, mine = batch.prompts[0], batch.run == 0
    together = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    alone = insert([prompt], torch.zeros(3).long(), batch.embeds[mine], batch.mask[mine], batch.at)
    width = alone.mask.shape[1]
    assert torch.equal(together.embeds[mine, :width], alone.embeds)
    assert torch.equal(together.mask[mine, :width], alone.mask)
    assert torch.equal(together.text[mine, :width], alone.text)

    direction = torch.randn(alone.embeds.shape, generator=torch.Generator().manual_seed(1))
    (packed,) = torch.autograd.grad((together.embeds[mine, :width] * direction).sum(), prompt)
    (single,) = torch.autograd.grad((alone.embeds * direction).sum(), prompt)
    assert torch.equal(packed, single)


def test_a_run_that_diverged_does_not_reach_the_others():
    batch = make_batch([2, 2], runs=[0, 1], tokens=[3, 3], padding=0, at=0)
    with torch.no_grad():
        batch.prompts[1].fill_(torch.nan)
    ours = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    (gradient,) = torch.autograd.grad(ours.embeds[0].sum(), batch.prompts[0])
    assert ours.embeds[0].isfinite().all()
    assert gradient.isfinite().all()


def test_a_run_without_rows_is_left_out_of_the_graph_and_of_the_width():
    batch = make_batch([2, 9], runs=[0, 0], tokens=[3, 2], padding=4, at=0)
    ours = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    ours.embeds.sum().backward()
    assert ours.embeds.shape == (2, 5, HIDDEN)
    assert batch.prompts[1].grad is None


@pytest.mark.parametrize("lengths", [[2, 2], [2, 1]], ids=["one length", "mixed lengths"])
def test_the_result_has_the_texts_dtype_and_the_gradient_the_prompts(lengths):
    batch = make_batch(lengths, runs=[0, 1, 0], tokens=[3, 2, 1], padding=0, at=1)
    embeds = batch.embeds.bfloat16()
    ours = insert(batch.prompts, batch.run, embeds, batch.mask.bool(), batch.at)
    ours.embeds.float().sum().backward()
    assert ours.embeds.dtype == torch.bfloat16
    assert ours.mask.dtype == torch.int64
    assert batch.prompts[0].grad is not None
    assert batch.prompts[0].grad.dtype == torch.float32
    # Two rows of run 0, so the sum's gradient is 2 at each of its numbers.
    assert torch.equal(batch.prompts[0].grad, torch.full((2, HIDDEN), 2.0))


def test_the_prompt_stands_behind_the_first_token():
    """The docstring's picture, number by number: C is 1, words are 2, the prompts 7 and 8."""
    prompts = [torch.full((3, 1), 7.0), torch.full((1, 1), 8.0)]
    embeds = torch.tensor([[1, 2, 2, 2, 0], [1, 2, 2, 2, 2], [1, 2, 0, 0, 0]]).float()[..., None]
    ours = insert(prompts, torch.tensor([0, 1, 1]), embeds, embeds[..., 0] > 0, at=1)
    assert ours.embeds[..., 0].tolist() == [
        [1, 7, 7, 7, 2, 2, 2],
        [1, 8, 2, 2, 2, 2, 0],
        [1, 8, 2, 0, 0, 0, 0],
    ]
