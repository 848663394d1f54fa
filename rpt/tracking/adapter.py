"""Write the exported prompt to `adapter/` in PEFT's prompt-tuning format. PEFT computes the same logits from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from rpt.config.schema import BackboneConfig
from rpt.system.writing import storage, write_atomic, write_json


def why_not(section: BackboneConfig, has_prompt: bool, not_folded: str | None = None) -> str | None:
    """Return the reason why PEFT cannot represent a prompt; None if it can.

    PEFT always inserts a prompt among the input embeddings, in front of the whole input.

    Args:
        section: Configuration of the backbone, with the position and the layer of the prompt.
        has_prompt: Whether the run has a prompt.
        not_folded: Reason why the prompt is not one matrix; None if it is one matrix.
    """
    if not has_prompt:
        return "there is no prompt"
    if not_folded is not None:
        return f"PEFT's prompt is one matrix for all texts, and the encoder {not_folded}"
    if section.prompt_layer:
        return (
            f"PEFT puts a prompt among the input embeddings, and this prompt enters before layer "
            f"{section.prompt_layer}; backbone.prompt_layer=0 exports"
        )
    if section.prompt_at != "front":
        front = "[CLS]" if section.prompt_at == "after_cls" else "the text"
        return f"PEFT puts a prompt in front of {front}, and this prompt is behind it; backbone.prompt_at=front exports"
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
    folder: Path, prompt: Tensor, base: tuple[str, str | None], task_type: str, model_config: Any
) -> None:
    """Write the two files of an adapter, and leave other files in its folder unchanged.

    Args:
        folder: Folder of the adapter; it is created if it does not exist.
        prompt: Exported prompt, [length, hidden], float32.
        base: Name and revision of the backbone, as `base_model` returns them.
        task_type: PEFT's name of the task type, such as `SEQ_2_SEQ_LM`.
        model_config: Transformers config of the backbone.

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
