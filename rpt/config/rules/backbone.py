"""Rules about the backbone, its files, and the prompt, scorer and training that use it."""

from __future__ import annotations

from collections.abc import Iterator

from rpt.backbones.depth import num_layers
from rpt.backbones.files import NoSuchBackbone, family_of, model_type, num_positions
from rpt.backbones.soundness import refuse_unsound
from rpt.config.members import (
    GENERATES_AT_LAYER,
    GENERATES_BEHIND_TEXT,
    NEEDS_EMBEDDINGS,
    TEXT_IS_CACHED,
    TEXT_UPDATES,
    members,
    no_such_layer,
)
from rpt.config.prefix import (
    PREFIX_AND_OWN_SCORER,
    PREFIX_AT_LAYER,
    PREFIX_BEHIND_TEXT,
    WITHOUT_CACHE,
    states_prefix,
    takes_no_prefix,
)
from rpt.config.rules.candidate import Candidate
from rpt.errors import Problem


def backbone_can_serve(candidate: Candidate) -> Iterator[Problem]:
    """Check that the backbone's files are complete, and that its model type belongs to the configured family."""
    backbone = candidate.config.backbone
    sources = {"hub_id": backbone.hub_id, "package": backbone.package, "path": backbone.path}
    name = next((name for name in ("hub_id", "package") if sources[name]), "path")
    try:
        family = None if candidate.folder is None else family_of(candidate.folder)
        if candidate.folder is not None:
            refuse_unsound(candidate.folder)
    except NoSuchBackbone as error:
        yield Problem(f"backbone.{name}", sources[name], str(error))
        return
    if family is not None and backbone.family not in ("auto", family):
        advice = f"the model's own config says {family}. Set backbone.family={family}."
        yield Problem("backbone.family", backbone.family, advice)


def prompt_fits_backbone(candidate: Candidate) -> Iterator[Problem]:
    """Check that prompt and text together do not have more tokens than the backbone has positions."""
    config = candidate.config
    limit = config.backbone.text_limit
    length = config.prompt.length if config.has_prompt else 0
    try:
        positions = None if candidate.folder is None else num_positions(candidate.folder)
    except NoSuchBackbone:
        return  # `backbone_can_serve` reports the missing backbone
    if positions is None or length + limit <= positions:
        return
    shortest = 1 if config.has_prompt else 0
    most_text, most_prompt = positions - shortest, positions - limit
    if limit > most_text:
        advice = f"must be at most {most_text} with the {positions} positions of this backbone. "
        yield Problem("backbone.text_limit", limit, f"{advice}Set backbone.text_limit=256.")
        return
    shorter = f", or backbone.text_limit={positions - length} or less" if positions - length >= 8 else ""
    advice = (
        f"with backbone.text_limit={limit} at most {most_prompt} virtual tokens fit the {positions} positions of "
        f"this backbone. Set prompt.length={most_prompt} or less{shorter}."
    )
    yield Problem("prompt.length", length, advice)


def scorer_fits_family(candidate: Candidate) -> Iterator[Problem]:
    """Check that `head` scores an encoder backbone, and that `rank` or `generate` scores a language model."""
    scorer, family = candidate.config.scorer.name, candidate.family
    if family is None or scorer in ("auto", "own"):
        return
    if (family == "encoder") != (scorer == "head"):
        fitting = "head" if family == "encoder" else "rank or scorer=generate"
        advice = f"does not go with a backbone of family {family}. Set scorer={fitting}."
        yield Problem("scorer.name", scorer, advice)


def prompt_place_fits_family(candidate: Candidate) -> Iterator[Problem]:
    """Check the prompt's position: behind `[CLS]` only in an encoder, behind the text only in a decoder that ranks."""
    config, family = candidate.config, candidate.family
    prompt_at = config.backbone.prompt_at
    reason = None
    if prompt_at == "after_cls" and family in ("seq2seq", "causal"):
        reason = f"a backbone of family {family} has no [CLS]"
    if prompt_at == "end":
        if family in ("encoder", "seq2seq"):
            reason = (
                f"needs a decoder, where text does not attend to a prompt behind it. This backbone has family {family}"
            )
        elif candidate.scorer == "generate":
            ranked = "only with scorer=rank" if config.scorer.name == "generate" else "which this task needs"
            reason = f"{GENERATES_BEHIND_TEXT}, {ranked}"
        elif candidate.scorer == "own":
            reason = "does not go with scorer=own, only with scorer=rank"
        elif config.backbone.dropout or config.trainer.tune == "all":
            key = "backbone.dropout=true" if config.backbone.dropout else "trainer.tune=all"
            reason = f"does not go with {key}, because the text's states are computed only once"
    if reason is not None:
        yield Problem("backbone.prompt_at", prompt_at, f"{reason}. Set backbone.prompt_at=front.")


