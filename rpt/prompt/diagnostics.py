"""Diagnostics of a trained soft prompt: distance from its start, update of its encoder, and nearest tokens.

The functions take matrices. They neither train, nor draw random numbers, nor run a backbone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.prompt.soft_prompt import SoftPrompt

ROWS = 4096
"""Number of vocabulary rows that are compared at a time. A copy of the whole table would double its memory."""

TINY = 1e-12
"""Smallest divisor of a vocabulary row. A row of zeros has length 0 and is divided by this number."""

COLUMNS = ("prompt/norm", "prompt/drift", "prompt/gate")
"""The keys of the dictionary that `movement` returns."""


def movement(
    prompt: SoftPrompt, start: Float[Tensor, "length hidden"], encoded: Float[Tensor, "length hidden"]
) -> dict[str, float]:
    """Compute three numbers of an encoded prompt, which are cheap enough for every evaluation.

    Args:
        prompt: Soft prompt whose table and encoder gave `encoded`.
        start: Encoded prompt before the first step.
        encoded: Current encoded prompt, without dropout.

    Returns:
        `prompt/norm`, the mean length of a row; `prompt/drift`, |P' - P'_start| / |P'_start| over the whole matrix;
        and for an encoder with a skip connection `prompt/gate`, the mean of |phi(P)| / |P| over the virtual tokens.
    """
    numbers = {
        "prompt/norm": _exact(encoded).norm(dim=1).mean(),
        "prompt/drift": relative_distance(start, encoded),
    }
    means = {name: float(number) for name, number in numbers.items()}
    ratio = update_ratio(prompt, encoded)
    return means if ratio is None else {**means, "prompt/gate": ratio}


def relative_distance(start: Float[Tensor, "length hidden"], end: Float[Tensor, "length hidden"]) -> float:
    """Compute |end - start| / |start| over whole matrices, in float64."""
    start = _exact(start)
    return float((_exact(end) - start).norm() / start.norm())


def update_ratio(prompt: SoftPrompt, encoded: Float[Tensor, "length hidden"]) -> float | None:
    """Compute the mean of |phi(P)| / |P| over the virtual tokens; None for an encoder without a skip connection."""
    ratios = gates(prompt, encoded)
    return None if ratios is None else float(ratios.mean())


def gates(prompt: SoftPrompt, encoded: Float[Tensor, "length hidden"]) -> Float[Tensor, " length"] | None:
    """Compute |phi(P_i)| / |P_i| of each virtual token, in float64; None for an encoder without a skip connection.

    With P' = s (P + phi(P)) the update phi(P) is P' / s - P, where s is the scale of the prompt's unit. A ratio of 0 is
    plain prompt tuning.
    """
    if prompt.table is None or not getattr(prompt.encoder, "has_skip", False):
        return None
    table = _exact(prompt.table)
    ratio: Tensor = (_exact(encoded) / prompt.scale - table).norm(dim=1) / table.norm(dim=1)
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
        norms: The lengths of the embedding rows, from `row_norms`.
        count: Number of vocabulary rows for each virtual token, at most the size of the vocabulary.

    Returns:
        Token ids and cosines, the nearest first, on the CPU. A row of zeros has cosine 0 with every token.
    """
    rows = F.normalize(encoded.detach().to(embedding.device, torch.float32), dim=1)
    ids = torch.empty(len(rows), 0, dtype=torch.int64, device=rows.device)
    cosines = torch.empty(len(rows), 0, device=rows.device)
    for first in range(0, len(embedding), ROWS):
        part = embedding.detach()[first : first + ROWS].float()
        cosines_of_part = rows @ part.T / norms[first : first + ROWS].clamp_min(TINY)  # [length, rows of this part]
        here = torch.arange(first, first + len(part), device=rows.device).expand(len(rows), -1)
        ids, cosines = torch.cat([ids, here], dim=1), torch.cat([cosines, cosines_of_part], dim=1)
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
    """All diagnostics of a trained prompt, as plain values for a JSON file.

    Args:
        prompt: The soft prompt whose table and encoder gave `encoded`.
        start: The encoded prompt before the first step.
        encoded: The encoded prompt of the selected checkpoint.
        embedding: The backbone's input embeddings.
        tokenizer: The backbone's tokenizer, for the names of tokens.

    Returns:
        Lists with one entry for each virtual token. `nearest`: the five nearest tokens with their cosines. `norms`: its
        length. `drift`: the distance from its start, divided by the length of its start. `gate`: |phi(P)| / |P|; null
        without a skip connection. `vocab_norm` has mean, standard deviation and range of the lengths of all vocabulary
        rows, special and unused ones included.
    """
    norms = row_norms(embedding)
    ids, cosines = nearest(encoded, embedding, norms, count=5)
    norms = norms.double()
    before, now = _exact(start), _exact(encoded)
    open_gates = gates(prompt, encoded)
    return {
        "nearest": [
            [[name_of(tokenizer, token), cosine] for token, cosine in zip(*pair, strict=True)]
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
    """The name of a token in the vocabulary. A row that only pads the embedding table is called by its number."""
    name = tokenizer.convert_ids_to_tokens(token) if token < len(tokenizer) else None
    return f"row {token}" if name is None else str(name)


def _exact(matrix: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
    """The matrix in float64 on the CPU, so that sums have the same bits on every training device."""
    return matrix.detach().cpu().double()
