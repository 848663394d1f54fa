"""`adapter/`: the folded prompt in PEFT's prompt-tuning format, which gives equal logits there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from rpt.tracking.files import storage, write_atomic, write_json


def why_not(prompt_at: str, has_prompt: bool) -> str | None:
    """Why PEFT cannot represent a prompt, or None where it can: PEFT puts it in front of the whole input."""
    if not has_prompt:
        return "there is no prompt"
    if prompt_at != "front":
        return "PEFT puts a prompt in front of [CLS], this one stands behind it; backbone.prompt_at=front exports"
    return None


def write_adapter(folder: Path, prompt: Tensor, base_model: str, task_type: str, model_config: Any) -> None:
    """Write an adapter folder, whole or not at all.

    Args:
        folder: Made or replaced.
        prompt: The folded prompt [length, hidden], float32.
        base_model: The backbone's name, for whoever loads the adapter.
        task_type: PEFT's word for how the model is used, such as `SEQ_2_SEQ_LM`.
        model_config: The backbone's transformers config.

    Source: the format of PEFT 0.21, `PeftModel.save_pretrained` for PROMPT_TUNING.
    """
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": task_type,
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "num_virtual_tokens": len(prompt),
        "token_dim": prompt.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": model_config.num_attention_heads,
        "num_layers": model_config.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
        "revision": None,
    }
    with storage(folder):
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".adapter."))
        try:
            write_atomic(draft / "adapter_model.safetensors", save({"prompt_embeddings": prompt.contiguous()}))
            write_json(draft / "adapter_config.json", config)
            draft.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # gone already, unless writing failed
