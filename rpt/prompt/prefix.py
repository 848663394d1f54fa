"""The prefix: a prompt that gives every layer its own vectors, as keys and values of the layer's attention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.config.options import PositiveInt, Probability, Start
from rpt.errors import ConfigError


class Prefix(nn.Module):
    """Keys and values in front of the text in every layer: prefix tuning, or P-tuning v2 with `mlp_width: null`.

    With `mlp_width: null`, `P = T`. Otherwise `P = W_2 tanh(W_1 E + b_1) + b_2`, for each row separately.

    P [length, hidden] is the prefix. `hidden` is the number of keys and values of one token in all layers: layers * 2 *
    heads * size of a head. A row holds them in this order, the keys of a layer before its values. The trained numbers
    are T [length, hidden]; or E [length, width], W_1 [width, mlp_width], W_2 [mlp_width, hidden] and the biases b_1 and
    b_2. `width` is the width of the keys of one layer. After training, P alone is kept. `dropout` acts on P.

    With `start: init`, the prefix starts from the initial table: T equals the table, and W_2 is the least-squares
    solution of `P = table`, which is exact for an `mlp_width` of at least `length`. With `start: source`, T and E are
    standard normal. The other numbers have the default initialisation of PyTorch's linear layers.

    Source: Prefix-Tuning (arXiv 2101.00190); P-tuning v2 (arXiv 2110.07602), GitHub THUDM/P-tuning-v2, commit b1520c9,
    `model/prefix_encoder.py`; PEFT 0.21.2, `tuners/prefix_tuning/model.py`. With equal weights, this class and PEFT's
    encoder give equal outputs. `start: init` is our choice.

    Raises:
        ConfigError: `mlp_width` is set, and the width of the table is no multiple of twice the number of layers.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> options = {"mlp_width": 4, "dropout": 0.0, "start": "init"}
        >>> prompt = SoftPrompt(torch.ones(4, 12), Prefix(length=4, hidden=12, backbone_layers=2, **options))
        >>> torch.allclose(prompt(), torch.ones(4, 12), atol=1e-5)
        True
    """

    enters_every_layer = True

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        backbone_layers: int,
        mlp_width: PositiveInt | None,
        dropout: Probability,
        start: Start,
    ) -> None:
        super().__init__()
        self.start = start
        self.dropout = nn.Dropout(dropout)
        self.mlp: nn.Sequential | None = None
        width = hidden
        if mlp_width is not None:
            width, rest = divmod(hidden, 2 * backbone_layers)
            if rest:
                advice = (
                    f"needs layers of equal size, but {backbone_layers} layers share {hidden} numbers. Set it to null."
                )
                raise ConfigError.of("encoder.mlp_width", mlp_width, advice)
            self.mlp = nn.Sequential(nn.Linear(width, mlp_width), nn.Tanh(), nn.Linear(mlp_width, hidden))
        self.rows = nn.Parameter(torch.randn(length, width))

    def start_from(self, table: Float[Tensor, "length hidden"]) -> None:
        """Copy the initial table, or fit the last layer of the MLP to it, if `start` is `init`."""
        if self.start == "source":
            return
        if self.mlp is None:
            self.rows.copy_(table)
            return
        inner: Tensor = self.mlp[:-1](self.rows).double()  # [length, mlp_width]
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        last.weight.copy_((torch.linalg.pinv(inner) @ (table - last.bias).double()).T)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute the prefix."""
        prefix: Tensor = self.dropout(self.rows if self.mlp is None else self.mlp(self.rows))
        return prefix
