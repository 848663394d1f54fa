"""The trainable modules of a run, and the parameter groups of their optimizer."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.prompt.needs import ParameterGroup, enters_every_layer, groups_of
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.prompt.text_prompt import EncodedPrompt, Folded, Texts


class Trainable(nn.Module):
    """Trainable modules of a run: the soft prompt, the head and the backbone. Each may be missing.

    Args:
        prompt: Soft prompt; None for a baseline without a prompt.
        head: Classification head; None for a language model.
        body: Backbone, if it is fine-tuned; None if it is frozen.
        hidden: Width of the prompt, which is the width of the backbone's input embeddings for most encoders.
    """

    def __init__(self, prompt: SoftPrompt | None, head: nn.Module | None, body: nn.Module | None, hidden: int) -> None:
        super().__init__()
        self.prompt = prompt
        self.head = head
        self.body = body
        # A prompt of length 0, so that a run without a prompt is no special case.
        self.no_prompt: Tensor
        self.register_buffer("no_prompt", torch.zeros(0, hidden), persistent=False)

    @property
    def needs_texts(self) -> bool:
        """Whether the prompt depends on the text or changes the text's embeddings."""
        return self.prompt is not None and not self.prompt.is_foldable

    @property
    def enters_every_layer(self) -> bool:
        """Whether the prompt consists of keys and values of every layer."""
        return self.prompt is not None and enters_every_layer(self.prompt.encoder)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """Encode the prompt; length 0 without a prompt. The prompt must not depend on the text."""
        encoded = self.prompt() if self.prompt is not None else self.no_prompt
        assert isinstance(encoded, Tensor)
        return encoded

    def encode(self, texts: Texts | None) -> EncodedPrompt:
        """Encode the prompt for the run's texts in a batch.

        Args:
            texts: Texts of the run. None is allowed if the prompt does not depend on the text.
        """
        if self.prompt is None or not self.needs_texts:
            return EncodedPrompt(self())
        assert texts is not None
        return self.prompt.encode(texts)

    def fold(self) -> Folded:
        """Encode the prompt for export: without dropout, and detached from the graph of gradients."""
        return self.prompt.fold() if self.prompt is not None else self.no_prompt

    def has_prompt_gradient(self) -> bool:
        """Whether any gradient of the prompt is not zero. With a head that starts at zero, the first step has none."""
        gradients = [] if self.prompt is None else [parameter.grad for parameter in self.prompt.parameters()]
        return any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def parameter_groups(trainable: Trainable, rates: dict[str, float], decays: dict[str, float]) -> list[dict[str, Any]]:
    """Build the optimizer's parameter groups: table, encoder, head and body, each with its learning rate and decay.

    An encoder that trains its own numbers instead of a table has the table's learning rate and decay. It may also name
    groups with a learning rate or a decay of their own (`rpt.prompt.needs.ParameterGroup`).

    Args:
        trainable: Trainable modules of a run.
        rates: Learning rates, by the keys `table`, `encoder`, `head` and `body`.
        decays: Weight decays, by the keys `table`, `encoder`, `head` and `body`.

    Returns:
        Groups that have parameters; a single empty group if nothing is trained (zero-shot).
    """
    prompt = trainable.prompt
    members: list[tuple[str, ParameterGroup]] = []
    if prompt is not None and prompt.table is not None:
        members.append(("table", ParameterGroup("table", [prompt.table])))
    if prompt is not None:
        members += [("table" if prompt.table is None else "encoder", group) for group in groups_of(prompt.encoder)]
    for name, module in (("head", trainable.head), ("body", trainable.body)):
        members.append((name, ParameterGroup(name, [] if module is None else list(module.parameters()))))
    trained = [member for member in members if member[1].trained] or [("table", ParameterGroup("table", []))]
    return [
        {
            "params": group.trained,
            "lr": rates[kind] if group.lr is None else group.lr,
            "weight_decay": decays[kind] if group.weight_decay is None else group.weight_decay,
        }
        for kind, group in trained
    ]


def dtype_of_training(backbone: torch.dtype) -> torch.dtype:
    """Return the dtype of trainable numbers and optimizer state: float64 for a float64 backbone, else float32."""
    return torch.float64 if backbone == torch.float64 else torch.float32
