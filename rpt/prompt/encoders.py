"""Prompt encoders: the networks that reparameterize a soft prompt while it is trained.

An encoder maps the table `[length, hidden]` to a matrix of the same shape and is dropped after
training, when the encoded matrix is folded. Options have no defaults here; `conf/encoder/` holds
their values. Initial weights are drawn from torch's global generator, which the caller seeds.

To add one, write a class with keyword-only arguments (`length` and `hidden` come from the builder)
and a YAML. One that adds its network's output to the table says `has_skip = True`: how much it adds
is then followed through the training (`rpt.prompt.diagnostics`).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.config.options import Activation, PositiveInt, Probability
from rpt.errors import ConfigError
from rpt.prompt import layers

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


class Plain(nn.Module):
    """No encoder: the table itself is the prompt.

    Source: Lester et al. 2021 (arXiv 2104.08691), prompt tuning.

    Examples:
        >>> import torch
        >>> encoder = Plain(length=4, hidden=8)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Return the table unchanged."""
        return prompt


class MLP(nn.Module):
    """The paper's network without its skip connection: the baseline "PT w/ MLP".

    `phi(P) = LayerNorm(dropout(W_up act(W_down P + b_down) + b_up))`, on each row of its own; the
    letters are explained at `Residual`.

    Source: Residual Prompt Tuning (arXiv 2305.03937), section 3 and its baselines.

    Examples:
        >>> import torch
        >>> options = {"bottleneck_dim": 2, "activation": "relu", "layer_norm": True, "dropout": 0.0, "shared": True}
        >>> encoder = MLP(length=4, hidden=8, **options)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

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
    ) -> None:
        super().__init__()
        self.down = layers.linear(length, hidden, bottleneck_dim, shared=shared)
        self.activation = ACTIVATIONS[activation]()
        self.up = layers.linear(length, bottleneck_dim, hidden, shared=shared)
        self.dropout = nn.Dropout(dropout)
        self.norm = layers.norm(length, hidden, shared=shared) if layer_norm else nn.Identity()

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Phi(P)."""
        inner = self.activation(self.down(prompt))  # [length, bottleneck]
        update: Tensor = self.norm(self.dropout(self.up(inner)))  # [length, hidden]
        return update


class Residual(nn.Module):
    """The residual prompt encoder: a network that corrects the table instead of replacing it.

    `P' = P + phi(P)`, `phi(P) = LayerNorm(dropout(W_up act(W_down P + b_down) + b_up))`

    P is the table [length, hidden], P' the prompt that the backbone sees, and phi works on each
    row of its own. W_down [hidden, bottleneck] and W_up [bottleneck, hidden] are the two linear
    layers, b_down and b_up their biases, act is the nonlinearity, ReLU in the paper. With `shared`
    one phi serves all rows; without, each virtual token has its own (the paper's ablation, Table
    6). The skip is added after the norm.

    The paper's formula has no biases, the published code has; we keep them, and `count_params`
    gives both counts. The paper's text does not settle the bottleneck width of its main tables.
    Dropout, off by default, sits where the published code has it. The closing LayerNorm gives
    phi(P) rows of unit variance from step 0, whatever the table's scale. T5's vocabulary rows have an
    rms of about 11.6, so the update starts as a correction. On a backbone with a smaller vocabulary it
    buries the table, unless `prompt.unit=vocab` scales the whole prompt, `s (P + phi(P))`, so that the
    table has T5's numbers (`rpt.prompt.unit`). With `layer_norm` off the update starts small instead.

    Source: Residual Prompt Tuning (arXiv 2305.03937), section 3; GitHub arazd/ResidualPrompts,
    commit 53087ca, `prompt_tuner2.py` (biases, dropout, eps 1e-5).

    Examples:
        >>> import torch
        >>> options = {"bottleneck_dim": 2, "activation": "relu", "layer_norm": True, "dropout": 0.0, "shared": True}
        >>> encoder = Residual(length=4, hidden=8, **options)
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

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Compute P + phi(P). A zero update gives plain prompt tuning."""
        update: Tensor = self.phi(prompt)
        return prompt + update


class LSTM(nn.Module):
    """P-tuning's encoder: the rows are read as a sequence, so each sees all the others.

    `h_i = [LSTM_forward(P_1 .. P_i) ; LSTM_backward(P_n .. P_i)]`,
    `P'_i = W_2 ReLU(W_1 h_i + b_1) + b_2`

    P_i is row i of the table's n rows, h_i [2 hidden_dim] the joined states of both directions,
    W_1 [2 hidden_dim, 2 hidden_dim], W_2 [2 hidden_dim, hidden], b_1 and b_2 the head. `dropout`
    acts between LSTM layers.

    Source: P-tuning (arXiv 2103.10385); PEFT 0.21.2, `tuners/p_tuning/model.py`, whose outputs it
    equals.

    Raises:
        ConfigError: dropout with a single layer, which would have no effect.

    Examples:
        >>> import torch
        >>> encoder = LSTM(length=4, hidden=8, hidden_dim=8, num_layers=2, dropout=0.0)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        hidden_dim: PositiveInt,
        num_layers: PositiveInt,
        dropout: Probability,
    ) -> None:
        super().__init__()
        if dropout > 0 and num_layers == 1:
            raise ConfigError.of(
                "encoder.dropout",
                dropout,
                "has no effect with one layer, it acts between layers. "
                "Set encoder.dropout=0.0 or encoder.num_layers=2.",
            )
        self.lstm = nn.LSTM(hidden, hidden_dim, num_layers, dropout=dropout, bidirectional=True)
        self.head = nn.Sequential(
            nn.Linear(2 * hidden_dim, 2 * hidden_dim),
            nn.ReLU(),
            nn.Linear(2 * hidden_dim, hidden),
        )

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Encode the rows as one sequence."""
        # Without gradients the CPU's LSTM takes another kernel, which rounds differently; the
        # gradient one is always used, so that a folded prompt, a validation and a training step
        # agree to the last bit.
        with torch.enable_grad():
            states: Tensor = self.lstm(prompt)[0]  # [length, 2 * hidden_dim]
        encoded: Tensor = self.head(states if torch.is_grad_enabled() else states.detach())
        return encoded
