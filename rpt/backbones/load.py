"""Load a backbone of any family and prove that it holds the weights of its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.initialization import no_init_weights
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from rpt.backbones.accounting import Skeleton, assign
from rpt.backbones.causal import CausalBackbone
from rpt.backbones.encoder import EncoderBackbone
from rpt.backbones.files import (
    COPY_ADVICE,
    NoSuchBackbone,
    gguf_file,
    model_config,
    num_positions,
    weight_files,
    weights_sha256,
)
from rpt.backbones.frozen import FrozenBackbone, fingerprint, has_same_bits
from rpt.backbones.guard import guarded
from rpt.backbones.probe import refuse_unusable, usable_tokenizer
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.backbones.soundness import refuse_other_depth, refuse_unsound
from rpt.backbones.weights import read_shapes, read_weights
from rpt.errors import WeightsError
from rpt.system.silenced_messages import quiet_libraries

CLASSES: dict[str, tuple[Any, type[FrozenBackbone]]] = {
    "encoder": (AutoModel, EncoderBackbone),
    "seq2seq": (AutoModelForSeq2SeqLM, Seq2SeqBackbone),
    "causal": (AutoModelForCausalLM, CausalBackbone),
}
"""Auto class of transformers that loads a model, and class of the backbone, by family."""

WITH_POOLER = ("bert", "roberta", "xlm-roberta")
"""Encoders that are loaded without their pre-trained pooler, because rpt's head reads hidden states."""

OF_HEADS = ("num_labels", "id2label", "label2id")
"""Keys of config.json that describe a classifier. A backbone has no classifier."""


def load_backbone(
    folder: Path, *, family: str, dtype: torch.dtype, attention: str, expected_sha256: str | None
) -> FrozenBackbone:
    """Load a frozen backbone.

    Args:
        folder: Folder in the hub's layout, or with a GGUF file, which is dequantized once into a cache.
        family: Family of the model: `encoder`, `seq2seq` or `causal`.
        dtype: Dtype that the weights are cast to.
        attention: Attention implementation: `eager` or `sdpa`.
        expected_sha256: sha256 of the weights (`weights_sha256`); None if no hash is known beforehand.

    Raises:
        WeightsError: The sha256 differs, the folder's files are damaged or do not belong together, or the loaded
            weights differ from the files' tensors.
    """
    quiet_libraries()
    verify(folder, expected_sha256)
    folder = _hub_layout(folder)
    try:
        refuse_unsound(folder)
        values, files, positions = model_config(folder), weight_files(folder), num_positions(folder)
        shapes = read_shapes(files)
        refuse_other_depth(folder, values, shapes)
    except NoSuchBackbone as error:
        raise WeightsError(str(error)) from error
    auto, backbone_class = CLASSES[family]
    with guarded(folder, "config.json describes no model that transformers can make"):
        config = _config(folder, values)
        options: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in WITH_POOLER else {}
        skeleton = _skeleton(auto, config, options)
    try:
        keys = assign(skeleton, shapes)
    except WeightsError as error:
        raise WeightsError(f"{folder}: {error}. {COPY_ADVICE}") from error
    with guarded(folder, "its weights cannot be loaded"):
        options |= {"config": config, "dtype": dtype, "attn_implementation": attention, "local_files_only": True}
        model = auto.from_pretrained(folder, **options)
    with guarded(folder, "its tokenizer cannot be used"):
        tokenizer = AutoTokenizer.from_pretrained(folder, config=config, local_files_only=True)
        usable_tokenizer(tokenizer, family, model.get_input_embeddings().weight.shape[0])
    stored = read_weights(files)
    _refuse_other_output(folder, values, model, keys)
    backbone = backbone_class(model, tokenizer, _prove(folder, model, stored, skeleton, keys, dtype))
    backbone.num_positions = positions
    with guarded(folder, "the model of its config.json cannot be run"):
        refuse_unusable(backbone)
    return backbone


def load_tokenizer(folder: Path, family: str) -> Any:
    """Load the tokenizer of a backbone without its weights. A GGUF file is an exception and is read as a whole.

    Args:
        folder: Folder in the hub's layout, or with a GGUF file.
        family: Family of the model: `encoder`, `seq2seq` or `causal`.

    Raises:
        WeightsError: The folder's config or tokenizer cannot be used.
    """
    quiet_libraries()
    folder = _hub_layout(folder)
    try:
        values = model_config(folder)
    except NoSuchBackbone as error:
        raise WeightsError(str(error)) from error
    with guarded(folder, "its tokenizer cannot be used"):
        tokenizer = AutoTokenizer.from_pretrained(folder, config=_config(folder, values), local_files_only=True)
        usable_tokenizer(tokenizer, family)
    return tokenizer


