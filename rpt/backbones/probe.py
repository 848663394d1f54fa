"""Try a loaded backbone and its tokenizer on a few tokens, and refuse them early if they cannot be used."""

from __future__ import annotations

from typing import Any

import torch

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.language import LanguageModel
from rpt.errors import WeightsError

TEXTS = ("A few words, 12 in all.", "Été 北京 \N{GRINNING FACE}")
"""Texts of several scripts. Every tokenizer must accept them, even if it knows none of their words."""


def usable_tokenizer(tokenizer: Any, family: str, num_rows: int | None = None) -> None:
    """Refuse a tokenizer that cannot be used with the backbone.

    Args:
        tokenizer: Tokenizer of transformers.
        family: Family of the backbone: `encoder`, `seq2seq` or `causal`.
        num_rows: Number of rows of the backbone's input embedding table; None if the weights are not loaded.

    Raises:
        WeightsError: The tokenizer is not a fast tokenizer, lacks an end marker or a padding token that the family
            needs, has more tokens than the embedding table has rows, or gives no tokens for words. The message does
            not name the folder.
        Exception: Any error that the tokenizer raises on a text.
    """
    if not tokenizer.is_fast:
        raise WeightsError("its tokenizer is not a fast tokenizer. Save it with a tokenizer.json.")
    if family != "encoder" and tokenizer.eos_token_id is None:
        raise WeightsError("its tokenizer has no end marker. Name an eos_token in tokenizer_config.json.")
    if family == "encoder" and tokenizer.pad_token_id is None and tokenizer.eos_token_id is None:
        raise WeightsError("its tokenizer has no padding token. Name a pad_token in tokenizer_config.json.")
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if num_rows is not None and not 0 <= largest < num_rows:
        raise WeightsError(
            f"its tokenizer has tokens up to number {largest}, and the model's embedding table has {num_rows} rows. "
            "Copy the tokenizer's files of this model."
        )
    encoded = tokenizer(list(TEXTS), return_offsets_mapping=True, verbose=False)
    if not all(encoded["input_ids"]) or len(encoded["offset_mapping"]) != len(TEXTS):
        raise WeightsError("its tokenizer gives no tokens for words. Copy the tokenizer's files of this model.")
    if family == "encoder":
        tokenizer([TEXTS[0]], [TEXTS[1]], verbose=False)


def refuse_unusable(backbone: FrozenBackbone) -> None:
    """Run a forward pass on two tokens, and refuse a backbone with states of an unexpected width.

    Raises:
        WeightsError: The width of the states differs from the configuration's.
        Exception: Any error that the model raises.
    """
    ids = torch.zeros(1, 2, dtype=torch.int64)
    with torch.no_grad():
        embeds, mask = backbone.embed(ids), torch.ones_like(ids)
        if isinstance(backbone, LanguageModel):
            backbone.log_likelihoods(embeds, mask, ids, mask, torch.zeros(1, dtype=torch.int64))
        elif (width := backbone(embeds, mask).shape[-1]) != backbone.state_size:
            states = f"its hidden states have {width} numbers, and config.json says {backbone.state_size}"
            raise WeightsError(f"{states}. Copy the whole model again.")
