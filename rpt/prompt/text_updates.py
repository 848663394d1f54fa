"""Add the updates of encoders that change the text to a batch of embedded texts, whose rows may be of several runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from rpt.prompt.text_prompt import EncodedPrompt


def add_updates(
    prompts: Sequence[EncodedPrompt],
    run: Int64[Tensor, " batch"],
    ids: Int64[Tensor, "batch tokens"],
    embeds: Float[Tensor, "batch tokens hidden"],
) -> Float[Tensor, "batch tokens hidden"]:
    """Add to each text the token and position updates of its run.

    The sum is computed in the precision of the updates. The result has the dtype of the embeddings. The values at
    padding have no meaning.

    Args:
        prompts: Output of each run's encoder for the texts of the batch.
        run: Index of the prompt for each text.
        ids: Token ids of the texts.
        embeds: Embeddings of the texts.
    """
    if not any(prompt.has_updates for prompt in prompts):
        return embeds
    order = run.argsort(stable=True)  # the texts grouped by run
    counts = torch.bincount(run, minlength=len(prompts)).tolist()
    groups = zip(prompts, ids.index_select(0, order).split(counts), strict=True)
    updates = torch.cat([_updates(prompt, own, embeds) for prompt, own in groups if len(own)])
    return (embeds + updates.index_select(0, order.argsort())).to(embeds.dtype)


def _updates(
    prompt: EncodedPrompt, ids: Int64[Tensor, "own tokens"], embeds: Float[Tensor, "batch tokens hidden"]
) -> Float[Tensor, "own tokens hidden"]:
    """Return the sum of the updates of one run for its own texts; zeros for a run without updates."""
    dtype = prompt.prompt.dtype
    updates = torch.zeros(*ids.shape, embeds.shape[2], dtype=dtype, device=embeds.device)
    if prompt.token_updates is not None and prompt.token_ids is not None:
        # The gradient of `embedding` adds up in a fixed order on a CPU; the gradient of an indexed lookup does not.
        updates = updates + F.embedding(torch.searchsorted(prompt.token_ids, ids), prompt.token_updates)
    if prompt.position_updates is not None:
        rows = prompt.position_updates[: ids.shape[1]]
        updates = updates + F.pad(rows, (0, 0, 0, ids.shape[1] - len(rows))).expand(len(ids), -1, -1)
    return updates
