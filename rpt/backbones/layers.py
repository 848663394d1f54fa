"""Cut a frozen model of transformers before a layer: the part below the layer, and the part from the layer on.

A part is a shallow copy of the model with another list of layers. Both parts share all weights with the model, and
their forward passes are those of transformers. The part below ends after its last layer, without the model's final
norm. The part above takes hidden states in place of input embeddings, and adds no position or segment to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Stack(NamedTuple):
    """Dotted paths of the modules that a cut before a layer replaces, for a model type.

    Attributes:
        layers: Path of the list of layers, such as `encoder.layer`. For T5, the list of the encoder.
        norm: Path of the norm behind the last layer; None for a model whose last layer ends in its own norm.
        entry: Replacement functions for modules before the first layer, by the module's path. `above` applies each
            function whose module exists.
    """

    layers: str
    norm: str | None
    entry: dict[str, Callable[[nn.Module], nn.Module | None]]


class GivenStates(nn.Module):
    """Replacement for the embeddings of an encoder that returns the given states unchanged.

    Args:
        embeddings: Embeddings of the model. Their word embeddings stay accessible.
    """

    def __init__(self, embeddings: nn.Module) -> None:
        super().__init__()
        self.word_embeddings = embeddings.word_embeddings

    def forward(self, input_ids: None = None, inputs_embeds: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        """Return `inputs_embeds`; `input_ids` is always None."""
        assert inputs_embeds is not None
        return inputs_embeds


class ZeroPositions(nn.Module):
    """Replacement for GPT-2's table of positions that adds zero.

    Args:
        table: Position embeddings of GPT-2. The returned zero has their dtype and device.
    """

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        weight = table.weight
        assert isinstance(weight, nn.Parameter)
        self.weight = weight

    def forward(self, position_ids: Tensor) -> Tensor:
        """Return a single zero, which is broadcast to all positions."""
        zero: Tensor = torch.zeros(1, dtype=self.weight.dtype, device=self.weight.device)
        return zero


class BiasedBlock(nn.Module):
    """First layer above a cut of T5's encoder, with the relative position bias of the model's first layer.

    T5 computes the bias in its first layer, and all other layers reuse it. The bias depends only on the distance of two
    tokens, and is computed for the sequence that this layer reads, prompt included.

    Args:
        first: First layer of the model.
        block: Layer above the cut.
    """

    def __init__(self, first: Any, block: nn.Module) -> None:
        super().__init__()
        self.attention = first.layer[0].SelfAttention
        self.block = block

    def forward(self, states: Tensor, mask: Tensor | None, position_bias: None, *more: Any, **options: Any) -> Any:
        """Run the layer as transformers does, with the computed bias in place of `position_bias`."""
        length = states.shape[1]
        bias = self.attention.compute_bias(length, length, device=states.device)
        return self.block(states, mask, bias, *more, **options)


def _identity(module: nn.Module) -> nn.Module:
    return nn.Identity()


def _nothing(module: nn.Module) -> None:
    return None


ENCODER = Stack("encoder.layer", None, {"embeddings": GivenStates})
LLAMA = Stack("model.layers", "model.norm", {})
T5 = Stack("encoder.block", "encoder.final_layer_norm", {})

STACKS = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta"), ENCODER),
    "electra": Stack("encoder.layer", None, {"embeddings": GivenStates, "embeddings_project": _identity}),
    # DeBERTa's convolution follows its first layer, which is below every cut.
    "deberta-v2": Stack("encoder.layer", None, {"embeddings": GivenStates, "encoder.conv": _nothing}),
    "distilbert": Stack("transformer.layer", None, {"embeddings": GivenStates}),
    **dict.fromkeys(("t5", "mt5"), T5),
    **dict.fromkeys(("llama", "qwen2", "qwen3", "mistral", "phi3", "olmo2"), LLAMA),
    "gpt2": Stack("transformer.h", "transformer.ln_f", {"transformer.wpe": ZeroPositions}),
    "gpt_neox": Stack("gpt_neox.layers", "gpt_neox.final_layer_norm", {}),
}
"""Modules that a cut replaces, by model type."""


def num_layers(model: Any) -> int:
    """Return the number of layers before which a prompt can be inserted. For T5, the layers of the encoder."""
    return len(_layers(model))


def below(model: Any, layer: int) -> Any:
    """Return the layers below a layer as a model. Its last hidden states are the input of the layer.

    Args:
        model: Model of transformers.
        layer: Number of the layer, from 1 to the number of layers - 1.
    """
    stack = STACKS[model.config.model_type]
    part = _replaced(model, stack.layers, nn.ModuleList(list(_layers(model))[:layer]))
    return part if stack.norm is None else _replaced(part, stack.norm, nn.Identity())


def above(model: Any, layer: int) -> Any:
    """Return the part of a model from a layer on, which takes hidden states in place of input embeddings.

    Args:
        model: Model of transformers.
        layer: Number of the layer, from 1 to the number of layers - 1.
    """
    stack = STACKS[model.config.model_type]
    layers = list(_layers(model))
    first = BiasedBlock(layers[0], layers[layer]) if stack is T5 else layers[layer]
    part = _replaced(model, stack.layers, nn.ModuleList([first, *layers[layer + 1 :]]))
    for path, replace in stack.entry.items():
        module = _find(part, path)
        if module is not None:
            part = _replaced(part, path, replace(module))
    return part


def shallow_copy(module: Any) -> Any:
    """Copy a module object. The copy shares submodules and weights with the module, and its submodules can be replaced.

    The copy keeps the train or eval mode that the module has now.
    """
    copy = module.__new__(type(module))
    copy.__dict__.update(module.__dict__)
    for name in ("_parameters", "_buffers", "_modules"):
        copy.__dict__[name] = dict(module.__dict__[name])
    return copy


def _layers(model: Any) -> nn.ModuleList:
    layers = _find(model, STACKS[model.config.model_type].layers)
    assert isinstance(layers, nn.ModuleList)
    return layers


def _find(module: Any, path: str) -> nn.Module | None:
    """Return the submodule of a path; None if the module has no such submodule."""
    for name in path.split("."):
        module = getattr(module, name, None)
    return module if isinstance(module, nn.Module) else None


def _replaced(module: Any, path: str, new: nn.Module | None) -> Any:
    """Return a shallow copy of a module in which the submodule of a path is replaced."""
    name, _, rest = path.partition(".")
    copy = shallow_copy(module)
    copy._modules[name] = _replaced(getattr(module, name), rest, new) if rest else new
    return copy
