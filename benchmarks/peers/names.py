"""Names that the options of the benchmark accept. No library is imported here, so that wrong names are refused at once.

A shape is a backbone's architecture and size. An implementation of the training step has a name such as `peft`; the
result files call it a way. A part is an implementation or a measurement that can be left out.
"""

from __future__ import annotations

FAMILIES = {"minilm": "encoder", "smollm2": "causal", "t5-small": "seq2seq", "t5-base": "seq2seq"}
"""Family of each shape. MiniLM and SmolLM2 have real weights, and the T5 shapes have random weights."""

TASKS = ("cb", "rte", "boolq", "wic")
"""Tasks with labels and one text for each row."""

RPT, BARE, CACHED = "rpt", "bare_loop", "rpt_cached"
TUNED, PEFT, PUBLISHED = "peft_tuned", "peft", "published_habits"
PACKS = (4, 16)
"""Sizes of packs."""

PROCESSES = "processes"
"""Name of the part that measures peak memory and start-up."""

PARTS = (PUBLISHED, PROCESSES)
"""Parts that a measurement may leave out."""

BATCH, PROMPT_LENGTH = 8, 10
"""Number of rows of a batch, and number of virtual tokens, in every implementation."""
