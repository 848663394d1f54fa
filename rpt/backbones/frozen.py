"""Base class of frozen backbones: weights without gradients, eval mode, and a fingerprint of the weights.

All runs of a pack share the backbone, and nothing may modify it. Every weight has `requires_grad=False`, `train()`
leaves the model in eval mode, and the fingerprint is compared before and after training. The model's dropout is active
only inside `dropping()`.
"""

from __future__ import annotations

import hashlib
import math
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rpt.backbones.cache_options import CacheOptions
from rpt.backbones.layers import num_layers, shallow_copy
from rpt.backbones.lines import TextLine
from rpt.backbones.text_cache import States
from rpt.backbones.texts import pad_id_of
from rpt.backbones.tokens import tokenize

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class FrozenBackbone(nn.Module):
    """A language model with frozen weights. Only `trainer.tune=all` unfreezes them, to fine-tune the model.

    Args:
        model: Model of transformers. The constructor freezes it.
        tokenizer: Fast tokenizer of the model.
        checkpoint_fingerprint: `fingerprint` of the tensors of the weight files, cast to the dtype of the model.

    Attributes:
        dropout: Whether training steps use the model's own dropout, through `dropping()`. False by default.
        num_positions: Largest number of tokens that the model takes, prompt included; None (default) for no limit.
        cache_options: Limits of the cache of texts, and its folder. A change has no effect once the cache is in use.
        splits: Splits of the backbone, by the number of the layer (`rpt.backbones.split.split_before`).
        key_value_sample: Keys and values of a sample of the vocabulary, from
            `rpt.prompt.prefix_source.sample_key_values`; None before they are computed.
    """

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.checkpoint_fingerprint = checkpoint_fingerprint
        self.dropout = False
        self.num_positions: int | None = None
        self.cache_options = CacheOptions()
        self.splits: dict[int, object] = {}
        self.key_value_sample: object | None = None

    def with_model(self, model: Any) -> FrozenBackbone:
        """Return a shallow copy of the backbone with another model, such as a part of its model."""
        copy: FrozenBackbone = shallow_copy(self)
        copy.model = model
        return copy

    @abstractmethod
    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the hidden states of a text, and of the answers behind it, after the last layer.

        The states of an encoder-decoder model are those of its encoder.
        """

    @abstractmethod
    def key_values(self, ids: Int64[Tensor, " tokens"]) -> States:
        """Compute the keys and values of every layer for the tokens of a text, in a forward pass of its own.

        A prefix has the same form. For an encoder-decoder model, the layers are those of the decoder.
        """

    @property
    def key_value_edges(self) -> tuple[list[int], list[int]]:
        """Token ids of the special tokens in front of a text and behind it, when its keys and values are computed."""
        return self.text_edges

    @cached_property
    def key_value_shape(self) -> tuple[int, int, int, int]:
        """Sizes of the keys and values of one token: layers, 2 for key and value, heads, and the size of a head."""
        layers, pair, heads, _, size = self.key_values(torch.zeros(1, dtype=torch.int64, device=self.device)).shape
        return layers, pair, heads, size

    @property
    def num_layers(self) -> int:
        """Number of layers before which a prompt can be inserted. For T5, the layers of the encoder."""
        return num_layers(self.model)

    @property
    def text_edges(self) -> tuple[list[int], list[int]]:
        """Token ids of the special tokens in front of a text and behind it."""
        [row] = tokenize(self.tokenizer, ["a"])
        words = [index for index, part in enumerate(row.sequence_ids) if part is not None]
        return row.ids[: words[0]], row.ids[words[-1] + 1 :]

    @property
    def hidden_size(self) -> int:
        """Width of the input embeddings, which is the width of a prompt that enters among them."""
        return int(self.embedding.shape[1])

    @property
    def state_size(self) -> int:
        """Width of the last layer's states, which is the width of a head's input.

        It may differ from `hidden_size`, the width of the input embeddings, as in ELECTRA small.
        """
        return int(self.model.config.hidden_size)

    @property
    def embedding(self) -> Float[Tensor, "vocab hidden"]:
        """The input embedding table, in the backbone's dtype."""
        weight = self.model.get_input_embeddings().weight
        assert isinstance(weight, Tensor)
        return weight

    @cached_property
    def vocabulary_rms(self) -> float:
        """Root mean square of all entries of the embedding table; computed once for all runs of a pack."""
        return root_mean_square(self.embedding)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.embedding.device

    @property
    def pad_id(self) -> int:
        """Token id for padding: the padding token, or the end marker if the tokenizer has no padding token."""
        return pad_id_of(self.tokenizer)

    def embed(self, ids: Int64[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens hidden"]:
        """Look up the input embeddings of token ids, without position embeddings."""
        return nn.functional.embedding(ids, self.embedding)

    def train(self, mode: bool = True) -> FrozenBackbone:
        """Keep the model in eval mode for any `mode`, so that no caller, such as Lightning, activates dropout."""
        super().train(False)
        return self

    @property
    def can_drop(self) -> bool:
        """Whether the model has dropout of its own."""
        return any(isinstance(module, nn.Dropout) and module.p > 0 for module in self.model.modules())

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Activate the model's own dropout inside the block. It draws from torch's global generators."""
        self.model.train()
        try:
            yield
        finally:
            self.model.eval()

    def fingerprint(self) -> str:
        """Compute the sha256 over all loaded weights, which proves that no weight has changed."""
        return fingerprint(self.model.named_parameters())


ROWS = 4096
"""Number of rows that are converted to float64 at a time. A float64 copy of a whole table would be large."""


def root_mean_square(table: Float[Tensor, "rows columns"]) -> float:
    """Compute the root mean square of all entries of a table, in float64.

    Args:
        table: Table in any float dtype and on any device.

    Examples:
        >>> import torch
        >>> root_mean_square(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        2.5
    """
    squares = [part.detach().double().square().sum() for part in table.split(ROWS)]
    return math.sqrt(float(torch.stack(squares).sum()) / table.numel())


def has_same_bits(tensor: Tensor, other: Tensor) -> bool:
    """Whether two tensors on the CPU have the same shape, dtype and bits. Unlike `torch.equal`, it tells -0 from 0."""
    if tensor.shape != other.shape or tensor.dtype != other.dtype:
        return False
    bits = [value.detach().contiguous().view(torch.uint8) for value in (tensor, other)]
    return torch.equal(*bits)


def fingerprint(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Compute the sha256 over names, shapes, dtypes and bits of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def choose_dtype(stated: str, device: torch.device) -> torch.dtype:
    """Choose the dtype of the frozen weights. `auto` means bfloat16 on hardware with fast bfloat16, else float32."""
    if stated != "auto":
        return DTYPES[stated]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


EAGER_ONLY = ("deberta-v2",)
"""Model types for which transformers has no fused attention."""


def choose_attention(stated: str, device: torch.device, dtype: torch.dtype, model_type: str) -> str:
    """Choose the attention implementation, `eager` or `sdpa` (PyTorch's fused attention).

    `auto` means `eager` for bfloat16 on a CPU and for model types without fused attention, else `sdpa`. On a CPU, the
    fused kernel has a slow backward pass in bfloat16.
    """
    if stated != "auto":
        return stated
    is_slow_fused = device.type == "cpu" and dtype == torch.bfloat16
    return "eager" if is_slow_fused or model_type in EAGER_ONLY else "sdpa"


def _cpu_has_bfloat16() -> bool:
    """Check whether the CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX). Other CPUs emulate it slowly."""
    if not sys.platform.startswith("linux"):
        return False
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    return "avx512_bf16" in flags or "amx_bf16" in flags