def _hub_layout(folder: Path) -> Path:
    """Return the folder of a model in the hub's layout; a GGUF file is dequantized once into a cache."""
    packed = gguf_file(folder)
    if packed is None:
        return folder
    from rpt.backbones.dequantized import dequantized

    return dequantized(packed)


def verify(folder: Path, sha256: str | None) -> None:
    """Refuse weight files that are missing or have another sha256 than expected.

    Args:
        folder: Folder of the model.
        sha256: Expected sha256 of the weights; None accepts any readable weights.

    Raises:
        WeightsError: The weights are missing or unreadable, or have another sha256.
    """
    try:
        actual = weights_sha256(folder)
    except NoSuchBackbone as error:
        raise WeightsError(str(error)) from error
    if sha256 not in (None, actual):
        path = weight_files(folder)[0]
        advice = "Install the model again, for a package by make setup, or set backbone.sha256=null"
        raise WeightsError(f"{path}: its sha256 is {actual}, expected {sha256}. {advice}")


def _config(folder: Path, values: Mapping[str, Any]) -> Any:
    """Make the model's configuration as `AutoConfig.from_pretrained` does, without running code from the folder."""
    config = CONFIG_MAPPING[values["model_type"]].from_dict(
        {key: value for key, value in values.items() if key not in OF_HEADS}
    )
    config._name_or_path = str(folder)
    return config


def _skeleton(auto: Any, config: Any, options: Mapping[str, Any]) -> Skeleton:
    """List the parameters of the model that a configuration describes, without memory for the weights."""
    with torch.device("meta"), no_init_weights():
        model = auto.from_config(config, **options)
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters(remove_duplicate=False)}
    return Skeleton(shapes, model.all_tied_weights_keys, model.base_model_prefix, config.model_type)


def _refuse_other_output(folder: Path, values: Mapping[str, Any], model: Any, keys: Mapping[str, str]) -> None:
    """Refuse a model whose config.json and weight files disagree on which embedding tables are shared.

    Sharing between input and output matters for T5. If the files have no output layer, transformers uses the input
    embedding for it, and a T5 with a shared embedding scales its last states. Other model types load the output layer
    of the files.
    """
    if values.get("tie_word_embeddings") is False and model.get_output_embeddings() is not None:
        has_own = any(name in keys for name in ("lm_head.weight", "embed_out.weight"))
        if not has_own:
            raise WeightsError(
                f"{folder}: config.json says tie_word_embeddings = false, and the weight files hold no lm_head.weight. "
                "Copy the whole model again, or set tie_word_embeddings to true if input and output share a table."
            )
    every = dict(model.named_parameters(remove_duplicate=False))
    for stack in ("encoder", "decoder"):
        name = f"{stack}.embed_tokens.weight"
        if name in every and not torch.equal(every[name], model.get_input_embeddings().weight):
            raise WeightsError(
                f"{folder}: the weight files hold an embedding of the {stack} alone ({name}), which differs from "
                f"shared.weight. A T5 has one table for both. {COPY_ADVICE}"
            )
    is_own = hasattr(model, "lm_head") and model.lm_head.weight is not model.get_input_embeddings().weight
    if is_own and getattr(model.config, "scale_decoder_outputs", False):
        raise WeightsError(
            f"{folder}: the weight files hold an output layer (lm_head.weight) that differs from the input embedding, "
            "and config.json does not say so. Set tie_word_embeddings to false in config.json, as T5 1.1 has it."
        )


def _prove(
    folder: Path,
    model: Any,
    stored: Mapping[str, Tensor],
    skeleton: Skeleton,
    keys: Mapping[str, str],
    dtype: torch.dtype,
) -> str:
    """Compare every loaded weight with the tensors of the files.

    Args:
        folder: Folder of the model, for the message.
        model: Loaded model of transformers.
        stored: Tensors of the weight files by name.
        skeleton: Parameters that the configuration asks for.
        keys: Name of the stored tensor by name of the parameter, as `assign` returns it.
        dtype: Dtype of the loaded weights.

    Returns:
        `fingerprint` of the files' tensors, cast to `dtype` and under the names of the loaded model.

    Raises:
        WeightsError: A loaded weight differs from its tensor.
    """
    groups: dict[str, str] = {}
    for name, key in keys.items():
        groups.setdefault(skeleton.tied.get(name, name), key)
    loaded = dict(model.named_parameters())
    tensors = {name: stored[keys.get(name) or groups[skeleton.tied.get(name, name)]].to(dtype) for name in loaded}
    every = dict(model.named_parameters(remove_duplicate=False))
    tied = [name for name in keys if name not in loaded]
    is_loaded = all(has_same_bits(loaded[name], tensor) for name, tensor in tensors.items())
    if not is_loaded or not all(has_same_bits(every[name], stored[keys[name]].to(dtype)) for name in tied):
        raise WeightsError(
            f"{folder}: the loaded weights differ from the weights in the files. Please report this error."
        )
    return fingerprint(tensors.items())
