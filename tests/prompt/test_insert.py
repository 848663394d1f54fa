"""Insertion of prompts is compared with a simple loop over rows, for any lengths, runs and padding."""

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
    """Make a batch of random numbers.

    Args:
        lengths: Length of each run's prompt.
        runs: Run of each row.
        tokens: Number of text tokens of each row.
        padding: Number of padding tokens after the longest text.
        at: Number of text tokens before the prompt.
    """
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


def inserted_row_by_row(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the embeddings, the mask, the mask of the text, and the segments in a loop over rows."""
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
    return list(torch.autograd.grad(loss, prompts, allow_unused=True, materialize_grads=True))


@settings(max_examples=200)
@given(batch=batches())
def test_insertion_equals_a_loop_over_rows(batch):
    inserted = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at, batch.segments)
    embeds, mask, text, segments = inserted_row_by_row(batch)
    assert torch.equal(inserted.segments, segments.reshape(inserted.segments.shape))
    assert torch.equal(inserted.embeds, embeds)
    assert torch.equal(inserted.mask, mask.reshape(inserted.mask.shape))
    assert torch.equal(inserted.text, text.reshape(inserted.text.shape))
    actual, expected = gradients(inserted.embeds, batch.prompts), gradients(embeds, batch.prompts)
    for gradient, expected_gradient in zip(actual, expected, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-6)


@settings(max_examples=100)
@given(batch=batches())
def test_padding_is_only_at_the_right_end(batch):
    inserted = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    lengths = inserted.mask.sum(dim=1)
    width = inserted.mask.shape[1]
    assert torch.equal(inserted.mask.bool(), torch.arange(width) < lengths[:, None])
    assert width == lengths.max()
    assert not inserted.embeds[inserted.mask == 0].any()
    assert torch.equal(inserted.text.sum(dim=1), batch.mask.sum(dim=1))


@pytest.mark.parametrize("other", [3, 1, 5], ids=["same", "shorter", "longer"])
def test_rows_and_gradient_of_a_run_do_not_depend_on_the_length_of_another_prompt(other):
    batch = make_batch([3, other], runs=[1, 0, 1, 0, 0], tokens=[4, 2, 1, 4, 3], padding=1, at=1)
    prompt, rows = batch.prompts[0], batch.run == 0
    packed = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    alone = insert([prompt], torch.zeros(3).long(), batch.embeds[rows], batch.mask[rows], batch.at)
    width = alone.mask.shape[1]
    assert torch.equal(packed.embeds[rows, :width], alone.embeds)
    assert torch.equal(packed.mask[rows, :width], alone.mask)
    assert torch.equal(packed.text[rows, :width], alone.text)

    direction = torch.randn(alone.embeds.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((packed.embeds[rows, :width] * direction).sum(), prompt)
    (gradient_alone,) = torch.autograd.grad((alone.embeds * direction).sum(), prompt)
    assert torch.equal(gradient, gradient_alone)


def test_a_run_that_diverged_does_not_change_the_others():
    batch = make_batch([2, 2], runs=[0, 1], tokens=[3, 3], padding=0, at=0)
    with torch.no_grad():
        batch.prompts[1].fill_(torch.nan)
    inserted = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    (gradient,) = torch.autograd.grad(inserted.embeds[0].sum(), batch.prompts[0])
    assert inserted.embeds[0].isfinite().all()
    assert gradient.isfinite().all()


def test_the_prompt_of_a_run_without_rows_has_no_gradient_and_does_not_widen_the_batch():
    batch = make_batch([2, 9], runs=[0, 0], tokens=[3, 2], padding=4, at=0)
    inserted = insert(batch.prompts, batch.run, batch.embeds, batch.mask, batch.at)
    inserted.embeds.sum().backward()
    assert inserted.embeds.shape == (2, 5, HIDDEN)
    assert batch.prompts[1].grad is None


@pytest.mark.parametrize("lengths", [[2, 2], [2, 1]], ids=["one length", "mixed lengths"])
def test_the_result_has_the_dtype_of_the_text_and_the_gradient_that_of_the_prompt(lengths):
    batch = make_batch(lengths, runs=[0, 1, 0], tokens=[3, 2, 1], padding=0, at=1)
    embeds = batch.embeds.bfloat16()
    inserted = insert(batch.prompts, batch.run, embeds, batch.mask.bool(), batch.at)
    inserted.embeds.float().sum().backward()
    assert inserted.embeds.dtype == torch.bfloat16
    assert inserted.mask.dtype == torch.int64
    assert batch.prompts[0].grad is not None
    assert batch.prompts[0].grad.dtype == torch.float32
    # Run 0 has two rows, so that the gradient of the sum is 2 for each number of its prompt.
    assert torch.equal(batch.prompts[0].grad, torch.full((2, HIDDEN), 2.0))


def test_the_prompt_is_inserted_after_the_first_token():
    """The batch is that of the docstring of `insert`: [CLS] is 1, words are 2, and the prompts are 7 and 8."""
    prompts = [torch.full((3, 1), 7.0), torch.full((1, 1), 8.0)]
    embeds = torch.tensor([[1, 2, 2, 2, 0], [1, 2, 2, 2, 2], [1, 2, 0, 0, 0]]).float()[..., None]
    inserted = insert(prompts, torch.tensor([0, 1, 1]), embeds, embeds[..., 0] > 0, at=1)
    assert inserted.embeds[..., 0].tolist() == [
        [1, 7, 7, 7, 2, 2, 2],
        [1, 8, 2, 2, 2, 2, 0],
        [1, 8, 2, 0, 0, 0, 0],
    ]
