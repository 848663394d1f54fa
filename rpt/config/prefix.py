"""Refusals of settings that do not go with a prefix, a prompt of keys and values of every layer (`encoder=prefix`)."""

from __future__ import annotations

from rpt.config.members import members
from rpt.config.schema import Config

WITHOUT_CACHE = ("deberta-v2", "distilbert")
"""Supported model types whose attention in transformers does not accept keys and values of a prefix."""

ENTERS_EVERY_LAYER = "enters_every_layer"
"""Class attribute by which an encoder states that its prompts are prefixes (`rpt.prompt.needs`)."""

PREFIX_BEHIND_TEXT = (
    "does not go with this encoder, whose keys and values are in front of the text. Set backbone.prompt_at=front."
)
"""Refusal of `backbone.prompt_at=end` for a prefix."""

PREFIX_AT_LAYER = (
    "does not go with this encoder, which gives keys and values to every layer. Set backbone.prompt_layer=0."
)
"""Refusal of a `backbone.prompt_layer` above 0 for a prefix."""

PREFIX_AND_TEXT = (
    "gives keys and values of every layer, and reads or changes the embeddings of the text. rpt does not "
    "support both: remove enters_every_layer, or the methods and attributes that need the text."
)
"""Refusal of an encoder whose prompts are prefixes and that reads or changes the embeddings of the text."""

PREFIX_AND_OWN_SCORER = (
    "does not go with this encoder, because a scorer of your own may read the backbone without the keys and values. "
    "Set scorer=auto, or choose another encoder."
)
"""Refusal of a user's scorer for a prefix."""


def takes_no_prefix(kind: str) -> str:
    """Format the refusal of a prefix for a model type whose attention does not accept the prefix's keys and values."""
    return (
        f"is a model of type {kind}, whose attention in transformers takes no keys and values in front of the text, "
        "which this encoder gives. Choose another encoder, or a backbone of type bert, roberta or electra."
    )


def states_prefix(config: Config) -> bool:
    """Whether the encoder's class defines `enters_every_layer`, according to its source text.

    A definition in a base class of another module is not found here. `rpt.training.build_checks.is_prefix` finds it,
    because it imports the class.
    """
    return config.encoder.target is not None and ENTERS_EVERY_LAYER in members(config.encoder.target)
