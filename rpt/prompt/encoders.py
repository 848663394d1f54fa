"""Prompt encoders: the networks that reparameterize a soft prompt while it is trained.

An encoder maps the table `[length, hidden]` to a matrix of the same shape and is dropped after
training. Only its output is kept. The arguments have no defaults in this module; `conf/encoder/` holds
their values. Initial weights are drawn from torch's global generator, which the caller seeds.

To add an encoder, write a class with keyword-only arguments, and a YAML file in `conf/encoder/`. rpt
passes the arguments `length` and `hidden`; the file sets all others. An encoder that adds its network's
output to the table sets `has_skip = True`. The size of this update is then recorded during training
(`rpt.prompt.diagnostics`).
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

    `phi(P) = LayerNorm(dropout(W_up act(W_down P + b_down) + b_up))`

    phi works on each row of the table separately. `Residual` explains the letters.

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
        """Compute phi(P)."""
        inner = self.activation(self.down(prompt))  # [length, bottleneck]
        update: Tensor = self.norm(self.dropout(self.up(inner)))  # [length, hidden]
        return update


class Residual(nn.Module):
    """The residual prompt encoder: a network that corrects the table instead of replacing it.

    `P' = P + phi(P)`, `phi(P) = LayerNorm(dropout(W_up act(W_down P + b_down) + b_up))`

    P is the table [length, hidden], and P' is the prompt that the backbone reads. phi works on each row
    separately. W_down [hidden, bottleneck] and W_up [bottleneck, hidden] are the two linear layers, and
    b_down and b_up are their biases. act is the nonlinearity, ReLU in the paper. With `shared: true` one
    phi serves all rows. With `shared: false` each virtual token has a phi of its own (the paper's
    ablation, Table 6). P is added after the LayerNorm.

    The paper's formula has no biases. The published code has biases, and so does this class;
    `count_params` counts the parameters with and without biases. The paper does not state the bottleneck
    width of its main tables. Dropout is off by default, and it acts where the published code has it.

    The LayerNorm gives phi(P) rows of unit variance from the first step, whatever the scale of the table.
    T5's input embeddings have a root mean square of about 11.6, so that the update is a small correction
    at first. On a backbone with smaller embeddings the update would be larger than the table.
    `prompt.unit=vocab` therefore scales the whole prompt, `s (P + phi(P))`, so that the table has numbers
    of the same size as on T5 (`rpt.prompt.unit`). With `layer_norm: false` the update starts small instead.

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
    """P-tuning's encoder: a bidirectional LSTM over the rows of the table, so that each row depends on all rows.

    `h_i = [LSTM_forward(P_1 .. P_i) ; LSTM_backward(P_n .. P_i)]`,
    `P'_i = W_2 ReLU(W_1 h_i + b_1) + b_2`

    P_i is row i of the table's n rows, h_i [2 hidden_dim] the joined states of both directions,
    W_1 [2 hidden_dim, 2 hidden_dim] and W_2 [2 hidden_dim, hidden] the weights of the two linear layers
    behind the LSTM, and b_1 and b_2 their biases. `dropout` acts between LSTM layers.

    Source: P-tuning (arXiv 2103.10385); PEFT 0.21.2, `tuners/p_tuning/model.py`. With equal weights, this
    class and PEFT's encoder give equal outputs.

    Raises:
        ConfigError: `dropout` is positive with a single layer, where it would have no effect.

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
                "has no effect with one layer, because it acts between layers. "
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
        # Without gradients PyTorch runs another LSTM kernel on a CPU, which rounds differently. The
        # kernel for gradients is always used. Exported prompt, validation and training step therefore
        # agree to the last bit.
        with torch.enable_grad():
            states: Tensor = self.lstm(prompt)[0]  # [length, 2 * hidden_dim]
        encoded: Tensor = self.head(states if torch.is_grad_enabled() else states.detach())
        return encoded
