"""Attention masks in the form that a model of transformers adds unchanged to its attention scores."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def additive(seen: Bool[Tensor, "rows new all"], dtype: torch.dtype) -> Float[Tensor, "rows 1 new all"]:
    """Convert a mask to a bias for attention scores: 0 where it is true, else the lowest finite number of the dtype.

    A finite number keeps the softmax defined for a slot that attends to no slot.
    """
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
