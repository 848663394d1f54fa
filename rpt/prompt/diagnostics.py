"""What training made of a soft prompt: how far it moved, how much its encoder adds, which tokens it lies near.

Plain functions of matrices; nothing here trains, draws random numbers or runs a backbone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.prompt.soft_prompt import SoftPrompt

ROWS = 4096
"""Rows of the vocabulary that are looked at together: a copy of the whole table would double its memory."""

TINY = 1e-12
"""A row of zeros has no direction: it is divided by this instead of by its length."""

COLUMNS = ("prompt/norm", "prompt/drift", "prompt/gate")
"""What `movement` may name."""


def movement(
    prompt: SoftPrompt, start: Float[Tensor, "length hidden"], encoded: Float[Tensor, "length hidden"]
) -> dict[str, float]:
    """Three numbers of an encoded prompt, cheap enough for every evaluation.

    Args:
        prompt: Whose table and encoder gave `encoded`.
        start: The encoded prompt before the first step.
        encoded: The encoded prompt now, without dropout.

    Returns:
        `prompt/norm`, the mean length of a row; `prompt/drift`, |P' - P'_start| / |P'_start| over the whole matrix;
        and for an encoder with a skip connection `prompt/gate`, the mean of |phi(P)| / |P| over the virtual tokens.
    """
    start, encoded = _exact(start), _exact(encoded)
    numbers = {
        "prompt/norm": encoded.norm(dim=1).mean(),
        "prompt/drift": (encoded - start).norm() / start.norm(),
    }
    if (open_gates := gates(prompt, encoded)) is not None:
        numbers["prompt/gate"] = open_gates.mean()
    return {name: float(number) for name, number in numbers.items()}


def gates(prompt: SoftPrompt, encoded: Float[Tensor, "length hidden"]) -> Float[Tensor, " length"] | None:
    """|phi(P_i)| / |P_i| of each virtual token, float64; None for an encoder without a skip connection.

    With P' = P + phi(P) the update is what the encoded prompt has beside the table. Zero is plain prompt tuning.
    """
    if not getattr(prompt.encoder, "has_skip", False):
        return None
    table = _exact(prompt.table)
    ratio: Tensor = (_exact(encoded) - table).norm(dim=1) / table.norm(dim=1)
    return ratio


def row_norms(embedding: Float[Tensor, "vocab hidden"]) -> Float[Tensor, " vocab"]:
    """The length of each vocabulary row, float32, on the table's device."""
    return torch.cat([part.detach().float().norm(dim=1) for part in embedding.split(ROWS)])


def nearest(
    encoded: Float[Tensor, "length hidden"],
    embedding: Float[Tensor, "vocab hidden"],
    norms: Float[Tensor, " vocab"],
    count: int,
) -> tuple[Int64[Tensor, "length count"], Float[Tensor, "length count"]]:
    """The vocabulary rows whose direction is nearest to each virtual token's.

    Args:
        encoded: The encoded prompt.
        embedding: The backbone's input embeddings, in any dtype and on any device.
        norms: Their `row_norms`.
        count: How many for each virtual token, at most the vocabulary's size.

    Returns:
        Their ids and cosines, the nearest first, on the CPU. A row of zeros has cosine 0 with everything.
    """
    rows = F.normalize(encoded.detach().to(embedding.device, torch.float32), dim=1)
    ids = torch.empty(len(rows), 0, dtype=torch.int64, device=rows.device)
    cosines = torch.empty(len(rows), 0, device=rows.device)
    for first in range(0, len(embedding), ROWS):
        part = embedding.detach()[first : first + ROWS].float()
        found = rows @ part.T / norms[first : first + ROWS].clamp_min(TINY)  # [length, rows of this part]
        here = torch.arange(first, first + len(part), device=rows.device).expand(len(rows), -1)
        ids, cosines = torch.cat([ids, here], dim=1), torch.cat([cosines, found], dim=1)
        cosines, best = cosines.topk(min(count, cosines.shape[1]), dim=1)
        ids = ids.gather(1, best)
    return ids.cpu(), cosines.cpu()


def diagnose(
    prompt: SoftPrompt,
    start: Float[Tensor, "length hidden"],
    encoded: Float[Tensor, "length hidden"],
    embedding: Float[Tensor, "vocab hidden"],
    tokenizer: Any,
) -> dict[str, Any]:
    """All that is said of a trained prompt, as plain values for a JSON file.

    Args:
        prompt: Whose table and encoder gave `encoded`.
        start: The encoded prompt before the first step.
        encoded: The encoded prompt that is kept.
        embedding: The backbone's input embeddings.
        tokenizer: Its tokenizer, for the names of tokens.

    Returns:
        Lists with an entry for each virtual token: `nearest`, the five nearest tokens with their cosines; `norms`;
        `drift`, how far it moved, in lengths of its start; `gate`, null without a skip connection. And `vocab_norm`,
        mean, standard deviation and range of the vocabulary's row lengths, special and unused rows included.
    """
    norms = row_norms(embedding)
    ids, cosines = nearest(encoded, embedding, norms, count=5)
    norms = norms.double()
    before, now = _exact(start), _exact(encoded)
    open_gates = gates(prompt, encoded)
    return {
        "nearest": [
            [[name_of(tokenizer, one), cosine] for one, cosine in zip(*pair, strict=True)]
            for pair in zip(ids.tolist(), cosines.tolist(), strict=True)
        ],
        "norms": now.norm(dim=1).tolist(),
        "vocab_norm": {
            "mean": float(norms.mean()),
            "std": float(norms.std(correction=0)),
            "min": float(norms.min()),
            "max": float(norms.max()),
        },
        "drift": ((now - before).norm(dim=1) / before.norm(dim=1)).tolist(),
        "gate": None if open_gates is None else open_gates.tolist(),
    }


def name_of(tokenizer: Any, token: int) -> str:
    """A token as the vocabulary writes it; the rows that pad an embedding table have none and are called by number."""
    name = tokenizer.convert_ids_to_tokens(token) if token < len(tokenizer) else None
    return f"row {token}" if name is None else str(name)


def _exact(matrix: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
    """In float64 on the CPU, where sums have the same bits whatever trained the prompt."""
    return matrix.detach().cpu().double()
