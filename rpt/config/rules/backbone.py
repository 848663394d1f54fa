"""Rules about the backbone, its files, and the prompt, scorer and training that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rpt.backbones.files import NoSuchBackbone, cached, family_of, locate, num_positions
from rpt.backbones.soundness import refuse_unsound
from rpt.config.rules.access import Values, get
from rpt.errors import Problem


def folder(values: Values) -> Path | None:
    """Find the folder of the backbone's files; None if they must be fetched from the hub or no folder is named.

    Raises:
        NoSuchBackbone: The named folder is missing or incomplete.
    """
    package, path = get(values, "backbone.package", str), get(values, "backbone.path", str)
    hub_id, revision = get(values, "backbone.hub_id", str), get(values, "backbone.revision", str)
    if hub_id is not None:
        return cached(hub_id, revision)
    if path is None or path == "???":
        return None
    return locate(package, path, None, None)


def family(values: Values) -> str | None:
    """Return the backbone's family as configured, or as the model's config says for `auto`; None if it is unknown."""
    stated = get(values, "backbone.family", str)
    if stated != "auto":
        return stated
    try:
        place = folder(values)
        return None if place is None else family_of(place)
    except NoSuchBackbone:
        return None  # `backbone_can_serve` says so


def backbone_can_serve(values: Values) -> Iterator[Problem]:
    """The backbone's files must be complete, and its model type must belong to the configured family."""
    stated = get(values, "backbone.family", str)
    key = next((f"backbone.{name}" for name in ("hub_id", "package") if get(values, f"backbone.{name}", str)), None)
    key = key or "backbone.path"
    try:
        place = folder(values)
        found = None if place is None else family_of(place)
        if place is not None:
            refuse_unsound(place)
    except NoSuchBackbone as error:
        yield Problem(key, get(values, key, str), str(error))
        return
    if found is not None and stated not in ("auto", found):
        yield Problem("backbone.family", stated, f"the model's own config says {found}. Set backbone.family={found}.")


def prompt_fits_backbone(values: Values) -> Iterator[Problem]:
    """Prompt and text together must not have more tokens than the backbone has positions."""
    has_prompt = get(values, "encoder._target_", str) is not None  # encoder=none has no prompt of any length
    length = get(values, "prompt.length", int) if has_prompt else 0
    limit = get(values, "backbone.text_limit", int)
    try:
        place = folder(values)
        positions = None if place is None else num_positions(place)
    except NoSuchBackbone:
        return  # `backbone_can_serve` says so
    if positions is None or length is None or limit is None or length + limit <= positions:
        return
    room = positions - limit
    if room < has_prompt:
        most = positions - has_prompt
        advice = f"must be at most {most} with the {positions} positions of this backbone. Set backbone.text_limit=256."
        yield Problem("backbone.text_limit", limit, advice)
        return
    shorter = f", or backbone.text_limit={positions - length} or less" if positions - length >= 8 else ""
    advice = (
        f"with backbone.text_limit={limit} at most {room} virtual tokens fit the {positions} positions of "
        f"this backbone. Set prompt.length={room} or less{shorter}."
    )
    yield Problem("prompt.length", length, advice)


def scorer_fits_family(values: Values) -> Iterator[Problem]:
    """The scorer `head` needs an encoder; `rank` and `generate` need a language model."""
    scorer, served = get(values, "scorer.name", str), family(values)
    if served is None or scorer in (None, "auto"):
        return
    if (served == "encoder") != (scorer == "head"):
        can = "head" if served == "encoder" else "rank or scorer=generate"
        yield Problem("scorer.name", scorer, f"does not go with a backbone of family {served}. Set scorer={can}.")


def prompt_place_fits_family(values: Values) -> Iterator[Problem]:
    """The prompt can follow `[CLS]` only in an encoder."""
    place, served = get(values, "backbone.prompt_at", str), family(values)
    if place == "after_cls" and served in ("seq2seq", "causal"):
        advice = f"a backbone of family {served} has no [CLS]. Set backbone.prompt_at=front."
        yield Problem("backbone.prompt_at", place, advice)


def tuning_has_no_prompt(values: Values) -> Iterator[Problem]:
    """Full fine-tuning must have no prompt and no bfloat16 weights."""
    if get(values, "trainer.tune", str) != "all":
        return
    if get(values, "encoder._target_", str) is not None:
        yield Problem("trainer.tune", "all", "is the baseline without a prompt. Set encoder=none.")
    dtype = get(values, "backbone.dtype", str)
    if dtype == "bfloat16":
        yield Problem("backbone.dtype", dtype, "is too coarse to train weights in. Set backbone.dtype=float32.")
