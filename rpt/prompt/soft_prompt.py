"""The soft prompt: a trainable table and its encoder. Most encoders are folded into a single matrix after training."""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rpt.errors import ConfigError
from rpt.prompt.layers import PerTokenLinear
from rpt.prompt.needs import (
    give_start,
    has_own_state,
    position_update_of,
    reads_text,
    token_update_of,
    why_not_folded,
)
from rpt.prompt.text_prompt import (
    TEXTS_IN_A_BLOCK,
    TOKENS_IN_A_BLOCK,
    EncodedPrompt,
    Folded,
    TextPrompt,
    Texts,
    in_blocks,
)

HAS_BIAS = (nn.Linear, PerTokenLinear, nn.RNNBase)
"""Layers whose biases the paper's number of parameters leaves out. The paper counts the shift of a LayerNorm."""


class SoftPrompt(nn.Module):
    """Trainable virtual tokens: a table and an encoder, whose output the backbone reads.

    The backbone reads `scale * encoder(table)`. Table, encoder and learning rate are in the unit that `scale` defines
    (`rpt.prompt.unit`). An encoder with a method `start_from` holds the trainable numbers itself, and the backbone
    reads `scale * encoder()`. An encoder may also read the text or change its embeddings (`rpt.prompt.needs`).

    Args:
        table: Initial table, [length, hidden] for most encoders. An encoder with `start_from` starts from this table.
        encoder: Prompt encoder.
        scale: Scale s of the prompt's unit; 1 by default.

    Attributes:
        table: The trainable matrix P, float32, one row per virtual token; None for an encoder with `start_from`.
        encoder: The map to the prompt [length, hidden].
        scale: Scale s of the prompt's unit.
        hidden: Width of the prompt.

    Examples:
        >>> import torch
        >>> prompt = SoftPrompt(torch.zeros(4, 8), torch.nn.Linear(8, 8))
        >>> prompt().shape, prompt.fold().requires_grad
        (torch.Size([4, 8]), False)
    """

    def __init__(self, table: Float[Tensor, "rows hidden"], encoder: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.hidden = table.shape[1]
        initial = table.detach().to(torch.float32, copy=True)
        self.table = None if has_own_state(encoder) else nn.Parameter(initial)
        if self.table is None:
            give_start(encoder, initial)
        self.encoder = encoder

    @property
    def is_foldable(self) -> bool:
        """Whether one matrix [length, hidden] can replace table and encoder after training."""
        return why_not_folded(self.encoder) is None

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Compute the encoded prompt, which is inserted into the input. The encoder must not read the text."""
        encoded: Tensor = self.encoder(*self._inputs)
        return self.scale * encoded

    def freeze(self, part: Literal["table", "encoder"]) -> None:
        """Exclude the table or the encoder from training, so that it keeps its initial values.

        Raises:
            ConfigError: The prompt has no such part: the encoder holds the trained numbers itself, or has none.
        """
        of_encoder = list(self.encoder.parameters())
        if self.table is None or (part == "encoder" and not of_encoder):
            name = type(self.encoder).__name__
            reason = "trains its own numbers in place of a table" if self.table is None else "has no trained numbers"
            raise ConfigError.of("prompt.freeze", part, f"{name} {reason}. Set prompt.freeze=null, or another encoder.")
        for parameter in [self.table] if part == "table" else of_encoder:
            parameter.requires_grad_(False)

    @property
    def _inputs(self) -> list[Tensor]:
        return [] if self.table is None else [self.table]

    def encode(self, texts: Texts) -> EncodedPrompt:
        """Compute prompts and updates of the embeddings for the texts of a batch.

        Raises:
            ValueError: A result of the encoder has the wrong shape.
        """
        if not reads_text(self.encoder):
            return EncodedPrompt(self(), *self._token_updates(texts), self._position_updates())

        def encode(means: Float[Tensor, "block hidden"]) -> Tensor:
            prompts: Tensor = self.encoder(*self._inputs, means)
            _check_shape("forward", prompts, (len(means), None, self.hidden))
            return prompts

        prompts = self.scale * in_blocks(encode, texts.means() / self.scale, TEXTS_IN_A_BLOCK)
        return EncodedPrompt(prompts, *self._token_updates(texts), self._position_updates())

    def _token_updates(self, texts: Texts) -> tuple[Int64[Tensor, " ids"] | None, Float[Tensor, "ids hidden"] | None]:
        update = token_update_of(self.encoder)
        if update is None:
            return None, None

        def checked(embeddings: Float[Tensor, "block hidden"]) -> Tensor:
            updates = update(embeddings)
            _check_shape("token_update", updates, (len(embeddings), self.hidden))
            return updates

        ids = texts.token_ids()
        return ids, self.scale * in_blocks(checked, texts.embeddings(ids[None])[0] / self.scale, TOKENS_IN_A_BLOCK)

    def _position_updates(self) -> Float[Tensor, "positions hidden"] | None:
        update = position_update_of(self.encoder)
        if update is None:
            return None
        updates = update()
        _check_shape("position_update", updates, (None, self.hidden))
        return self.scale * updates

    @torch.no_grad()
    def fold(self) -> Folded:
        """Compute what is kept after training: the encoded prompt without dropout and without gradient.

        The matrix equals `forward` in eval mode to the last bit. The train or eval mode of each submodule does not
        change.

        Returns:
            Matrix [length, hidden]. For an encoder that cannot be folded, a frozen copy of table and encoder.
        """
        if not self.is_foldable:
            frozen = copy.deepcopy(self).eval().requires_grad_(False)
            state = {name: value.cpu().contiguous().clone() for name, value in frozen.state_dict().items()}
            return TextPrompt(frozen.encode, state)
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            # Without the copy, the result of `encoder=plain` would share memory with the table.
            folded: Tensor = self().detach().clone()
            return folded
        finally:
            for module, mode in modes:
                module.training = mode


def _check_shape(method: str, result: Tensor, expected: tuple[int | None, ...]) -> None:
    """Refuse a result of an encoder with another shape (ValueError). None stands for any size."""
    fits = len(expected) == result.ndim and all(
        size in (None, own) for own, size in zip(result.shape, expected, strict=True)
    )
    if not fits:
        shape = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"{method} of the encoder returns the shape {list(result.shape)}; it must be [{shape}]")


@dataclass(frozen=True)
class ParamCount:
    """Number of trained parameters, by two ways of counting.

    Attributes:
        paper: Number by the paper's count (appendix A.6): table, weights, and LayerNorm's scale and shift.
            The biases of linear and LSTM layers are left out. For a shared residual encoder it is
            2 d m + 2 d + d n, with width d of the backbone, bottleneck width m and n virtual tokens.
        held: Number of all trained numbers, biases included.
    """

    paper: int
    held: int


def count_params(module: nn.Module, trained: Collection[str] | None = None) -> ParamCount:
    """Count the trained numbers of a soft prompt or of any other module.

    Args:
        module: Soft prompt, or any other module.
        trained: Names of the parameters to count, such as the result of `trained_parameters`. None counts
            every parameter with `requires_grad`.
    """
    asking = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    counted = {id(parameter): parameter for name, parameter in asking.items() if trained is None or name in trained}
    biases = {
        id(parameter)
        for layer in module.modules()
        if isinstance(layer, HAS_BIAS)
        for name, parameter in layer.named_parameters(recurse=False)
        if name.startswith("bias")
    }
    held = sum(parameter.numel() for parameter in counted.values())
    paper = sum(parameter.numel() for key, parameter in counted.items() if key not in biases)
    return ParamCount(paper=paper, held=held)


def trained_parameters(prompt: SoftPrompt) -> set[str]:
    """Return the names of the parameters that receive a gradient from the encoded prompt.

    The table receives no gradient if the encoder ignores it. The function changes neither the prompt nor
    the state of the random generators.
    """
    probe = copy.deepcopy(prompt).train()  # a copy: some layers change their statistics in a forward pass
    named = {name: parameter for name, parameter in probe.named_parameters() if parameter.requires_grad}
    devices = {parameter.device for parameter in named.values() if parameter.is_cuda}
    with torch.random.fork_rng(devices), torch.enable_grad():
        parts = [part for part in _probe(probe) if part.requires_grad]
        if not parts:
            return set()
        ones = [torch.ones_like(part) for part in parts]
        optional = torch.autograd.grad(parts, list(named.values()), ones, allow_unused=True)
    gradients: list[Tensor | None] = [*optional]
    return {name for name, gradient in zip(named, gradients, strict=True) if gradient is not None}


def _probe(prompt: SoftPrompt) -> list[Tensor]:
    """Encode a prompt for two texts of random embeddings, and list the results that receive a gradient."""
    if prompt.is_foldable:
        return [prompt()]
    parameter = next(prompt.parameters())
    vocabulary = torch.randn(3, prompt.hidden, device=parameter.device, dtype=parameter.dtype)
    ids = torch.tensor([[0, 1], [2, 1]], device=parameter.device)
    return prompt.encode(Texts(ids, torch.ones_like(ids), lambda chosen: vocabulary[chosen])).tensors()
