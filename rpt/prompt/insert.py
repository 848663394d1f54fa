"""Give each text of a batch the soft prompt of its run. The rows of a batch may belong to several runs.

`insert` puts prompts among the embeddings of the texts. `attend` turns prefixes into the keys and values that the texts
attend to in every layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor
from torch.nn import functional as F

from rpt.backbones.lines import Written
from rpt.backbones.text_cache import Context

Prompt: TypeAlias = Float[Tensor, "_ hidden"] | Float[Tensor, "_ _ hidden"]
"""Encoded prompt of a run: one matrix for all its texts, or one matrix for each of its texts."""


@dataclass(frozen=True)
class Inserted:
    """A batch with inserted prompts.

    Attributes:
        embeds: Prompt and text embeddings in the backbone's dtype, or hidden states if the prompt enters before a later
            layer; padding holds zeros.
        mask: 1 at prompt and text, 0 at padding.
        text: True at text tokens, false at prompt and padding.
        segments: Segment (token type id) of each position; 0 at prompt and padding.
        context: Keys and values in front of `embeds`: prefixes, or for a decoder the text if the prompt is behind the
            text. For a prompt before a later layer of a decoder, states of the answers. None in all other cases.
    """

    embeds: Float[Tensor, "batch width hidden"]
    mask: Int64[Tensor, "batch width"]
    text: Bool[Tensor, "batch width"]
    segments: Int64[Tensor, "batch width"]
    context: Context | Written | None = None

    def padded(self, width: int) -> "Inserted":
        """Return a copy whose rows have more padding at their right end, up to a width."""
        more = (0, width - self.mask.shape[1])
        embeds = F.pad(self.embeds, (0, 0, *more))
        return Inserted(embeds, F.pad(self.mask, more), F.pad(self.text, more), F.pad(self.segments, more))


def insert(
    prompts: Sequence[Prompt],
    run: Int64[Tensor, " batch"],
    embeds: Float[Tensor, "batch tokens hidden"],
    mask: Int[Tensor, "batch tokens"] | Bool[Tensor, "batch tokens"],
    at: int,
    segments: Int64[Tensor, "batch tokens"] | None = None,
    index_in_run: Int64[Tensor, " batch"] | None = None,
) -> Inserted:
    """Put prompt `run[b]` before text position `at` of row b, for every row of the batch.

    With `at` = 1, C for [CLS], p for a prompt row, w for a word and . for padding::

        row of run 0 (3 rows)   C w w w .        C p p p w w w
        row of run 1 (1 row)    C w w w w   ->   C p w w w w .
        row of run 1 (1 row)    C w . . .        C p w . . . .

    Padding is at the right end of a row only. The width of the batch is the length of its longest row. A
    row's values and the gradients of its prompt do not depend on the other runs in the batch.

    Args:
        prompts: Encoded prompt of each run: a matrix, or a matrix for each text of the run. The lengths may differ. A
            matrix of 0 rows means no prompt.
        run: Index of the prompt for each row of the batch.
        embeds: Text embeddings, right-padded.
        mask: 1 at text, 0 at padding.
        at: Text position before which the prompt is put: 0 for the start of the text, 1 for the place behind [CLS].
            The prompt is put at the end of a text that has fewer tokens.
        segments: Segment (token type id) of each text token; None means segment 0.
        index_in_run: Number of each row's matrix among the matrices of its run; None if each run has a single matrix.
    """
    prompt, is_prompt = _one_per_row(prompts, run, embeds.dtype, index_in_run)
    is_text = mask.bool()
    # Segment plus one at text tokens, 0 at prompt and padding.
    types = is_text.long() if segments is None else (segments + 1) * is_text
    joined = torch.cat([embeds[:, :at], prompt, embeds[:, at:]], dim=1)
    keep = torch.cat([is_text[:, :at], is_prompt, is_text[:, at:]], dim=1)
    types = torch.cat([types[:, :at], torch.zeros_like(is_prompt, dtype=torch.long), types[:, at:]], dim=1)

    has_gap = (keep[:, 1:] > keep[:, :-1]).any()
    width, gaps = torch.stack([keep.sum(dim=1).max(), has_gap]).tolist()  # both numbers in one transfer
    if gaps:  # prompts of several lengths: close the gaps behind the shorter prompts
        order = (~keep).byte().argsort(dim=1, stable=True)[:, :width]
        joined = joined.take_along_dim(order[..., None], dim=1)  # [batch, width, hidden]
        keep, types = keep.take_along_dim(order, dim=1), types.take_along_dim(order, dim=1)

    keep, types = keep[:, :width], types[:, :width]
    filled = joined[:, :width].masked_fill(~keep[..., None], 0)
    return Inserted(embeds=filled, mask=keep.long(), text=types > 0, segments=(types - 1).clamp(min=0))


def attend(
    prefixes: Sequence[Float[Tensor, "_ hidden"]],
    run: Int64[Tensor, " batch"],
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
) -> Context | None:
    """Give prefix `run[b]` to row b as keys and values, for every row of the batch; None if no row has a prefix.

    Shorter prefixes are padded on the left, so that each prefix ends where its text begins. T5's decoder needs this,
    because its attention bias depends on the distance between two tokens.

    Args:
        prefixes: Prefix of each run. A matrix of 0 rows means no prefix.
        run: Index of the prefix for each row of the batch.
        shape: Sizes of the keys and values of one token: layers, 2 for key and value, heads, and the size of a head.
        dtype: Dtype of the backbone.
    """
    rows, is_prefix = _one_per_row(prefixes, run, dtype, None, on_the_left=True)
    if rows.shape[1] == 0:
        return None
    states = rows.unflatten(2, shape).permute(0, 2, 3, 4, 1, 5)  # [batch, layers, 2, heads, longest, size]
    return Context(states, is_prefix.long())


def _one_per_row(
    prompts: Sequence[Prompt],
    run: Int64[Tensor, " batch"],
    dtype: torch.dtype,
    index_in_run: Int64[Tensor, " batch"] | None,
    *,
    on_the_left: bool = False,
) -> tuple[Float[Tensor, "batch longest hidden"], Bool[Tensor, "batch longest"]]:
    """Return each row's prompt, padded with zeros to the longest prompt, and a mask that is false at padding.

    Prompts are padded on the right, or `on_the_left`.

    A prompt is copied to its rows by `expand`. The gradient of `expand` is a sum over the run's rows in their order. It
    has the same bits at every repetition and with any other runs in the batch. The gradient of an indexed lookup has no
    fixed order. The copies are cast to `dtype` after `expand`, so that the sum has the precision of the prompt. A
    matrix that belongs to a single text is not copied, so that its gradient is no sum.
    """
    counts = torch.bincount(run, minlength=len(prompts)).tolist()
    order = run.argsort(stable=True)  # the rows grouped by run
    owned = order.split(counts) if index_in_run is None else index_in_run[order].split(counts)
    used = [(prompt, own) for prompt, own in zip(prompts, owned, strict=True) if len(own)]
    longest = max(prompt.shape[-2] for prompt, _ in used)
    missing = [longest - prompt.shape[-2] for prompt, _ in used]
    sides = [(count, 0) if on_the_left else (0, count) for count in missing]
    padded = [(F.pad(prompt, (0, 0, *side)), own) for (prompt, own), side in zip(used, sides, strict=True)]
    rows = torch.cat([_of_rows(prompt, own) for prompt, own in padded]).to(dtype)
    if len(used) > 1:  # put the rows in the batch's order
        rows = rows.index_select(0, order.argsort())

    lengths = torch.tensor([prompt.shape[-2] for prompt in prompts], device=run.device)[run]  # [batch]
    slots = torch.arange(longest, device=run.device)
    return rows, (longest - 1 - slots if on_the_left else slots) < lengths[:, None]


def _of_rows(prompt: Prompt, numbers: Int64[Tensor, " own"]) -> Float[Tensor, "own length hidden"]:
    """Return the matrix of each of a run's rows: copies of the only matrix, or the matrices with given numbers."""
    return prompt.expand(len(numbers), -1, -1) if prompt.ndim == 2 else prompt.index_select(0, numbers)
