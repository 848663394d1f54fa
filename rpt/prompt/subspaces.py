"""Prompt encoders that compute each virtual token as a weighted sum of trained vectors.

Both encoders train their own numbers and no table (`start_from`, see `rpt.prompt.needs`).
"""

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from rpt.config.options import PositiveInt, Start
from rpt.errors import ConfigError
from rpt.prompt.needs import ParameterGroup, check_rank, factorise


class SuperPos(nn.Module):
    """Each virtual token is a weighted sum of vectors that start as vocabulary rows: `p_i = w_i E_i`.

    p_i is row i of the prompt [length, hidden]. E_i [basis, hidden] is the basis of token i and w_i [basis] its
    weights; both are trained. All E_i start as the same rows, which the initialisation draws. With `shared: false`
    each token trains an E_i of its own, `length * basis * (hidden + 1)` numbers in all. With `shared: true` all tokens
    have the same basis, `basis * (hidden + length)` numbers in all. The weights have no softmax. The basis has a weight
    decay of its own, `basis_weight_decay`.

    Source: SuperPos-Prompt (arXiv 2406.05279); no code is published. In the paper, weight decay of the basis lowers the
    scores. The paper does not state the start of w. We choose w_i = 1 at row i of the basis and 0 elsewhere. The prompt
    then starts as `length` different vocabulary rows, as in prompt tuning. In a prompt longer than the basis, token i
    starts at row `i % basis`.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> encoder = SuperPos(length=4, hidden=8, basis=6, shared=False, basis_weight_decay=0.0)
        >>> table = torch.randn(encoder.table_rows, 8)
        >>> torch.equal(SoftPrompt(table, encoder)(), table[:4])
        True
    """

    def __init__(
        self, *, length: int, hidden: int, basis: PositiveInt, shared: bool, basis_weight_decay: NonNegativeFloat
    ) -> None:
        super().__init__()
        self.table_rows = basis
        self.basis_weight_decay = basis_weight_decay
        self.weights = nn.Parameter(torch.zeros(length, basis))
        self.basis = nn.Parameter(torch.zeros(1 if shared else length, basis, hidden))

    def start_from(self, table: Float[Tensor, "basis hidden"]) -> None:
        """Copy the rows of the initial table into each basis, and select one row for each token."""
        self.basis.copy_(table)
        tokens = torch.arange(len(self.weights), device=self.weights.device)
        self.weights[tokens, tokens % self.table_rows] = 1.0

    def parameter_groups(self) -> list[ParameterGroup]:
        """Give the basis its own weight decay."""
        return [ParameterGroup("basis", [self.basis], weight_decay=self.basis_weight_decay)]

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute w_i E_i for each token i."""
        return (self.weights[:, None, :] @ self.basis)[:, 0]


class ACCEPT(nn.Module):
    """Each part of a virtual token is a weighted sum of codewords: `p_i^(k) = sum over j of W[i, k, j] C[k, j]`.

    Each row of the prompt [length, hidden] is cut into parts of `subspace_dim` numbers, one for each sub-space. p_i^(k)
    is part k of row i. C [subspaces, codewords, subspace_dim] holds the trained codewords of each sub-space, its
    codebook. W [length, subspaces, codewords] holds the trained weights of each token. The weights have no softmax.

    With `start: init` W and C are the truncated singular value decomposition of each part of the initial table. With
    `start: source` both start uniform around 0, W up to 1 / sqrt(subspaces * codewords) and C up to
    1 / sqrt(codewords * subspace_dim).

    Source: ACCEPT (arXiv 2410.12847), the prepended prompt SCPP; GitHub AI-Application-and-Integration-Lab/Accept,
    commit 40bf3b3, `peft/tuners/prompt_tuning_lora.py`. The second part of the method, SCAP, changes the embeddings of
    the text and is not included. `start: init` is our choice.

    Raises:
        ConfigError: The sub-spaces do not divide the backbone's width, or a codebook has more codewords than the
            smaller of the prompt's length and the sub-space's width.

    Examples:
        >>> import torch
        >>> from rpt.prompt.soft_prompt import SoftPrompt
        >>> encoder = ACCEPT(length=4, hidden=8, subspace_dim=4, codewords=1, start="init")
        >>> torch.allclose(SoftPrompt(torch.ones(4, 8), encoder)(), torch.ones(4, 8))
        True
    """

    def __init__(
        self, *, length: int, hidden: int, subspace_dim: PositiveInt, codewords: PositiveInt, start: Start
    ) -> None:
        super().__init__()
        if hidden % subspace_dim:
            divisors = [str(width) for width in range(4, hidden + 1) if hidden % width == 0]
            advice = f"must divide the backbone's width {hidden}. Set it to one of {', '.join(divisors)}."
            raise ConfigError.of("encoder.subspace_dim", subspace_dim, advice)
        check_rank("encoder.codewords", codewords, prompt_length=length, width_of_a_sub_space=subspace_dim)
        self.start = start
        subspaces = hidden // subspace_dim
        near, far = (subspaces * codewords) ** -0.5, (codewords * subspace_dim) ** -0.5
        self.weights = nn.Parameter(torch.empty(length, subspaces, codewords).uniform_(-near, near))
        self.codebooks = nn.Parameter(torch.empty(subspaces, codewords, subspace_dim).uniform_(-far, far))

    def start_from(self, table: Float[Tensor, "length hidden"]) -> None:
        """Factorise each part of the initial table if `start` is `init`."""
        if self.start == "init":
            subspaces, codewords, _ = self.codebooks.shape
            parts = table.unflatten(1, (subspaces, -1)).transpose(0, 1)  # [subspaces, length, subspace_dim]
            weights, codebooks = factorise(parts, codewords)
            self.weights.copy_(weights.transpose(0, 1))
            self.codebooks.copy_(codebooks)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute the weighted sum of codewords for each part of each token."""
        parts = self.weights.transpose(0, 1) @ self.codebooks  # [subspaces, length, subspace_dim]
        return parts.transpose(0, 1).flatten(1)
