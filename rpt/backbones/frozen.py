"""What every frozen backbone has in common: verified weights, no gradients, eval mode, a fingerprint.

A backbone is shared by all runs of a pack and by nothing it could be changed by: every weight has
`requires_grad=False`, `train()` leaves it in eval mode, and its fingerprint is taken before and after training.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from rpt.errors import WeightsError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class FrozenBackbone(nn.Module):
    """A language model that is never trained.

    Args:
        model: The transformers model; frozen here.
        tokenizer: Its fast tokenizer.
        checkpoint_fingerprint: `fingerprint` of the weight file's own tensors, in the dtype they are loaded in.
    """

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.checkpoint_fingerprint = checkpoint_fingerprint

    @property
    def hidden_size(self) -> int:
        """Width of the input embeddings."""
        return int(self.embedding.shape[1])

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

    def embed(self, ids: Int64[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens hidden"]:
        """Look up input embeddings, without positions."""
        return nn.functional.embedding(ids, self.embedding)

    def forward(
        self, embeds: Float[Tensor, "batch tokens hidden"], mask: Int64[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens hidden"]:
        """Run the model on input embeddings.

        Args:
            embeds: Prompt and text, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and text, 0 at padding.

        Returns:
            The last layer's hidden states, in the backbone's dtype.
        """
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden

    def train(self, mode: bool = True) -> FrozenBackbone:
        """Stay in eval mode: no dropout in the frozen network, whatever Lightning or a caller asks for."""
        super().train(False)
        return self

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


def verify_file(path: Path, sha256: str) -> None:
    """Refuse a weight file whose content is not the expected one.

    Raises:
        WeightsError: The file is missing, unreadable, or has another sha256.
    """
    try:
        with path.open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: the weights cannot be read ({error.strerror}). Run: make setup") from error
    if found != sha256:
        expected = f"expected {sha256}"
        raise WeightsError(f"{path}: its sha256 is {found}, {expected}. Install the package again: make setup")


def read_weights(path: Path, names: Iterable[str], dtype: torch.dtype) -> list[tuple[str, Tensor]]:
    """Read named tensors of a safetensors file, cast to a dtype.

    Raises:
        WeightsError: The file is no safetensors file, or lacks one of the names.
    """
    try:
        with safe_open(path, framework="pt") as weights:
            return [(name, weights.get_tensor(name).to(dtype)) for name in names]
    except SafetensorError as error:
        raise WeightsError(f"{path}: {error}. The file does not fit the model's config.json.") from error


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The dtype of the frozen weights; `auto` is bfloat16 where this machine multiplies it fast, else float32."""
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def choose_attention(wanted: str, device: torch.device, dtype: torch.dtype) -> str:
    """The attention implementation; `auto` is eager for bfloat16 on a CPU, else PyTorch's fused one.

    On a CPU the backward of the fused kernel in bfloat16 takes half of MiniLM's whole step; plain matrix products
    and a softmax halve the step (benchmarks/).
    """
    if wanted != "auto":
        return wanted
    return "eager" if device.type == "cpu" and dtype == torch.bfloat16 else "sdpa"


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has bfloat16 products of its own (AVX512-BF16, AMX); elsewhere they are emulated, slowly."""
    if not sys.platform.startswith("linux"):
        return False
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    return "avx512_bf16" in flags or "amx_bf16" in flags
