"""Checks of a configuration that need the loaded backbone or the tokenised rows. `rpt.build` calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.causal import CausalBackbone
from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.split import Split
from rpt.config.members import GENERATES_AT_LAYER, GENERATES_BEHIND_TEXT
from rpt.config.prefix import PREFIX_AT_LAYER, PREFIX_BEHIND_TEXT, WITHOUT_CACHE, takes_no_prefix
from rpt.config.schema import Config
from rpt.console import say
from rpt.data.encode import Encoded
from rpt.errors import ConfigError
from rpt.prompt.init import frequent_token_ids
from rpt.prompt.layer_source import FREQUENT
from rpt.prompt.needs import enters_every_layer
from rpt.system.modules import load_object

OF_THE_ROWS = ("task", "data", "protocol", "backbone", "scorer", "prompt", "trainer")
"""Sections of the configuration that must be equal for a data module and for the module that trains on its batches."""


def check_same_sections(config: Config, of_the_data: Config) -> None:
    """Check that a data module was built from the same configuration as the module that trains on its batches.

    Args:
        config: Configuration of the module.
        of_the_data: Configuration of the data module.

    Raises:
        ConfigError: A value in a section of `OF_THE_ROWS` differs.
    """
    for section in OF_THE_ROWS:
        others = getattr(of_the_data, section).model_dump()
        for key, value in getattr(config, section).model_dump().items():
            if value != others[key]:
                advice = f"the data was built with {others[key]}. Build rpt.TaskData from the same configuration."
                raise ConfigError.of(f"{section}.{key}", value, advice)


def check_warmup(configs: Sequence[Config], total_steps: int) -> None:
    """Check that the warm-up of the learning rate ends before the training.

    Raises:
        ConfigError: `warmup_steps` is the number of all steps, or larger.
    """
    for config in configs:
        if config.warmup_steps >= total_steps:
            advice = (
                f"must be less than the {total_steps} steps of this training. Set warmup_steps={total_steps // 10}."
            )
            raise ConfigError.of("warmup_steps", config.warmup_steps, advice)


def check_positions(configs: Sequence[Config], backbone: FrozenBackbone, encoded: Mapping[str, Encoded]) -> None:
    """Check that the backbone has positions for the prompt, the longest text and, in a decoder, the longest answer.

    Raises:
        ConfigError: Prompt, text and answer together have more tokens than the backbone has positions.
    """
    section = configs[0].backbone
    positions = backbone.num_positions
    if positions is None:
        return
    is_causal = section.family == "causal"
    written = max(split.longest_output for split in encoded.values()) if is_causal else 0
    prompt = max(config.prompt.length if config.has_prompt else 0 for config in configs)
    longest = max(len(text) for split in encoded.values() for texts in split.inputs for text in texts)
    if prompt + longest + written > positions:
        room = positions - prompt - written
        advice = (
            f"prompt, text and {written} tokens of an answer must fit the {positions} positions of this backbone. Set "
            f"backbone.text_limit={room} or less."
        )
        raise ConfigError.of("backbone.text_limit", section.text_limit, advice)


def check_sample(configs: Sequence[Config], backbone: FrozenBackbone) -> None:
    """Check that the tokenizer has frequent tokens, whose states or keys and values stand for the vocabulary.

    Raises:
        ConfigError: The tokenizer has no such tokens, and a prompt enters before a later layer or is a prefix.
    """
    prefixes = [config.chosen.get("encoder", "own") for config in configs if is_prefix(config)]
    if prefixes and not frequent_token_ids(backbone.tokenizer, FREQUENT):
        advice = (
            "needs keys and values of frequent tokens, and this tokenizer has no tokens of more than one character. "
            "Choose another encoder, with init=uniform or init=normal."
        )
        raise ConfigError.of("encoder", prefixes[0], advice)
    layer = max(config.backbone.prompt_layer if config.has_prompt else 0 for config in configs)
    if layer and not frequent_token_ids(backbone.tokenizer, FREQUENT):
        advice = (
            "needs the states of frequent tokens before this layer, and this tokenizer has no tokens of more than one "
            "character. Set backbone.prompt_layer=0, with init=uniform or init=normal."
        )
        raise ConfigError.of("backbone.prompt_layer", layer, advice)


def tell_of_large_texts(cached: Split | FrozenBackbone, encoded: Mapping[str, Encoded]) -> None:
    """Print a line if the constant states of all texts exceed both limits of their cache, in memory and on disk.

    Args:
        cached: Backbone, split before the layer at which the prompt enters, or decoder with the prompt behind the text.
        encoded: Tokenised splits of the rows. Answers behind the texts are not counted.
    """
    texts = {tuple(ids) for part in encoded.values() for row in part.inputs for ids in row}
    if isinstance(cached, Split):
        cache: BoundedCache[Any] = cached.cache
        states = f"states of all texts before layer {cached.layer}"
    else:
        assert isinstance(cached, CausalBackbone)
        cache, states = cached.texts, "keys and values of all texts"
        texts = {ids[:-1] for ids in texts}  # the last token of a text is computed with the prompt
    size = sum(map(len, texts)) * cached.bytes_of_token
    limits = {"in memory (backbone.text_cache_memory)": cache.max_bytes}
    if cache.disk is not None:
        limits["on disk (backbone.text_cache_disk)"] = cache.disk.capacity
    if size > max(limits.values()):
        kept = ", ".join(f"{limit / 2**30:,.1f} GiB are kept {where}" for where, limit in limits.items())
        say(
            f"note: the {states} take {size / 2**30:,.1f} GiB or more, and {kept}. The other texts are computed one "
            "by one each time. Fewer rows (data.max_rows) or shorter texts (backbone.text_limit) are faster.\n"
        )


def is_prefix(config: Config) -> bool:
    """Whether the prompt of a run consists of keys and values of every layer."""
    return config.encoder.target is not None and enters_every_layer(load_object(config.encoder.target))


def check_prefix(config: Config, backbone: FrozenBackbone) -> None:
    """Refuse settings that cannot be combined with a prompt of keys and values of every layer.

    Args:
        config: Configuration of a run whose encoder gives keys and values.
        backbone: Backbone of the run.

    Raises:
        ConfigError: The model takes no keys and values, or the prompt is behind the text or before a later layer.
    """
    section, kind = config.backbone, backbone.model.config.model_type
    if kind in WITHOUT_CACHE:
        raise ConfigError.of("backbone.name", section.name, takes_no_prefix(kind))
    if section.prompt_at == "end":
        raise ConfigError.of("backbone.prompt_at", section.prompt_at, PREFIX_BEHIND_TEXT)
    if section.prompt_layer:
        raise ConfigError.of("backbone.prompt_layer", section.prompt_layer, PREFIX_AT_LAYER)


def check_generation(config: Config) -> None:
    """Refuse the positions and layers of a prompt with which a decoder generates wrong texts.

    Args:
        config: Configuration of a run that generates with a decoder.

    Raises:
        ConfigError: The prompt is behind the text or before a later layer.
    """
    section = config.backbone
    if section.prompt_at == "end":
        advice = f"{GENERATES_BEHIND_TEXT}. Set backbone.prompt_at=front."
        raise ConfigError.of("backbone.prompt_at", section.prompt_at, advice)
    if section.prompt_layer and config.has_prompt:
        raise ConfigError.of("backbone.prompt_layer", section.prompt_layer, f"{GENERATES_AT_LAYER}. Set it to 0.")
