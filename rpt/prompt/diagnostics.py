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
"""Number of rows of the backbone's input embeddings that are compared at a time.

A float32 copy of all rows at once could double the memory that the embeddings take.
"""

TINY = 1e-12
"""Smallest divisor in a cosine, against a division by zero. An embedding of zeros has norm 0."""

COLUMNS = ("prompt/norm", "prompt/drift", "prompt/gate")
"""Keys of the dictionary that `movement` returns. `prompt/gate` is missing without a skip connection."""


def movement(
    prompt: SoftPrompt, start: Float[Tensor, "length hidden"], encoded: Float[Tensor, "length hidden"]
) -> dict[str, float]:
    """Measure the mean norm of the virtual tokens, the prompt's distance from its start, and the encoder's update.

    The numbers are cheap enough to be computed at every evaluation.

    Args:
        prompt: Soft prompt whose table and encoder gave `encoded`.
        start: Encoded prompt before the first step.
        encoded: Current encoded prompt, without dropout.

    Returns:
        Dictionary with the keys of `COLUMNS`, where P' is `encoded` and P'_start is `start`.

        - `prompt/norm`: mean norm of the rows of P'.
        - `prompt/drift`: |P' - P'_start| / |P'_start| over the whole matrices.
        - `prompt/gate`: mean size of the encoder's update, from `update_ratio`; missing without a skip connection.
    """
    numbers = {
        "prompt/norm": _exact(encoded).norm(dim=1).mean(),
        "prompt/drift": relative_distance(start, encoded),
    }
    means = {name: float(number) for name, number in numbers.items()}
    ratio = update_ratio(prompt, encoded)
    return means if ratio is None else {**means, "prompt/gate": ratio}


def relative_distance(start: Float[Tensor, "length hidden"], end: Float[Tensor, "length hidden"]) -> float:
    """Compute |end - start| / |start| in float64, where |.| is the root of the sum of all squared entries."""
    start = _exact(start)
    return float((_exact(end) - start).norm() / start.norm())


def update_ratio(prompt: SoftPrompt, encoded: Float[Tensor, "length hidden"]) -> float | None:
    """Compute the mean of `gates` over the virtual tokens; None for an encoder without a skip connection."""
    ratios = gates(prompt, encoded)
    return None if ratios is None else float(ratios.mean())


def gates(prompt: SoftPrompt, encoded: Float[Tensor, "length hidden"]) -> Float[Tensor, " length"] | None:
    """Compute the relative size of the encoder's update, |phi(P_i)| / |P_i|, for each virtual token, in float64.

    P_i is row i of the prompt's table, and phi(P_i) is the vector that the encoder adds to this row. The encoded prompt
    is P' = s (P + phi(P)), so that phi(P) is P' / s - P. s is the scale that `rpt.prompt.unit` defines. A ratio of 0
    means that the encoder changes nothing, as in plain prompt tuning.

    Returns:
        Ratio of each virtual token; None for an encoder without a skip connection.
    """
    if prompt.table is None or not getattr(prompt.encoder, "has_skip", False):
        return None
    table = _exact(prompt.table)
    ratio: Tensor = (_exact(encoded) / prompt.scale - table).norm(dim=1) / table.norm(dim=1)
    return ratio


def row_norms(embedding: Float[Tensor, "vocab hidden"]) -> Float[Tensor, " vocab"]:
    """Compute the norm of each row of the backbone's input embeddings, float32, on the device of the embeddings."""
    return torch.cat([part.detach().float().norm(dim=1) for part in embedding.split(ROWS)])


def nearest(
    encoded: Float[Tensor, "length hidden"],
    embedding: Float[Tensor, "vocab hidden"],
    norms: Float[Tensor, " vocab"],
    count: int,
) -> tuple[Int64[Tensor, "length count"], Float[Tensor, "length count"]]:
    """Find the tokens of the vocabulary whose embeddings have the highest cosine with each virtual token.

    Args:
        encoded: The encoded prompt.
        embedding: The backbone's input embeddings, in any dtype and on any device.
        norms: Norms of the embedding rows, from `row_norms`.
        count: Number of tokens to find for each virtual token, at most the size of the vocabulary.

    Returns:
        Token ids and cosines, highest cosine first, on the CPU. A virtual token of zeros has cosine 0 with every token.
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
    token_ids: Int64[Tensor, " vocab"] | None = None,
) -> dict[str, Any]:
    """Compute all diagnostics of a trained prompt, as plain values for a JSON file.

    Args:
        prompt: The soft prompt whose table and encoder gave `encoded`.
        start: The encoded prompt before the first step.
        encoded: The encoded prompt of the selected checkpoint.
        embedding: The backbone's input embeddings, or states of tokens before a later layer at which the prompt enters.
        tokenizer: The backbone's tokenizer, for the names of tokens.
        token_ids: Token id of each row of `embedding`; None if row i belongs to token i.

    Returns:
        Dictionary with these keys. All values but `vocab_norm` are lists with an entry for each virtual token.

        - `nearest`: the five tokens with the highest cosines, and these cosines.
        - `norms`: norm of the virtual token.
        - `drift`: distance from the virtual token before training, divided by the norm before training.
        - `gate`: relative size of the encoder's update, from `gates`; None without a skip connection.
        - `vocab_norm`: mean, standard deviation, minimum and maximum of the norms of all rows of `embedding`, with
          special and unused tokens.
    """
    norms = row_norms(embedding)
    ids, cosines = nearest(encoded, embedding, norms, count=5)
    ids = ids if token_ids is None else token_ids[ids]
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
    """Return the name of a token, such as `dog`; `row 30522` for an embedding that belongs to no token."""
    name = tokenizer.convert_ids_to_tokens(token) if token < len(tokenizer) else None
    return f"row {token}" if name is None else str(name)


def _exact(matrix: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
    """Return the matrix in float64 on the CPU, so that sums have the same bits on every training device."""
    return matrix.detach().cpu().double()
