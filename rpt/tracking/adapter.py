"""Write the exported prompt to `adapter/` in a format of PEFT, which computes the same logits from it.

A prompt among the input embeddings has PEFT's format PROMPT_TUNING, and a prefix has the format PREFIX_TUNING.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from rpt.config.schema import BackboneConfig
from rpt.prompt.peft_layout import with_cross_attention
from rpt.system.writing import storage, write_atomic, write_json


def why_not(
    section: BackboneConfig, has_prompt: bool, not_folded: str | None = None, every_layer: bool = False
) -> str | None:
    """Return the reason why PEFT cannot represent a prompt; None if it can.

    PEFT always inserts a prompt among the input embeddings, in front of the whole input. A prefix has no such position.

    Args:
        section: Configuration of the backbone, with the position and the layer of the prompt.
        has_prompt: Whether the run has a prompt.
        not_folded: Reason why the prompt is not one matrix; None if it is one matrix.
        every_layer: Whether the prompt is a prefix.
    """
    if not has_prompt:
        return "there is no prompt"
    if not_folded is not None:
        return f"PEFT's prompt is one matrix for all texts, and the encoder {not_folded}"
    if every_layer:
        return None
    if section.prompt_layer:
        return (
            f"PEFT puts a prompt among the input embeddings, and this prompt enters before layer "
            f"{section.prompt_layer}; train with backbone.prompt_layer=0 for an adapter"
        )
    if section.prompt_at != "front":
        front = "[CLS]" if section.prompt_at == "after_cls" else "the text"
        advice = "train with backbone.prompt_at=front for an adapter"
        return f"PEFT puts a prompt in front of {front}, and this prompt is behind it; {advice}"
    return None


def base_model(section: BackboneConfig, folder: Path) -> tuple[str, str | None]:
    """Return the name and the revision by which PEFT finds the backbone that a prompt was trained for.

    A model of the hub has its hub id, and the commit in the local cache. A packaged model has the hub id of the
    original weights. Any other model has the absolute path of its folder, because `_name_or_path` in the model's config
    often names another model with other weights, as in MiniLM's config.

    Args:
        section: Configuration of the backbone.
        folder: Folder from which the backbone was loaded.
    """
    if section.hub_id is not None:
        is_snapshot = folder.parent.name == "snapshots"  # the layout of the hub's cache: snapshots/COMMIT
        return section.hub_id, folder.name if is_snapshot else section.revision
    if section.package is not None and section.original is not None:
        return section.original, section.revision
    return str(folder.resolve()), None


def write_adapter(
    folder: Path,
    prompt: Tensor,
    base: tuple[str, str | None],
    task_type: str,
    model_config: Any,
    key_value_shape: tuple[int, int, int, int] | None = None,
) -> None:
    """Write the two files of an adapter, and leave other files in its folder unchanged.

    Args:
        folder: Folder of the adapter; it is created if it does not exist.
        prompt: Exported prompt, float32 [length, hidden]; for a prefix, [length, layers * 2 * heads * size].
        base: Name and revision of the backbone, as `base_model` returns them.
        task_type: PEFT's name of the task type, such as `SEQ_2_SEQ_LM`.
        model_config: Transformers config of the backbone.
        key_value_shape: For a prefix, shape of the keys and values of one token: layers, 2, heads, size of a head. None
            for a prompt among the input embeddings.

    Source: the format of PEFT 0.21, `PeftModel.save_pretrained` for PROMPT_TUNING and PREFIX_TUNING.
    """
    config = {
        "task_type": task_type,
        "base_model_name_or_path": base[0],
        "inference_mode": True,
        "num_virtual_tokens": len(prompt),
        "revision": base[1],
    }
    if key_value_shape is None:
        config |= _prompt_settings(prompt, model_config)
    else:
        layers, is_seq2seq = key_value_shape[0], task_type == "SEQ_2_SEQ_LM"
        config |= _prefix_settings(key_value_shape, is_seq2seq)
        prompt = with_cross_attention(prompt, layers) if is_seq2seq else prompt
    with storage(folder):
        folder.mkdir(exist_ok=True)
    write_atomic(folder / "adapter_model.safetensors", save({"prompt_embeddings": prompt.contiguous()}))
    write_json(folder / "adapter_config.json", config)


def _prompt_settings(prompt: Tensor, model_config: Any) -> dict[str, Any]:
    return {
        "peft_type": "PROMPT_TUNING",
        "token_dim": prompt.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": model_config.num_attention_heads,
        "num_layers": model_config.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
    }


def _prefix_settings(key_value_shape: tuple[int, int, int, int], is_seq2seq: bool) -> dict[str, Any]:
    """Return PEFT's settings of a prefix. PEFT expects two blocks for each layer of a decoder with cross-attention."""
    layers, _, heads, size = key_value_shape
    stacks = 2 if is_seq2seq else 1
    return {
        "peft_type": "PREFIX_TUNING",
        "token_dim": heads * size,
        "num_transformer_submodules": stacks,
        "num_attention_heads": heads,
        "num_layers": stacks * layers,
        "prefix_projection": False,
    }
