"""Prompt encoders that train a product of small matrices instead of a table [length, hidden].

Most of them hold the trained numbers themselves (`start_from`, see `rpt.prompt.needs`). With `start: init` the factors
start so that the prompt is as near to the initial table as the factors allow. With `start: source` they are drawn as
the published code draws them, and the init has no effect.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.config.options import Activation, PositiveInt, Start
from rpt.prompt.encoders import ACTIVATIONS
from rpt.prompt.needs import check_rank, factorise


class LowRank(nn.Module):
    """A prompt of low rank: `P = A B`.

    P is the prompt [length, hidden], A [length, rank] and B [rank, hidden] are trained: rank (length + hidden) numbers.
    With `start: init` A and B are the truncated singular value decomposition of the initial table,
    `A = U sqrt(S)` and `B = sqrt(S) V^T`. With `start: source` both are uniform between -0.5 and 0.5.

    Source: DPT, decomposed prompt tuning (arXiv 2310.10094); GitHub XYaoooo/DPT, commit 8f98d1e,
    `modeling_t5.py` (uniform start). LoPT-1 (arXiv 2406.19486) is the same product; the paper's start was not found.
    The start from a table is ours.

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
        """Factorise the initial table."""
        if self.start == "init":
            left, right = factorise(table, self.left.shape[1])
            self.left.copy_(left)
            self.right.copy_(right)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute A B."""
        return self.left @ self.right


class LoPT(nn.Module):
    """A narrow network on a fixed table: `P = act(X U) V`.

    P is the prompt [length, hidden] and X the initial table [length, hidden], which stays fixed. U [hidden, rank] and V
    [rank, hidden] are trained: 2 rank hidden numbers. act is the nonlinearity.

    With `start: init` the columns of X U are the first left singular vectors of X, each with a root mean square of 1
    and turned so that its sum is not negative. V is the least-squares solution of `act(X U) V = X`. With
    `start: source` U and V start as linear layers of PyTorch do.

    Source: LoPT-2 (arXiv 2406.19486). The paper's act and its starts were not found. GELU is our
    choice, because ReLU could leave a column of X U without a gradient for ever.

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
        """Keep the initial table, and fit the two matrices to it."""
        self.fixed = table
        if self.start == "source":
            return
        rank = self.down.out_features
        left, scales, right = torch.linalg.svd(table.double(), full_matrices=False)
        # Singular values of zero would divide by zero; their directions are not in the table.
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
    """A few trained numbers for each token, lifted by a frozen random map: `P = s * (Z R) + b`.

    P is the prompt [length, hidden]. Z [length, rank], the scale s [hidden] and the shift b [hidden] are trained:
    length rank + 2 hidden numbers. R [rank, hidden] is random and frozen. The seed of the run draws R, so that it can
    be drawn again.

    With `start: source` Z is standard normal, s is 1 and b is 0. With `start: init` b is the mean row of the initial
    table, and Z R the best approximation of the remaining rows in the row space of R.

    Source: ULPT (arXiv 2502.04501), equation of e_ij; GitHub MANGA-UOFA/ULPT, commit 2e5c389,
    `peft/tuners/prompt_tuning_lodim.py`. The paper says that R is standard normal; the code draws it uniformly
    within sqrt(6 / (rank + hidden)), which is Xavier's start, and we follow the code. The start from a table is ours.

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
        """Fit shift and codes to the initial table."""
        if self.start == "init":
            mean = table.double().mean(dim=0)
            self.shift.copy_(mean)
            self.codes.copy_((table.double() - mean) @ torch.linalg.pinv(self.map.double()))

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute s * (Z R) + b."""
        return self.scale * (self.codes @ self.map) + self.shift


class RankOne(nn.Module):
    """A table under a gate of rank one: `P' = P * (c + u v^T)`, entry by entry.

    P is the trained table [length, hidden] and P' the prompt. u [length, 1] and v [1, hidden] are trained and start as
    normal numbers with standard deviation 0.02: length hidden + length + hidden numbers in all. c is 1 with
    `around_one: true`, so that training starts near the table; it is 0 otherwise, as in the published method.

    Source: MPT, multitask prompt tuning (arXiv 2303.02861), prompt decomposition; PEFT 0.21.2,
    `tuners/multitask_prompt_tuning/model.py`. MPT has learned its table on other tasks. Its gate starts near 0, so that
    a run on a single task would start with almost no prompt. c = 1 is our choice for a single task.

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
