"""A linear layer and a LayerNorm with weights of their own for each virtual token."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5
"""LayerNorm's guard against a division by zero, as in the published code."""


class PerTokenLinear(nn.Module):
    """One affine map per virtual token: row i gets `x_i W_i + b_i`.

    Each map is initialised as `nn.Linear` initialises its own, uniform within 1 / sqrt(inputs).
    """

    def __init__(self, length: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(length, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(length, outputs).uniform_(-bound, bound))

    def forward(self, rows: Float[Tensor, "length inputs"]) -> Float[Tensor, "length outputs"]:
        """Apply the i-th map to the i-th row."""
        return torch.einsum("li,lio->lo", rows, self.weight) + self.bias


class PerTokenLayerNorm(nn.Module):
    """LayerNorm over the hidden width, with a scale and a shift per virtual token."""

    def __init__(self, length: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(length, hidden))
        self.bias = nn.Parameter(torch.zeros(length, hidden))

    def forward(self, rows: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Normalise each row, then scale and shift it by its own weights."""
        return F.layer_norm(rows, rows.shape[-1:], eps=EPS) * self.weight + self.bias


def linear(length: int, inputs: int, outputs: int, *, shared: bool) -> nn.Module:
    """A linear layer for all virtual tokens, or one for each."""
    return nn.Linear(inputs, outputs) if shared else PerTokenLinear(length, inputs, outputs)


def norm(length: int, hidden: int, *, shared: bool) -> nn.Module:
    """A LayerNorm for all virtual tokens, or one for each."""
    return nn.LayerNorm(hidden, eps=EPS) if shared else PerTokenLayerNorm(length, hidden)
