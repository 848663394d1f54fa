"""Variants of the residual encoder: a gate on its update, several blocks, several widths.

`phi` is the network of `rpt.prompt.encoders.MLP`, `phi(P) = LayerNorm(dropout(W_up act(W_down P + b_down) + b_up))`.
Each class adds updates to a table P [length, hidden], whose rows are the virtual tokens. The letters of phi are
explained at `rpt.prompt.encoders.Residual`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.config.options import Activation, Finite, PositiveInt, Probability
from rpt.prompt import layers
from rpt.prompt.encoders import ACTIVATIONS, MLP


class Gated(nn.Module):
    """A residual encoder with a trained gate on its update: `P' = P + g * phi(P)`.

    P is the table [length, hidden], P' the prompt, phi the residual encoder's network, and g [hidden] one trained
    number for each dimension, which multiplies this dimension of every row. All g start at `gate`. A small start keeps
    the first prompt near the table, although LayerNorm gives phi(P) rows of unit variance. With `gate: 1.0` training
    starts from the residual encoder.

    Source: ReZero (arXiv 2003.04887), which trains one number for each layer and starts it at 0. A gate of 0 lets no
    gradient reach phi in the first step. Our gate therefore starts at 0.1, and it has one number for each dimension.

    Examples:
        >>> import torch
        >>> options = {"bottleneck_dim": 2, "activation": "relu", "layer_norm": True, "dropout": 0.0, "shared": True}
        >>> encoder = Gated(length=4, hidden=8, gate=0.1, **options)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    has_skip = True

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        bottleneck_dim: PositiveInt,
        activation: Activation,
        layer_norm: bool,
        dropout: Probability,
        shared: bool,
        gate: Finite,
    ) -> None:
        super().__init__()
        self.phi = MLP(
            length=length,
            hidden=hidden,
            bottleneck_dim=bottleneck_dim,
            activation=activation,
            layer_norm=layer_norm,
            dropout=dropout,
            shared=shared,
        )
        self.gate = nn.Parameter(torch.full((hidden,), gate))

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Compute P + g * phi(P)."""
        update: Tensor = self.phi(prompt)
        return prompt + self.gate * update


class Stacked(nn.Module):
    """Residual blocks one after the other: `P_0 = P`, `P_l = P_(l-1) + phi_l(P_(l-1))`, `P' = P_L`.

    P is the table [length, hidden], P' the prompt, L the number of blocks, and phi_l the network of block l with
    weights of its own. One block is the residual encoder.

    Source: Residual Prompt Tuning (arXiv 2305.03937), section 3, for one block. Several blocks are our extension;
    the paper reports no depth other than 1.

    Examples:
        >>> import torch
        >>> options = {"bottleneck_dim": 2, "activation": "relu", "layer_norm": True, "dropout": 0.0, "shared": True}
        >>> encoder = Stacked(length=4, hidden=8, num_blocks=2, **options)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    has_skip = True

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        num_blocks: PositiveInt,
        bottleneck_dim: PositiveInt,
        activation: Activation,
        layer_norm: bool,
        dropout: Probability,
        shared: bool,
    ) -> None:
        super().__init__()
        blocks = [
            MLP(
                length=length,
                hidden=hidden,
                bottleneck_dim=bottleneck_dim,
                activation=activation,
                layer_norm=layer_norm,
                dropout=dropout,
                shared=shared,
            )
            for _ in range(num_blocks)
        ]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Add the update of each block to the output of the block before it."""
        for block in self.blocks:
            prompt = prompt + block(prompt)
        return prompt


class Inception(nn.Module):
    """Three parallel bottlenecks of different widths, and a skip connection.

    `P' = P + LayerNorm(dropout(sum over i of W_up_i act(W_down_i P + b_down_i) + b_up_i))`

    P is the table [length, hidden] and P' the prompt. W_down_i [hidden, width i] and W_up_i [width i, hidden] are the
    linear layers of bottleneck i, b_down_i and b_up_i their biases, and act is the nonlinearity.

    Source: LIPT (Electronics 13(23):4741, 2024), the network alone. LIPT inserts its prompt at a later layer of the
    backbone, and this class does not. The abstract and the figures state three parallel bottlenecks of different widths
    and a skip connection; no code is published. The widths, the sum of the branches and the last LayerNorm are our
    choice. With a single branch, this network would be the residual encoder.

    Examples:
        >>> import torch
        >>> options = {"activation": "relu", "layer_norm": True, "dropout": 0.0}
        >>> encoder = Inception(length=4, hidden=8, bottleneck_dims=(1, 2, 4), **options)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    has_skip = True

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        bottleneck_dims: tuple[PositiveInt, PositiveInt, PositiveInt],
        activation: Activation,
        layer_norm: bool,
        dropout: Probability,
    ) -> None:
        super().__init__()
        branches = [
            nn.Sequential(nn.Linear(hidden, width), ACTIVATIONS[activation](), nn.Linear(width, hidden))
            for width in bottleneck_dims
        ]
        self.branches = nn.ModuleList(branches)
        self.dropout = nn.Dropout(dropout)
        self.norm = layers.norm(length, hidden, shared=True) if layer_norm else nn.Identity()

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Add the normalised sum of the three branches to the table."""
        update = torch.stack([branch(prompt) for branch in self.branches]).sum(dim=0)  # [length, hidden]
        normalised: Tensor = self.norm(self.dropout(update))
        return prompt + normalised
