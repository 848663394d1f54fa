"""Prompt encoders that read the text or change the text's embeddings.

They cannot be folded into a matrix [length, hidden] (`rpt.prompt.needs`). Embeddings of the text, prompts and updates
have the unit of the prompt. With `prompt.unit=vocab` they therefore have the size of T5's, on every backbone.
"""

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from rpt.config.options import PositiveInt, Probability
from rpt.prompt.needs import ParameterGroup, check_rank


class SMoP(nn.Module):
    """A router chooses one of several short prompts for each text: `P'_i = g_ij P_j`, `g_i = softmax(W x_i)`.

    x_i [hidden] is the mean embedding of text i without padding, W [prompts, hidden] the trained router and P_j
    [length, hidden] prompt j of the trained table [prompts * length, hidden]. j is the index of the largest entry of
    g_i. The encoder has `prompts * (length + 1) * hidden` numbers. W starts orthogonal.

    While training, the logits z = W x_i become `z (1 + noise * e)` with normal e, which spreads the texts over the
    prompts. No gradient passes through the noise. `dropout` acts on the logits. Evaluations use no noise or dropout.

    Source: SMoP (EMNLP 2023, main 884), section 2; GitHub jyjohnchoi/SMoP, commit 34da5e2,
    `peft_models/tuners/prompt_routing.py`. Differences from the code: with a single chosen prompt, the code adds up the
    prompts that all rows of the batch have chosen; here a row gets its own prompt alone, as in the paper. The code has
    dropout 0.2 if it has no noise, and a loss that balances the router. This class has no such loss. The table starts
    from the init; the code draws it standard normal.

    Raises:
        ConfigError: `prompts` exceeds the backbone's width, so that W cannot start orthogonal.

    Examples:
        >>> import torch
        >>> encoder = SMoP(length=2, hidden=8, prompts=3, noise=1.0, dropout=0.0).eval()
        >>> encoder(torch.zeros(6, 8), torch.zeros(5, 8)).shape  # a prompt for each of 5 texts
        torch.Size([5, 2, 8])
    """

    reads_text = True

    def __init__(
        self, *, length: int, hidden: int, prompts: PositiveInt, noise: NonNegativeFloat, dropout: Probability
    ) -> None:
        super().__init__()
        check_rank("encoder.prompts", prompts, width_of_the_backbone=hidden)
        self.table_rows = prompts * length
        self.length = length
        self.noise = noise
        self.router = nn.Linear(hidden, prompts, bias=False)
        nn.init.orthogonal_(self.router.weight)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, prompt: Float[Tensor, "rows hidden"], text: Float[Tensor, "texts hidden"]
    ) -> Float[Tensor, "texts length hidden"]:
        """Choose a prompt for each text, and multiply it by its probability."""
        logits: Tensor = self.router(text)  # [texts, prompts]
        if self.training and self.noise:
            logits = logits + self.noise * torch.randn_like(logits) * logits.detach()
        gates: Tensor = self.dropout(logits).softmax(dim=1)
        chosen = nn.functional.one_hot(gates.argmax(dim=1), gates.shape[1])
        # A row of `gates * chosen` has one gate and zeros. The gradient of a lookup would not add up in a fixed order.
        flat = (gates * chosen) @ prompt.reshape(gates.shape[1], -1)  # [texts, length * hidden]
        return flat.reshape(len(text), self.length, -1)


