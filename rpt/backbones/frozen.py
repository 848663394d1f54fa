"""What every frozen backbone has in common: verified weights, no gradients, eval mode, a fingerprint.

A backbone is shared by all runs of a pack and by nothing it could be changed by: every weight has
`requires_grad=False`, `train()` leaves it in eval mode, and its fingerprint is taken before and after training.
Its dropout, where it is asked for, is on inside `dropping()` alone.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class FrozenBackbone(nn.Module):
    """A language model that is never trained.

    Args:
        model: The transformers model; frozen here.
        tokenizer: Its fast tokenizer.
        checkpoint_fingerprint: `fingerprint` of the weight files' own tensors, in the dtype they are loaded in.

    Attributes:
        dropout: Whether trainings are to have the model's own dropout on, by `dropping()`.
    """

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.checkpoint_fingerprint = checkpoint_fingerprint
        self.dropout = False

    @property
    def hidden_size(self) -> int:
        """Width of the input embeddings, and so of a prompt."""
        return int(self.embedding.shape[1])

    @property
    def state_size(self) -> int:
        """Width of the last layer's states, and so of a head's input. ELECTRA small has narrower embeddings."""
        return int(self.model.config.hidden_size)

    @property
    def embedding(self) -> Float[Tensor, "vocab hidden"]:
        """The input embedding table, in the backbone's dtype."""
        weight = self.model.get_input_embeddings().weight
        assert isinstance(weight, Tensor)
        return weight

    @property
    def dtype(self) -> torch.dtype:
        """The weights' dtype."""
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.embedding.device

    @property
    def pad_id(self) -> int:
        """What padding is filled with; no model looks at it."""
        tokenizer = self.tokenizer
        return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)

    def embed(self, ids: Int64[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens hidden"]:
        """Look up input embeddings, without positions."""
        return nn.functional.embedding(ids, self.embedding)

    def train(self, mode: bool = True) -> FrozenBackbone:
        """Stay in eval mode: no dropout in the frozen network, whatever Lightning or a caller asks for."""
        super().train(False)
        return self

    @property
    def can_drop(self) -> bool:
        """Whether the model has dropout of its own."""
        return any(isinstance(module, nn.Dropout) and module.p > 0 for module in self.model.modules())

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Have the model's own dropout on inside the block; it draws from torch's global generators."""
        self.model.train()
        try:
            yield
        finally:
            self.model.eval()

    def fingerprint(self) -> str:
        """sha256 over every loaded weight, to prove that none has changed."""
        return fingerprint(self.model.named_parameters())


def fingerprint(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 over names, shapes and bits of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The dtype of the frozen weights; `auto` is bfloat16 where this machine multiplies it fast, else float32."""
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


EAGER_ONLY = ("deberta-v2",)
"""Model types that transformers has no fused attention for."""


def choose_attention(wanted: str, device: torch.device, dtype: torch.dtype, model_type: str) -> str:
    """The attention implementation; `auto` is eager for bfloat16 on a CPU, else PyTorch's fused one where there is one.

    On a CPU the backward of the fused kernel in bfloat16 takes half of MiniLM's whole step; plain matrix products
    and a softmax halve the step (benchmarks/).
    """
    if wanted != "auto":
        return wanted
    is_slow_fused = device.type == "cpu" and dtype == torch.bfloat16
    return "eager" if is_slow_fused or model_type in EAGER_ONLY else "sdpa"


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has bfloat16 products of its own (AVX512-BF16, AMX); elsewhere they are emulated, slowly."""
    if not sys.platform.startswith("linux"):
        return False
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    return "avx512_bf16" in flags or "amx_bf16" in flags