def cached_text_is_unchanged(candidate: Candidate) -> Iterator[Problem]:
    """Check that an encoder that changes the embeddings of the text is not used with cached texts."""
    target, prompt_at = candidate.config.encoder.target, candidate.config.backbone.prompt_at
    if prompt_at == "end" and target is not None and members(target).intersection(TEXT_UPDATES):
        yield Problem("backbone.prompt_at", prompt_at, TEXT_IS_CACHED)


def prompt_layer_fits_backbone(candidate: Candidate) -> Iterator[Problem]:
    """Check that the backbone has the layer `backbone.prompt_layer`, and that a prompt can enter before this layer."""
    config, layer = candidate.config, candidate.config.backbone.prompt_layer
    if layer == 0 or not config.has_prompt:
        return
    try:
        count = None if candidate.folder is None else num_layers(candidate.folder)
    except NoSuchBackbone:
        return  # `backbone_can_serve` reports the missing backbone
    if count is not None and layer >= count:
        yield Problem("backbone.prompt_layer", layer, no_such_layer(count))
    elif members(str(config.encoder.target)).intersection((*TEXT_UPDATES, "reads_text")):
        yield Problem("backbone.prompt_layer", layer, NEEDS_EMBEDDINGS)
    elif (reason := _conflict_of_layer(candidate)) is not None:
        yield Problem("backbone.prompt_layer", layer, f"{reason}. Set backbone.prompt_layer=0.")


def _conflict_of_layer(candidate: Candidate) -> str | None:
    """Return the reason why another setting excludes a `backbone.prompt_layer` above 0; None if no setting does."""
    config = candidate.config
    if config.backbone.prompt_at == "end":
        return "does not go with backbone.prompt_at=end, which caches keys and values of all layers"
    if config.backbone.dropout:
        return (
            "does not go with backbone.dropout=true, because the text's states below the layer are computed only once"
        )
    if candidate.scorer == "own":
        return "does not go with a scorer of your own, which may read the whole backbone"
    if candidate.scorer == "generate" and candidate.family == "causal":
        return GENERATES_AT_LAYER
    return None


def prefix_fits_backbone(candidate: Candidate) -> Iterator[Problem]:
    """Check that a prefix fits the model type, the prompt's position and the scorer."""
    config = candidate.config
    if not states_prefix(config):
        return
    try:
        kind = None if candidate.folder is None else model_type(candidate.folder)
    except NoSuchBackbone:
        return  # `backbone_can_serve` reports the missing backbone
    section = config.backbone
    if kind in WITHOUT_CACHE:
        yield Problem("backbone.name", section.name, takes_no_prefix(kind))
    if section.prompt_at == "end":
        yield Problem("backbone.prompt_at", section.prompt_at, PREFIX_BEHIND_TEXT)
    if section.prompt_layer:
        yield Problem("backbone.prompt_layer", section.prompt_layer, PREFIX_AT_LAYER)
    if candidate.scorer == "own":
        yield Problem("scorer", config.chosen.get("scorer", "own"), PREFIX_AND_OWN_SCORER)


def tuning_has_no_prompt(candidate: Candidate) -> Iterator[Problem]:
    """Check that full fine-tuning has no prompt and no bfloat16 weights."""
    config = candidate.config
    if config.trainer.tune != "all":
        return
    if config.has_prompt:
        yield Problem("trainer.tune", "all", "takes no prompt. Set encoder=none, or trainer.tune=prompt.")
    dtype = config.backbone.dtype
    if dtype == "bfloat16":
        yield Problem(
            "backbone.dtype", dtype, "cannot store the small updates of trainer.tune=all. Set backbone.dtype=float32."
        )
