"""Assign each tensor of the weight files to a parameter of the model, and refuse missing or unused tensors.

The assignment uses only names and shapes. A folder whose files do not belong together is therefore refused before its
weights are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rpt.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]

HEADS = (
    "pooler",
    "cls",
    "classifier",
    "pre_classifier",
    "classification_head",
    "qa_outputs",
    "score",
    "multiple_choice_head",
    "lm_head",
    "lm_predictions",
    "mask_predictions",
    "vocab_transform",
    "vocab_layer_norm",
    "vocab_projector",
    "discriminator_predictions",
    "generator_predictions",
    "generator_lm_head",
)
"""First part of the names of poolers and heads, which published files may hold and a frozen backbone does not use."""

BUFFERS = {
    "": r"(^|\.)(position_ids|token_type_ids|rotary_emb\.inv_freq)$",
    "gpt2": r"(^|\.)h\.\d+\.attn\.(bias|masked_bias)$",
    "gpt_neox": r"\.attention\.(bias|masked_bias)$",
    "t5": r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$",
    "mt5": r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$",
    "deberta-v2": r"(^|\.)embeddings\.position_embeddings\.",
}
"""Pattern, by model type, of published tensors that the model computes itself or never reads. "" is for all types."""

RENAMED = (
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
    ("lm_head.", "embed_out."),
)
"""Pairs of a part of a parameter's name and its spelling in older files: layer norms, GPT-NeoX's output layer."""

MOST_NAMED = 3
"""Largest number of names that a message lists."""


class Skeleton(NamedTuple):
    """Parameters of the model that a config.json describes.

    Attributes:
        shapes: Shape of each parameter by name. A parameter with several names has an entry for each name.
        tied: Name of the parameter that owns the tensor, by name of each tied parameter that shares it.
        prefix: Name of the submodule without the head. Some files put this prefix in front of each parameter's name.
        model_type: `model_type` of config.json.
    """

    shapes: Shapes
    tied: Mapping[str, str]
    prefix: str
    model_type: str


def assign(model: Skeleton, stored: Shapes) -> dict[str, str]:
    """Find each parameter's tensor in the weight files.

    Args:
        model: The model's parameters.
        stored: Shape of each tensor of the weight files by name.

    Returns:
        Name of the tensor, by name of the parameter. A tied parameter that the files do not hold has no entry.

    Raises:
        WeightsError: A parameter has no tensor, a shape differs, or a tensor belongs to no parameter, head or buffer.
            The message does not name the folder.
    """
    keys = {name: key for name in model.shapes if (key := _key(name, model.prefix, stored)) is not None}
    groups = {name: model.tied.get(name, name) for name in model.shapes}
    stored_groups = {groups[name] for name in keys}
    if missing := [name for name in model.shapes if groups[name] not in stored_groups]:
        raise WeightsError(f"the weight files lack tensors of the model in config.json: {_listed(missing)}")
    for name, key in keys.items():
        if stored[key] != model.shapes[name]:
            raise WeightsError(
                f"{key} has shape {list(stored[key])} in the weight files, but the model in config.json has "
                f"{list(model.shapes[name])}"
            )
    if unused := [key for key in stored if key not in {*keys.values()} and not _is_known(key, model)]:
        raise WeightsError(f"the weight files hold tensors that the model in config.json lacks: {_listed(unused)}")
    return keys


def _key(name: str, prefix: str, stored: Shapes) -> str | None:
    """Find a parameter's name in the weight files; None if they do not hold it.

    A file that was saved with a head may have a prefix in its names, and old files may have old names.
    """
    names = [name, *(name.replace(new, old) for new, old in RENAMED if new in name)]
    names += [f"{prefix}.{known}" for known in names] + [known.removeprefix(f"{prefix}.") for known in names]
    return next((known for known in names if known in stored), None)


def _is_known(key: str, model: Skeleton) -> bool:
    """Check whether a stored tensor may stay unused: part of a head or pooler, or a known buffer."""
    if key.removeprefix(f"{model.prefix}.").partition(".")[0] in HEADS:
        return True
    return any(re.search(BUFFERS[kind], key) for kind in ("", model.model_type) if kind in BUFFERS)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(sorted(names)[:MOST_NAMED]) + more
