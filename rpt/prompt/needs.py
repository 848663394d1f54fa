"""Needs that a prompt encoder may declare by a method, an attribute or an argument of its class.

| need of the encoder | how its class declares the need | what rpt does |
| --- | --- | --- |
| trains its own numbers instead of a table | method `start_from(table)` | calls it once with the initial table |
| initial table with another number of rows | attribute `table_rows`, an integer | initialises that many rows |
| input embeddings and tokenizer of the backbone | argument `vocabulary` | passes an `rpt.prompt.init.InitSource` |
| learning rates or weight decays of its own | method `parameter_groups()` | passes the groups to the optimizer |
| the mean embedding of each text | attribute `reads_text = True` | calls `forward(table, text)` |
| embeddings of the text changed by token | method `token_update(embeddings)` | adds the result to the embeddings |
| embeddings of the text changed by position | method `position_update()` | adds row t of the result at position t |
| a prefix: keys and values of every layer | attribute `enters_every_layer = True` | sets `hidden` to their number |
| number of layers for which a prefix has keys and values | argument `backbone_layers` | passes the number |

An encoder without any of these needs maps a trained table [length, hidden] to a prompt [length, hidden]. For a prefix,
`hidden` is the number of keys and values of one token in all layers.

An encoder that reads the text maps the table and a matrix [texts, hidden] to one prompt for each text,
[texts, length, hidden]. The embeddings that an encoder reads, and the updates that it returns, have the unit of the
prompt (`rpt.prompt.unit`).

An encoder that reads the text or changes it cannot be folded into a single matrix [length, hidden] (`why_not_folded`).
Its run keeps table and encoder after training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.errors import ConfigError


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters of an encoder with a learning rate or a weight decay of their own.

    Attributes:
        name: Name of the group, for messages.
        parameters: Parameters of the group. A parameter belongs to one group at most.
        lr: Learning rate; None for the rate that the encoder's other parameters have.
        weight_decay: Weight decay; None for the decay that the encoder's other parameters have.

    Examples:
        >>> import torch
        >>> basis = torch.nn.Parameter(torch.zeros(2, 8))
        >>> ParameterGroup("basis", [basis], weight_decay=0.0).lr is None
        True
    """

    name: str
    parameters: Sequence[nn.Parameter]
    lr: float | None = None
    weight_decay: float | None = None

    @property
    def trained(self) -> list[nn.Parameter]:
        """Parameters of the group that are not frozen (`prompt.freeze`)."""
        return [parameter for parameter in self.parameters if parameter.requires_grad]


def has_own_state(encoder: nn.Module) -> bool:
    """Whether the encoder trains its own numbers (it has `start_from`), so that the prompt has no table."""
    return callable(getattr(encoder, "start_from", None))


@torch.no_grad()
def give_start(encoder: nn.Module, table: Float[Tensor, "rows hidden"]) -> None:
    """Pass the initial table, float32 [rows, hidden] on the CPU, to the encoder's method `start_from`."""
    start: Callable[[Tensor], None] = getattr(encoder, "start_from")  # noqa: B009  a module's attributes have no types
    start(table)


def table_rows(encoder: nn.Module, length: int) -> int:
    """Return the number of rows of the initial table: the prompt's length, unless the encoder needs another number."""
    return int(getattr(encoder, "table_rows", length))


def reads_text(encoder: nn.Module) -> bool:
    """Whether the encoder computes a prompt for each text from the text's mean embedding."""
    return bool(getattr(encoder, "reads_text", False))


def token_update_of(encoder: nn.Module) -> Callable[[Float[Tensor, "ids hidden"]], Tensor] | None:
    """Return the encoder's function from embeddings of tokens to their updates; None if it has no such function."""
    update: Callable[[Tensor], Tensor] | None = getattr(encoder, "token_update", None)
    return update


def position_update_of(encoder: nn.Module) -> Callable[[], Tensor] | None:
    """Return the encoder's function that gives an update for each text position; None if it has no such function."""
    update: Callable[[], Tensor] | None = getattr(encoder, "position_update", None)
    return update


def changes_text(encoder: nn.Module) -> bool:
    """Whether the encoder changes the embeddings of the text."""
    return token_update_of(encoder) is not None or position_update_of(encoder) is not None


def enters_every_layer(encoder: object) -> bool:
    """Whether the prompts of an encoder, or of a class of encoders, are keys and values of every layer.

    A row of such a prompt holds the keys and values of one virtual token: layer after layer, and in each layer the keys
    of all heads before the values.
    """
    return bool(getattr(encoder, "enters_every_layer", False))


def why_not_folded(encoder: nn.Module) -> str | None:
    """Return the reason why an encoder cannot be folded into a matrix [length, hidden]; None if it can.

    The reason continues a sentence that begins with the encoder's name.
    """
    if reads_text(encoder):
        return "computes a prompt for each text"
    return "changes the embeddings of the text" if changes_text(encoder) else None


def groups_of(encoder: nn.Module) -> list[ParameterGroup]:
    """Return the parameter groups of an encoder. The first holds the parameters that `parameter_groups` leaves out.

    Raises:
        ConfigError: The encoder names a parameter twice, or names a tensor that is no parameter of the encoder.
    """
    state = getattr(encoder, "parameter_groups", None)
    named: Sequence[ParameterGroup] = state() if callable(state) else ()
    left = {id(parameter): parameter for parameter in encoder.parameters()}
    for group in named:
        for parameter in group.parameters:
            if left.pop(id(parameter), None) is None:
                advice = (
                    f"its parameter_groups() names a tensor of {group.name!r} twice, or a tensor of another module."
                )
                raise ConfigError.of("encoder._target_", type(encoder).__qualname__, advice)
    return [ParameterGroup("rest", list(left.values())), *named]


def check_rank(key: str, rank: int, **bounds: int) -> None:
    """Refuse a rank above any of the bounds. A higher rank would add parameters, but no further prompts.

    Args:
        key: Key of the rank in the configuration.
        rank: Inner dimension of a product of two matrices.
        bounds: Largest useful ranks. A keyword such as `prompt_length` is the name of its bound in the message.

    Raises:
        ConfigError: The rank exceeds a bound.

    Examples:
        >>> check_rank("encoder.rank", 4, length=10, width=768)
    """
    name, least = min(bounds.items(), key=lambda bound: bound[1])
    if rank > least:
        advice = f"must be at most {least}, the {name.replace('_', ' ')}. Set {key}={least} or less."
        raise ConfigError.of(key, rank, advice)


def factorise(
    matrix: Float[Tensor, "*batch rows columns"], rank: int
) -> tuple[Float[Tensor, "*batch rows rank"], Float[Tensor, "*batch rank columns"]]:
    """Split matrices into two factors by truncated singular value decomposition.

    With M = U S V^T the factors are `U sqrt(S)` and `sqrt(S) V^T`, cut to `rank`. Their product is the best
    approximation of M by a matrix of this rank. The decomposition is computed in float64.

    Args:
        matrix: Matrix, or a batch of matrices.
        rank: Number of singular values that are kept, at most the smaller side of the matrix.

    Examples:
        >>> import torch
        >>> left, right = factorise(torch.eye(3), 3)
        >>> torch.allclose(left @ right, torch.eye(3))
        True
    """
    left, scales, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    roots = scales[..., :rank].sqrt()
    first, second = left[..., :rank] * roots[..., None, :], roots[..., :, None] * right[..., :rank, :]
    return first.to(matrix.dtype), second.to(matrix.dtype)
