"""Prompt encoders that train a product of small matrices instead of a table [length, hidden].

Most of these encoders hold the trained numbers themselves (`start_from`, see `rpt.prompt.needs`). With `start: init`
the matrices are fitted to the initial table. With `start: source` each class draws its matrices at random, as its
docstring says. The initial table then has no effect, except in `LoPT`, which multiplies this table by the matrices.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.config.options import Activation, PositiveInt, Start
from rpt.prompt.encoders import ACTIVATIONS
from rpt.prompt.needs import check_rank, factorise


class LowRank(nn.Module):
    """A prompt of low rank: `P = A B`.

    P is the prompt [length, hidden]. A [length, rank] and B [rank, hidden] are trained. They have
    `rank * (length + hidden)` numbers.

    With `start: init` A and B are the truncated singular value decomposition of the initial table,
    `A = U sqrt(S)` and `B = sqrt(S) V^T`. With `start: source` A and B are uniform between -0.5 and 0.5.

    Source: DPT, decomposed prompt tuning (arXiv 2310.10094); GitHub XYaoooo/DPT, commit 8f98d1e,
    `modeling_t5.py` (uniform start). LoPT-1 (arXiv 2406.19486) trains the same product. We did not find how its authors
    initialise A and B. `start: init` is our choice.

    Raises:
        ConfigError: The rank exceeds the prompt's length or the backbone's width.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> prompt = SoftPrompt(torch.ones(4, 8), LowRank(length=4, hidden=8, rank=1, start="init"))
        >>> torch.allclose(prompt(), torch.ones(4, 8))
        True
    """

    def __init__(self, *, length: int, hidden: int, rank: PositiveInt, start: Start) -> None:
        super().__init__()
        check_rank("encoder.rank", rank, prompt_length=length, width_of_the_backbone=hidden)
        self.start = start
        self.left = nn.Parameter(torch.empty(length, rank).uniform_(-0.5, 0.5))
        self.right = nn.Parameter(torch.empty(rank, hidden).uniform_(-0.5, 0.5))

    def start_from(self, table: Float[Tensor, "length hidden"]) -> None:
        """Factorise the initial table if `start` is `init`."""
        if self.start == "init":
            left, right = factorise(table, self.left.shape[1])
            self.left.copy_(left)
            self.right.copy_(right)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute A B."""
        return self.left @ self.right


