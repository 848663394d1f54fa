"""Encoder backbones (the BERT family): one bidirectional pass over `[CLS] prompt text`."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from rpt.backbones.frozen import FrozenBackbone, fingerprint, read_weights, verify_file
from rpt.errors import WeightsError

WEIGHTS = "model.safetensors"


class EncoderBackbone(FrozenBackbone):
    """A frozen encoder. Right padding, absolute positions counted from the first slot, prompt slots included."""


def load_encoder(folder: Path, sha256: str, dtype: torch.dtype, attention: str) -> EncoderBackbone:
    """Load a frozen encoder from a folder in the hub's layout and prove that it holds the file's weights.

    Args:
        folder: Holds `config.json`, the tokenizer's files and `model.safetensors`.
        sha256: Of the weight file.
        dtype: The weights are cast to it.
        attention: `eager` or `sdpa`.

    Raises:
        WeightsError: The file's hash is another, or the loaded weights are not the file's.
    """
    verify_file(folder / WEIGHTS, sha256)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model, loading = AutoModel.from_pretrained(
        folder,
        config=config,
        dtype=dtype,
        attn_implementation=attention,
        add_pooling_layer=False,  # the class is read from hidden states, never from the pre-trained pooler
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    if loading["missing_keys"]:
        missing = ", ".join(sorted(loading["missing_keys"])[:3])
        raise WeightsError(f"{folder / WEIGHTS}: lacks weights that config.json asks for: {missing} ...")
    names = [name for name, _ in model.named_parameters()]
    expected = fingerprint(read_weights(folder / WEIGHTS, names, dtype))
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    backbone = EncoderBackbone(model, tokenizer, expected)
    if backbone.fingerprint() != expected:
        raise WeightsError(f"{folder / WEIGHTS}: the loaded weights are not the file's; please report this.")
    return backbone
