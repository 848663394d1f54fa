"""The order of a prefix's numbers in PEFT's format PREFIX_TUNING.

For a decoder-only model and for an encoder, rpt and PEFT have the same order. For an encoder-decoder model, PEFT cuts
each row of a prefix into two blocks for each decoder layer. The first block has the keys and values of the
self-attention. The second block is meant for the cross-attention, and PEFT discards it.

The module does not import torch, so that `rpt.export` can use it for NumPy arrays.

Source: PEFT 0.21.2, `peft_model.py`, `PeftModel.get_prompt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def with_cross_attention(prefix: Tensor, layers: int) -> Tensor:
    """Insert zeros into a prefix where PEFT expects the keys and values of a decoder's cross-attention.

    Without the zeros, the decoder's layers would get keys and values that were trained for other layers.

    Args:
        prefix: Prefix, [length, layers * width].
        layers: Number of decoder layers.

    Returns:
        Prefix with a block of zeros behind the keys and values of each layer, [length, 2 * layers * width].
    """
    of_layers = prefix.unflatten(1, (layers, -1))  # [length, layers, width]
    wide: Tensor = of_layers.new_zeros(len(prefix), layers, 2, of_layers.shape[2])
    wide[:, :, 0] = of_layers
    return wide.flatten(1)


def columns_of_self_attention(width: int, settings: Mapping[str, Any]) -> list[int]:
    """Return the columns of an adapter's vectors that PEFT gives to the self-attention, layer by layer.

    For an encoder-decoder model, PEFT repeats the vectors once before it cuts them. Of an adapter that PEFT itself has
    trained for n layers, decoder layer i therefore reads the keys and values of layer 2i modulo n. Of an adapter that
    rpt has written (`with_cross_attention`), it reads the keys and values of layer i.

    Args:
        width: Number of columns of the vectors, [length, width].
        settings: The adapter's `adapter_config.json`.

    Returns:
        Indices of the columns for `num_layers` layers. A decoder with fewer layers reads the first ones only. For any
        model that is no encoder-decoder model, all columns in their order.

    Raises:
        ValueError: `num_layers` is no whole number above 0, or the columns cannot be divided among so many layers.
    """
    layers = settings.get("num_layers")
    if type(layers) is not int or layers < 1:
        raise ValueError(f"num_layers must be a whole number above 0, not {layers!r}")
    size, rest = divmod(width, 2 * layers)  # of a block of keys or of values
    if rest or not size:
        raise ValueError(f"{width} numbers of a virtual token cannot be keys and values of {layers} layers")
    if settings.get("num_transformer_submodules") != 2:
        return list(range(width))
    blocks = [(4 * layer + block) % (2 * layers) for layer in range(layers) for block in (0, 1)]
    return [column for block in blocks for column in range(block * size, (block + 1) * size)]
