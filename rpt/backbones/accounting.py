"""Which tensor of the weight files becomes which parameter of the model, and that none is missing or left over.

Names and shapes suffice, so that a folder whose parts do not belong together is refused before its weights are loaded.
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
"""Poolers and heads that the served model types are published with, and that a frozen backbone does not use."""

BUFFERS = {
    "": r"(^|\.)(position_ids|token_type_ids|rotary_emb\.inv_freq)$",
    "gpt2": r"(^|\.)h\.\d+\.attn\.(bias|masked_bias)$",
    "gpt_neox": r"\.attention\.(bias|masked_bias)$",
    "t5": r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$",
    "mt5": r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$",
    "deberta-v2": r"(^|\.)embeddings\.position_embeddings\.",
}
"""Tensors of a published file that the model computes itself or never reads, by model type; "" holds for all."""

RENAMED = (
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
    ("lm_head.", "embed_out."),
)
"""Today's part of a name, and its part in older files: a norm's scale and shift, the output layer of GPT-NeoX."""

MOST_NAMED = 3
"""Names that a message gives of a longer list."""


class Skeleton(NamedTuple):
    """What a model of a config.json consists of.

    Attributes:
        shapes: Shape of each parameter by name, with every name of a parameter that has several.
        tied: Names of parameters that are the same tensor, as `{name: name of the parameter that it is tied to}`.
        prefix: Name of the model without its head, which some files have in front of each name and others have not.
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
        The tensor's name by the parameter's name. A tied parameter that the files do not hold has no entry.

    Raises:
        WeightsError: A parameter has no tensor, a shape differs, or a tensor belongs to no parameter, head or buffer.
            The message does not name the folder.
    """
    found = {name: key for name in model.shapes if (key := _key(name, model.prefix, stored)) is not None}
    groups = {name: model.tied.get(name, name) for name in model.shapes}
    held = {groups[name] for name in found}
    if missing := [name for name in model.shapes if groups[name] not in held]:
        raise WeightsError(f"the weight files lack what config.json asks for: {_listed(missing)}")
    for name, key in found.items():
        if stored[key] != model.shapes[name]:
            raise WeightsError(
                f"{key} has shape {list(stored[key])} in the weight files, and config.json asks for "
                f"{list(model.shapes[name])}"
            )
    if left := [key for key in stored if key not in {*found.values()} and not _is_known(key, model)]:
        raise WeightsError(f"the weight files hold tensors that config.json has no use for: {_listed(left)}")
    return found


def _key(name: str, prefix: str, stored: Shapes) -> str | None:
    """A parameter's name in the weight files.

    A file may be of the model with or without its head, which adds or takes a prefix, or have names of an older time.
    """
    names = [name, *(name.replace(new, old) for new, old in RENAMED if new in name)]
    names += [f"{prefix}.{known}" for known in names] + [known.removeprefix(f"{prefix}.") for known in names]
    return next((known for known in names if known in stored), None)


def _is_known(key: str, model: Skeleton) -> bool:
    """Whether a tensor is a head, a pooler or a buffer that a frozen backbone does not use."""
    if key.removeprefix(f"{model.prefix}.").partition(".")[0] in HEADS:
        return True
    return any(re.search(BUFFERS[kind], key) for kind in ("", model.model_type) if kind in BUFFERS)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(sorted(names)[:MOST_NAMED]) + more