class ADePT(nn.Module):
    """A short prompt, and a network that changes each token of the text: `E'(t) = E(t) + ReLU(E(t) A + a) B + b`.

    E(t) [hidden] is the embedding of token t of the text. A [hidden, rank], B [rank, hidden], a [rank] and b [hidden]
    are trained, and so is the prompt, which is the table [length, hidden]. The encoder has
    `length * hidden + 2 * rank * hidden + rank + hidden` numbers. A starts uniform around 0, up to 1 / sqrt(rank). B, a
    and b start at zero, so that the text is unchanged at first. `update_lr` is the learning rate of A, B, a and b;
    `lr` is the learning rate of the table.

    The update depends on the token alone and not on its position. E' could therefore replace the embedding table of the
    source text. The answers of a decoder keep the embedding E.

    Source: ADePT (arXiv 2501.03291); GitHub HungerPWAY/ADePT, commit c5e3629, `peft/tuners/prompt_tuning_lorax.py`.
    Differences from the code: for decoders, the code has dropout 0.1 in front of the ReLU, and changes the answer too.

    Raises:
        ConfigError: The rank exceeds the backbone's width.

    Examples:
        >>> import torch
        >>> encoder = ADePT(length=4, hidden=8, rank=2, update_lr=1e-4)
        >>> encoder(torch.zeros(4, 8)).shape, encoder.token_update(torch.ones(5, 8)).shape
        (torch.Size([4, 8]), torch.Size([5, 8]))
    """

    def __init__(self, *, length: int, hidden: int, rank: PositiveInt, update_lr: PositiveFloat) -> None:
        super().__init__()
        check_rank("encoder.rank", rank, width_of_the_backbone=hidden)
        self.update_lr = update_lr
        self.down, self.up = nn.Linear(hidden, rank), nn.Linear(rank, hidden)
        nn.init.uniform_(self.down.weight, -(rank**-0.5), rank**-0.5)
        for parameter in (self.down.bias, *self.up.parameters()):
            nn.init.zeros_(parameter)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Give the update of the text its own learning rate."""
        return [ParameterGroup("update", [*self.down.parameters(), *self.up.parameters()], lr=self.update_lr)]

    def token_update(self, embeddings: Float[Tensor, "tokens hidden"]) -> Float[Tensor, "tokens hidden"]:
        """Compute ReLU(E A + a) B + b."""
        update: Tensor = self.up(self.down(embeddings).relu())
        return update

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Return the table unchanged."""
        return prompt


class DePT(nn.Module):
    """A short prompt, and a low-rank update of the text by position: `E'_t = E_t + (alpha / sqrt(rank)) (A B)_t`.

    E_t [hidden] is the embedding of the text's token at position t, counted from 0 without the prompt. A [positions,
    rank] and B [rank, hidden] are trained, and so is the prompt, which is the table [length, hidden]. The encoder has
    `length * hidden + rank * (positions + hidden)` numbers. A starts uniform around 0, up to 1 / sqrt(rank). B starts
    at zero, so that the text is unchanged at first. `update_lr` is the learning rate of A and B; `lr` is the learning
    rate of the table. Tokens at later positions than the first `positions` keep their embeddings.

    Source: DePT (arXiv 2309.05173); GitHub ZhengxiangShi/DePT, commit f0266a7, `peft/tuners/prompt_tuning_lora.py`,
    which has alpha 8. Differences from the code: the code pads every text to 256 tokens and also changes the padding,
    which no token attends to. For decoders, the code changes the answer too.

    Raises:
        ConfigError: The rank exceeds the number of positions or the backbone's width.

    Examples:
        >>> import torch
        >>> encoder = DePT(length=4, hidden=8, rank=2, positions=16, alpha=8.0, update_lr=5e-4)
        >>> encoder(torch.zeros(4, 8)).shape, encoder.position_update().shape
        (torch.Size([4, 8]), torch.Size([16, 8]))
    """

    def __init__(
        self,
        *,
        length: int,
        hidden: int,
        rank: PositiveInt,
        positions: PositiveInt,
        alpha: PositiveFloat,
        update_lr: PositiveFloat,
    ) -> None:
        super().__init__()
        check_rank("encoder.rank", rank, number_of_positions=positions, width_of_the_backbone=hidden)
        self.update_lr = update_lr
        self.factor = alpha * rank**-0.5
        self.left = nn.Parameter(torch.empty(positions, rank).uniform_(-(rank**-0.5), rank**-0.5))
        self.right = nn.Parameter(torch.zeros(rank, hidden))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Give the update of the text its own learning rate."""
        return [ParameterGroup("update", [self.left, self.right], lr=self.update_lr)]

    def position_update(self) -> Float[Tensor, "positions hidden"]:
        """Compute (alpha / sqrt(rank)) A B."""
        update: Tensor = self.factor * (self.left @ self.right)
        return update

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Return the table unchanged."""
        return prompt
