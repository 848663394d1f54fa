"""The shape of T5-Base, whose weights a benchmark makes at random: speed and memory depend on nothing else of them."""

from __future__ import annotations

from transformers import T5Config

WIDTH, WIDE, LAYERS, VOCABULARY = 768, 3072, 12, 32128
"""Hidden size, width of the feed-forward layers, layers of encoder and of decoder, rows of the embedding."""


def config() -> T5Config:
    """Of google-t5/t5-base, whose 12 heads are 64 wide."""
    shape = {"d_model": WIDTH, "d_kv": 64, "d_ff": WIDE, "num_layers": LAYERS, "num_heads": 12}
    return T5Config.from_dict({**shape, "vocab_size": VOCABULARY, "decoder_start_token_id": 0})
