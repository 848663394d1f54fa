"""Build the prompt of a run from its configuration: encoder, initial table and unit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.split import split_before
from rpt.config.construct import construct, construct_with_known
from rpt.config.members import NEEDS_EMBEDDINGS, TEXT_IS_CACHED
from rpt.config.prefix import PREFIX_AND_TEXT
from rpt.config.protocol import fixed_choices
from rpt.config.schema import Config
from rpt.errors import ConfigError
from rpt.prompt.init import InitSource
from rpt.prompt.layer_source import LayerSource
from rpt.prompt.needs import changes_text, table_rows, why_not_folded
from rpt.prompt.prefix_source import PrefixSource
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.prompt.unit import prompt_scale
from rpt.prompt.vocabulary import rms_of_vocabulary
from rpt.training.build_checks import check_prefix, is_prefix


def build_prompt(config: Config, backbone: FrozenBackbone) -> SoftPrompt:
    """Build the prompt of a run: the encoder, and the initial table in the unit of the prompt.

    The random numbers of the encoder come from torch's global generator, and those of the table from the run's seed.

    Raises:
        ConfigError: The encoder or the initialisation cannot be built, or does not fit the backbone or the placement.
    """
    if is_prefix(config):
        check_prefix(config, backbone)
    source = _init_source(config, backbone)
    layers = backbone.key_value_shape[0] if is_prefix(config) else backbone.num_layers
    known = {"vocabulary": source, "backbone_layers": layers}
    sizes = {"length": config.prompt.length, "hidden": source.hidden}
    encoder = construct_with_known("encoder", config.encoder, known, **sizes)
    if is_prefix(config) and why_not_folded(encoder) is not None:
        raise ConfigError.of("encoder._target_", config.encoder.target, PREFIX_AND_TEXT)
    if config.backbone.prompt_at == "end" and changes_text(encoder):
        raise ConfigError.of("backbone.prompt_at", "end", TEXT_IS_CACHED)
    if (layer := config.backbone.prompt_layer) and why_not_folded(encoder) is not None:
        raise ConfigError.of("backbone.prompt_layer", layer, NEEDS_EMBEDDINGS)
    prompt = SoftPrompt(
        _initial_table(config, source, table_rows(encoder, config.prompt.length)), encoder, source.scale
    )
    if config.prompt.freeze is not None:
        prompt.freeze(config.prompt.freeze)
    return prompt


def _init_source(config: Config, backbone: FrozenBackbone) -> InitSource:
    """Return the inputs of the initialisation, in the unit of the prompt.

    `backbone.prompt_scale` is the scale of a prompt among the input embeddings. It has no effect on a prefix or on a
    prompt before a later layer.
    """
    layer, unit, choices = config.backbone.prompt_layer, config.prompt.unit, fixed_choices(config)
    if is_prefix(config):
        scale = prompt_scale(unit, rms_of_vocabulary(backbone, 0, True)) if unit == "vocab" else 1.0
        return PrefixSource(backbone.embedding, backbone.tokenizer, choices, scale, backbone=backbone)
    if layer == 0:
        scale = prompt_scale(unit, backbone.vocabulary_rms, config.backbone.prompt_scale)
        return InitSource(backbone.embedding, backbone.tokenizer, choices, scale)
    scale = prompt_scale(unit, rms_of_vocabulary(backbone, layer, False), layer=layer) if unit == "vocab" else 1.0
    split = split_before(backbone, layer)
    return LayerSource(backbone.embedding, backbone.tokenizer, choices, scale, split=split)


def _initial_table(config: Config, source: InitSource, rows: int) -> Float[Tensor, "rows hidden"]:
    """Draw the initial table from the run's seed.

    Raises:
        ConfigError: The initialisation cannot fill a table with this number of rows or columns.
    """
    rng = torch.Generator().manual_seed(config.seed)
    try:
        table: Tensor = construct("init", config.init, source, rows, rng)
    except ConfigError as error:
        if rows == config.prompt.length:
            raise
        advice = f"cannot fill the {rows} rows of this encoder's table ({error}). Set init=vocab."
        raise ConfigError.of("init", config.chosen.get("init"), advice) from error
    return table
