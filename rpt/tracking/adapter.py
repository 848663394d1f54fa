"""`adapter/`: the folded prompt in PEFT's prompt-tuning format, which gives equal logits there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from rpt.config import BackboneConfig
from rpt.tracking.files import storage, write_atomic, write_json


def why_not(prompt_at: str, has_prompt: bool) -> str | None:
    """Why PEFT cannot represent a prompt, or None where it can: PEFT puts it in front of the whole input."""
    if not has_prompt:
        return "there is no prompt"
    if prompt_at != "front":
        return "PEFT puts a prompt in front of [CLS], this one stands behind it; backbone.prompt_at=front exports"
    return None


def base_model(section: BackboneConfig, place: Path) -> tuple[str, str | None]:
    """The name and the revision by which PEFT finds the backbone that a prompt was trained for.

    A model of the hub has its hub id, and the commit that the local cache holds. A packaged model has the hub id of the
    original weights. Any other model has its folder's absolute path: `_name_or_path` in its config often names an
    ancestor with other weights, as MiniLM's does.

    Args:
        section: The backbone's configuration.
        place: Folder that the backbone was loaded from.
    """
    if section.hub_id is not None:
        is_snapshot = place.parent.name == "snapshots"  # the layout of the hub's cache: snapshots/COMMIT
        return section.hub_id, place.name if is_snapshot else section.revision
    if section.package is not None and section.original is not None:
        return section.original, section.revision
    return str(place.resolve()), None


def write_adapter(
    folder: Path, prompt: Tensor, base: tuple[str, str | None], task_type: str, model_config: Any
) -> None:
    """Write an adapter's two files, and leave what else lies in its folder.

    Args:
        folder: Folder of the adapter; made if need be.
        prompt: The folded prompt [length, hidden], float32.
        base: Name and revision of the backbone, as `base_model` returns them.
        task_type: PEFT's word for how the model is used, such as `SEQ_2_SEQ_LM`.
        model_config: The backbone's transformers config.

    Source: the format of PEFT 0.21, `PeftModel.save_pretrained` for PROMPT_TUNING.
    """
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": task_type,
        "base_model_name_or_path": base[0],
        "inference_mode": True,
        "num_virtual_tokens": len(prompt),
        "token_dim": prompt.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": model_config.num_attention_heads,
        "num_layers": model_config.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
        "revision": base[1],
    }
    with storage(folder):
        folder.mkdir(exist_ok=True)
    write_atomic(folder / "adapter_model.safetensors", save({"prompt_embeddings": prompt.contiguous()}))
    write_json(folder / "adapter_config.json", config)
