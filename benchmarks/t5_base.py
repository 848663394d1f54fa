"""The shape of T5-Base. Benchmarks use random weights: speed and memory depend on the shape alone."""

from __future__ import annotations

from transformers import T5Config

WIDTH, WIDE, LAYERS, VOCABULARY = 768, 3072, 12, 32128
"""Hidden size, width of the feed-forward layers, layers of encoder and of decoder, rows of the embedding."""


def config() -> T5Config:
    """The configuration of google-t5/t5-base, with 12 heads of width 64."""
    shape = {"d_model": WIDTH, "d_kv": 64, "d_ff": WIDE, "num_layers": LAYERS, "num_heads": 12}
    return T5Config.from_dict({**shape, "vocab_size": VOCABULARY, "decoder_start_token_id": 0})