class LoPT(nn.Module):
    """A narrow network on a fixed table: `P = act(X U) V`.

    P is the prompt [length, hidden]. X is the initial table [length, hidden], which stays fixed. U [hidden, rank] and V
    [rank, hidden] are trained. They have `2 * rank * hidden` numbers. act is the nonlinearity.

    With `start: init` the columns of X U are the first left singular vectors of X. Each column is scaled to a root mean
    square of 1, and its sign is chosen so that its sum is not negative. V is the least-squares solution of
    `act(X U) V = X`. With `start: source` U and V have the default initialisation of PyTorch's linear layers.

    Source: LoPT-2 (arXiv 2406.19486). We did not find which nonlinearity its authors use, nor how they initialise U and
    V. GELU is our choice. With ReLU, a column of X U whose entries are all negative would never receive a gradient.

    Raises:
        ConfigError: The rank exceeds the prompt's length or the backbone's width.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> prompt = SoftPrompt(torch.eye(4, 8), LoPT(length=4, hidden=8, rank=4, activation="gelu", start="init"))
        >>> torch.allclose(prompt(), torch.eye(4, 8), atol=1e-4)
        True
    """

    def __init__(self, *, length: int, hidden: int, rank: PositiveInt, activation: Activation, start: Start) -> None:
        super().__init__()
        check_rank("encoder.rank", rank, prompt_length=length, width_of_the_backbone=hidden)
        self.start = start
        self.activation = ACTIVATIONS[activation]()
        self.fixed: Tensor
        self.register_buffer("fixed", torch.zeros(length, hidden))
        self.down = nn.Linear(hidden, rank, bias=False)
        self.up = nn.Linear(rank, hidden, bias=False)

    def start_from(self, table: Float[Tensor, "length hidden"]) -> None:
        """Keep the initial table. If `start` is `init`, fit the two matrices to it."""
        self.fixed = table
        if self.start == "source":
            return
        rank = self.down.out_features
        left, scales, right = torch.linalg.svd(table.double(), full_matrices=False)
        # A direction with a singular value of zero is left out, because the table has no part in it.
        inverse = torch.where(scales > scales[0] * 1e-6, 1 / scales, 0)[:rank]  # [rank]
        signs = torch.where(left[:, :rank].sum(dim=0) < 0, -1.0, 1.0)
        down = len(table) ** 0.5 * (inverse * signs)[:, None] * right[:rank]  # [rank, hidden]
        inner = self.activation(table.double() @ down.T)  # [length, rank]
        self.down.weight.copy_(down)
        self.up.weight.copy_((torch.linalg.pinv(inner) @ table.double()).T)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute act(X U) V."""
        prompt: Tensor = self.up(self.activation(self.down(self.fixed)))
        return prompt


class ULPT(nn.Module):
    """A few trained numbers for each token, mapped to the backbone's width by a random matrix: `P = s * (Z R) + b`.

    P is the prompt [length, hidden]. Z [length, rank], the scale s [hidden] and the shift b [hidden] are trained. They
    have `length * rank + 2 * hidden` numbers. R [rank, hidden] is random and frozen. R is drawn from the seed of the
    run, so that the same R can be drawn again.

    With `start: source` Z is standard normal, s is 1 and b is 0. With `start: init` s is 1 and b is the mean row of the
    initial table. Z is then the least-squares solution of `Z R = table - b`.

    Source: ULPT (arXiv 2502.04501), equation of e_ij; GitHub MANGA-UOFA/ULPT, commit 2e5c389,
    `peft/tuners/prompt_tuning_lodim.py`. The paper says that R is standard normal. The code draws R uniformly between
    -a and a with `a = sqrt(6 / (rank + hidden))`, which is Xavier's initialisation. We follow the code.
    `start: init` is our choice.

    Raises:
        ConfigError: The rank exceeds the backbone's width.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> prompt = SoftPrompt(torch.ones(4, 8), ULPT(length=4, hidden=8, rank=2, start="init"))
        >>> torch.allclose(prompt(), torch.ones(4, 8))
        True
    """

    def __init__(self, *, length: int, hidden: int, rank: PositiveInt, start: Start) -> None:
        super().__init__()
        check_rank("encoder.rank", rank, width_of_the_backbone=hidden)
        self.start = start
        self.map: Tensor
        self.register_buffer("map", nn.init.xavier_uniform_(torch.empty(rank, hidden)))
        self.codes = nn.Parameter(torch.randn(length, rank))
        self.scale = nn.Parameter(torch.ones(hidden))
        self.shift = nn.Parameter(torch.zeros(hidden))

    def start_from(self, table: Float[Tensor, "length hidden"]) -> None:
        """Fit the shift b and the codes Z to the initial table if `start` is `init`."""
        if self.start == "init":
            mean = table.double().mean(dim=0)
            self.shift.copy_(mean)
            self.codes.copy_((table.double() - mean) @ torch.linalg.pinv(self.map.double()))

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute s * (Z R) + b."""
        return self.scale * (self.codes @ self.map) + self.shift


class RankOne(nn.Module):
    """A table that is multiplied entry by entry with a gate of rank one: `P' = P * (c + u v^T)`.

    P is the trained table [length, hidden] and P' the prompt. u [length, 1] and v [1, hidden] are trained too. P, u and
    v have `length * hidden + length + hidden` numbers. u and v start normal with standard deviation 0.02.

    With `around_one: true` c is 1, so that the prompt starts near the table. With `around_one: false` c is 0, as in the
    published method.

    Source: MPT, multitask prompt tuning (arXiv 2303.02861), prompt decomposition; PEFT 0.21.2,
    `tuners/multitask_prompt_tuning/model.py`. MPT learns its table on other tasks, and its gate starts near 0. A run on
    a single task would therefore start with almost no prompt. c = 1 is our choice for a single task.

    Examples:
        >>> import torch
        >>> encoder = RankOne(length=4, hidden=8, around_one=True)
        >>> encoder(torch.zeros(4, 8)).shape
        torch.Size([4, 8])
    """

    def __init__(self, *, length: int, hidden: int, around_one: bool) -> None:
        super().__init__()
        self.has_skip = around_one
        self.rows = nn.Parameter(0.02 * torch.randn(length, 1))
        self.columns = nn.Parameter(0.02 * torch.randn(1, hidden))

    def forward(self, prompt: Float[Tensor, "length hidden"]) -> Float[Tensor, "length hidden"]:
        """Compute P * (c + u v^T)."""
        gated = prompt * (self.rows @ self.columns)
        return prompt + gated if self.has_skip else gated
