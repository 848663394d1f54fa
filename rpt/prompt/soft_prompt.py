"""The soft prompt: a trainable table and its encoder, which fold into one matrix after training."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.prompt.layers import PerTokenLinear

HAS_BIAS = (nn.Linear, PerTokenLinear, nn.RNNBase)
"""Layers whose biases the paper's count leaves out; a LayerNorm's shift it counts."""


class SoftPrompt(nn.Module):
    """Virtual tokens to be trained: a table, seen by the backbone through an encoder.

    Attributes:
        table: The trainable matrix P, float32, one row per virtual token.
        encoder: The map [length, hidden] -> [length, hidden].
    """

    def __init__(self, table: Float[Tensor, "length hidden"], encoder: nn.Module) -> None:
        super().__init__()
        self.table = nn.Parameter(table.detach().to(torch.float32, copy=True))
        self.encoder = encoder

    def forward(self) -> Float[Tensor, "length hidden"]:
        """The encoded prompt, as it is inserted into the input."""
        encoded: Tensor = self.encoder(self.table)
        return encoded

    @torch.no_grad()
    def fold(self) -> Float[Tensor, "length hidden"]:
        """The encoded prompt without dropout, detached: all that is kept after training.

        It equals the forward in eval mode to the last bit. Each submodule's train or eval mode is
        left as it was.
        """
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            # A copy: plain prompt tuning would otherwise hand out the table's own memory.
            folded: Tensor = self().detach().clone()
            return folded
        finally:
            for module, mode in modes:
                module.training = mode


@dataclass(frozen=True)
class ParamCount:
    """How many numbers are trained.

    Attributes:
        paper: As the paper counts (appendix A.6): table, weights, LayerNorm's scale and shift, but
            no biases of linear and LSTM layers. For a shared residual encoder 2 d m + 2 d + d n.
        held: Every trainable number.
    """

    paper: int
    held: int


def count_params(module: nn.Module) -> ParamCount:
    """Count a soft prompt's trainable numbers, or any other module's."""
    held = sum(p.numel() for p in module.parameters() if p.requires_grad)
    biases = sum(
        parameter.numel()
        for layer in module.modules()
        if isinstance(layer, HAS_BIAS)
        for name, parameter in layer.named_parameters(recurse=False)
        if name.startswith("bias") and parameter.requires_grad
    )
    return ParamCount(paper=held - biases, held=held)
