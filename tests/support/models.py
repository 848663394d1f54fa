"""Tiny random models of every supported model type, saved with the tensor names of their published files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ElectraForPreTraining,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    MT5Config,
    Olmo2Config,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
    T5Config,
    XLMRobertaConfig,
)

SPECIAL = ("<pad>", "</s>", "[UNK]", "[CLS]", "[SEP]")
LABELS = ("True", "False", "Neither", "entailment", "contradiction", "neutral")
WORDS = (*LABELS, *(f"word{number}" for number in range(49)))
VOCAB = len(SPECIAL) + len(WORDS)
DECODER = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
NEOX = {name: value for name, value in DECODER.items() if "key_value" not in name}
GPT2 = {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.3}
ENCODER = {name: value for name, value in NEOX.items() if "token_id" not in name} | {"pad_token_id": 0}
DISTIL = {"vocab_size": VOCAB, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "initializer_range": 0.3}
T5 = {"vocab_size": VOCAB, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
T5_START = {"decoder_start_token_id": 0, "initializer_factor": 1.5}

# Name of a model type: its class in transformers, and a function that builds its configuration.
MAKERS: dict[str, tuple[Any, Any]] = {
    "bert": (AutoModelForMaskedLM, lambda: BertConfig(**ENCODER)),
    "roberta": (AutoModelForMaskedLM, lambda: RobertaConfig(**ENCODER)),
    "xlm-roberta": (AutoModelForMaskedLM, lambda: XLMRobertaConfig(**ENCODER)),
    "deberta-v2": (AutoModelForMaskedLM, lambda: DebertaV2Config(**ENCODER, relative_attention=True)),
    "electra": (ElectraForPreTraining, lambda: ElectraConfig(**ENCODER, embedding_size=32)),
    "electra small": (ElectraForPreTraining, lambda: ElectraConfig(**ENCODER, embedding_size=16)),
    "distilbert": (AutoModelForMaskedLM, lambda: DistilBertConfig(**DISTIL)),
    "t5": (AutoModelForSeq2SeqLM, lambda: T5Config(**T5, **T5_START)),
    "t5 1.1": (AutoModelForSeq2SeqLM, lambda: T5Config(**T5, **T5_START, feed_forward_proj="gated-gelu")),
    "mt5": (AutoModelForSeq2SeqLM, lambda: MT5Config(**T5, **T5_START)),
    **{
        f"{kind}{', tied' if tied else ''}": (
            AutoModelForCausalLM,
            lambda make=make, tied=tied: make(tie_word_embeddings=tied),
        )
        for kind, make in {
            "llama": lambda **more: LlamaConfig(**DECODER, **more),
            "mistral": lambda **more: MistralConfig(**DECODER, sliding_window=None, **more),
            "qwen2": lambda **more: Qwen2Config(**DECODER, **more),
            "qwen3": lambda **more: Qwen3Config(**DECODER, head_dim=8, **more),
            "olmo2": lambda **more: Olmo2Config(**DECODER, **more),
            "phi3": lambda **more: Phi3Config(**DECODER, **more),
            "gpt_neox": lambda **more: GPTNeoXConfig(**NEOX, **more),
            "gpt2": lambda **more: GPT2Config(**GPT2, bos_token_id=1, eos_token_id=1, **more),
        }.items()
        for tied in (False, True)
    },
}

UNTIED_T5 = ("t5 1.1", "mt5")


def make_model(name: str) -> Any:
    """Make a random float32 model of a type in `MAKERS`, with the head that published models of this type have."""
    auto, config = MAKERS[name]
    torch.manual_seed(0)
    make = auto._from_config if auto is ElectraForPreTraining else auto.from_config
    model = make(config()).eval()
    if name in UNTIED_T5:  # transformers ties the embeddings of a new T5; published models have an output layer
        model.lm_head.weight = torch.nn.Parameter(torch.randn(VOCAB, T5["d_model"]) * 0.3)
        model.config.scale_decoder_outputs = False
    return model


def save_as_published(name: str, model: Any, folder: Path) -> None:
    """Save a model and a tokenizer in the hub's layout, with the names, heads and buffers of the published files."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    if name in UNTIED_T5:
        edit_config(folder, lambda config: {**config, "tie_word_embeddings": False})
    rename = {"gpt_neox": _neox, "gpt2": _gpt2, "bert": _old_bert, "t5": _t5}.get(name.removesuffix(", tied"))
    if rename is not None:
        edit_weights(folder, rename)


def edit_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the content of config.json."""
    import json

    path = folder / "config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def edit_weights(folder: Path, change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> None:
    """Change the tensors of model.safetensors."""
    path = folder / "model.safetensors"
    tensors = {key: value.clone().contiguous() for key, value in change(load_file(path)).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def tokenizer() -> PreTrainedTokenizerFast:
    """Make a fast word-level tokenizer with an end marker, which encodes pairs as `[CLS] a [SEP] b [SEP]`."""
    vocab = {token: index for index, token in enumerate((*SPECIAL, *WORDS))}
    made = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = {mark: vocab[mark] for mark in ("[CLS]", "[SEP]")}
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=list(marks.items())
    )
    named = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    return PreTrainedTokenizerFast(tokenizer_object=made, sep_token="[SEP]", **named)


def _neox(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {key.replace("lm_head.", "embed_out."): value for key, value in tensors.items()}
    mask = torch.ones(1, 1, 8, 8, dtype=torch.bool).tril()
    masks = {f"gpt_neox.layers.{layer}.attention.bias": mask for layer in range(2)}
    return named | masks | {"gpt_neox.layers.0.attention.rotary_emb.inv_freq": torch.ones(4)}


def _gpt2(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {key.removeprefix("transformer."): value for key, value in tensors.items()}
    return named | {f"h.{layer}.attn.bias": torch.ones(1, 1, 8, 8).tril() for layer in range(2)}


def _old_bert(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in tensors.items()
    }
    pooler = {"bert.pooler.dense.weight": torch.eye(32), "bert.pooler.dense.bias": torch.zeros(32)}
    return named | pooler | {"bert.embeddings.position_ids": torch.arange(512)[None]}


def _t5(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    shared = tensors["shared.weight"]
    unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    copies = {f"{stack}.embed_tokens.weight": shared for stack in ("encoder", "decoder")}
    return tensors | copies | {unread: torch.zeros(32, 2)}
