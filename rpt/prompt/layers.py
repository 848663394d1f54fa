"""A linear layer and a LayerNorm with weights of their own for each virtual token."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5
"""Number that LayerNorm adds to the variance against a division by zero; the published code has the same value."""


class PerTokenLinear(nn.Module):
    """A linear layer with weights of its own for each virtual token: row x_i becomes `x_i W_i + b_i`.

    W_i and b_i are initialised as in `nn.Linear`, uniform between -1 / sqrt(inputs) and 1 / sqrt(inputs).
    """

    def __init__(self, length: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(length, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(length, outputs).uniform_(-bound, bound))

    def forward(self, rows: Float[Tensor, "length inputs"]) -> Float[Tensor, "length outputs"]:
        """Compute x_i W_i + b_i for each row i."""
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
    """Build a linear layer. If `shared`, all virtual tokens have the same weights, else each has weights of its own."""
    return nn.Linear(inputs, outputs) if shared else PerTokenLinear(length, inputs, outputs)


def norm(length: int, hidden: int, *, shared: bool) -> nn.Module:
    """Build a LayerNorm. If `shared`, all virtual tokens have the same weights, else each has weights of its own."""
    return nn.LayerNorm(hidden, eps=EPS) if shared else PerTokenLayerNorm(length, hidden)
