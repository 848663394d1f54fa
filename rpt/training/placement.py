"""Put the prompts of the runs into the texts of a forward pass: in front, behind `[CLS]`, or behind the text.

A prompt enters among the input embeddings, or among the hidden states before a later layer. A prefix enters every layer
as keys and values.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.causal import CausalBackbone
from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.lines import TextLine
from rpt.backbones.split import Split
from rpt.backbones.text_cache import Context
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted, attend, insert
from rpt.prompt.text_prompt import EncodedPrompt, Folded, TextPrompt, Texts
from rpt.prompt.text_updates import add_updates
from rpt.training.run import Run

Prompts: TypeAlias = Sequence[Folded | EncodedPrompt]
"""Prompt of each run: the encoder's output for a training step, or the folded prompt for an evaluation."""


def texts_of_run(backbone: FrozenBackbone, rows: Rows, run: int) -> Texts:
    """Return the texts of one run in a batch, cut to the longest of them.

    Args:
        backbone: Backbone whose embeddings the texts get.
        rows: Rows of the batch.
        run: Index of the run.
    """
    chosen = (rows.run_of_text == run).nonzero().squeeze(1)
    mask = rows.mask[chosen]
    width = int(mask.sum(dim=1).max()) if len(chosen) else 0
    device = backbone.device
    return Texts(rows.ids[chosen, :width].to(device), mask[:, :width].to(device), backbone.embed)


def place_prompts(
    backbone: FrozenBackbone,
    rows: Rows,
    prompts: Prompts,
    prompt_at: int | None,
    split: Split | None = None,
    prefixed: Container[int] = (),
) -> Inserted:
    """Embed the texts of rows, and insert into each text the prompt of its run.

    Args:
        backbone: Backbone whose embeddings the texts get.
        rows: Rows of a forward pass.
        prompts: Prompt of each run.
        prompt_at: Position in the text at which the prompt is inserted; None inserts it behind the text of a decoder.
        split: Backbone, split before the layer at which the prompt enters. The result then holds hidden states, for
            `split.above`. None for a prompt among the input embeddings.
        prefixed: Indices of the runs whose prompt consists of keys and values of every layer. `rpt.build` refuses them
            together with a prompt behind the text or before a later layer.
    """
    rows, encoded = _encoded(backbone, rows, prompts)
    if split is not None:
        assert prompt_at is not None
        return _before_layer(split, rows, encoded, prompt_at)
    if prompt_at is None:
        assert isinstance(backbone, CausalBackbone)
        return _behind_texts(backbone, rows, encoded)
    embeds = add_updates(encoded, rows.run_of_text, rows.ids, backbone.embed(rows.ids))
    none = embeds.new_zeros(0, embeds.shape[2])
    matrices = [none if run in prefixed else prompt.prompt for run, prompt in enumerate(encoded)]
    inserted = insert(matrices, rows.run_of_text, embeds, rows.mask, prompt_at, rows.segments, rows.index_in_run)
    inserted = inserted if rows.width is None else inserted.padded(rows.width)
    return replace(inserted, context=_context(backbone, rows, encoded, prefixed))


def prefixed(runs: Sequence[Run]) -> set[int]:
    """Return the indices of the runs whose prompt consists of keys and values of every layer."""
    return {index for index, run in enumerate(runs) if run.trainable.enters_every_layer}


def reader(backbone: FrozenBackbone, split: Split | None) -> FrozenBackbone:
    """Return the backbone that reads texts with inserted prompts: the whole backbone, or its layers above a split."""
    return backbone if split is None else split.above


def text_cache(backbone: FrozenBackbone, split: Split | None, prompt_at: int | None) -> BoundedCache[Any] | None:
    """Return the cache of the constant states of texts; None if the prompt changes all states of a text.

    Args:
        backbone: Backbone that reads the texts.
        split: Backbone, split before the layer at which the prompt enters; None for a prompt among the embeddings.
        prompt_at: Position in the text at which the prompt is inserted; None inserts it behind the text of a decoder.
    """
    if split is not None:
        return split.cache
    if prompt_at is None:
        assert isinstance(backbone, CausalBackbone)
        return backbone.texts
    return None


def stop_keeping(cache: BoundedCache[Any] | None) -> bool:
    """Free the states of texts that a cache keeps in memory, and let the cache keep no further states in memory.

    Args:
        cache: Cache of the constant states of texts; None if there is no cache.

    Returns:
        Whether any states were kept.
    """
    return cache is not None and cache.close()


def _encoded(backbone: FrozenBackbone, rows: Rows, prompts: Prompts) -> tuple[Rows, list[EncodedPrompt]]:
    """Encode the prompts that depend on the text for the texts of a forward pass."""
    if any(isinstance(prompt, TextPrompt) for prompt in prompts):
        rows = rows.numbered()
    encoded = []
    for run, prompt in enumerate(prompts):
        if isinstance(prompt, TextPrompt):
            texts = texts_of_run(backbone, rows, run)
            # Texts of a fixed width have sums of the same bits, whatever other texts the forward pass holds.
            texts = texts if rows.width is None else texts.padded(rows.width)
            none = torch.zeros(0, backbone.hidden_size, device=backbone.device)
            encoded.append(prompt.encode(texts) if len(texts.ids) else EncodedPrompt(none))
        else:
            encoded.append(EncodedPrompt(prompt) if isinstance(prompt, Tensor) else prompt)
    return rows, encoded


def _context(
    backbone: FrozenBackbone, rows: Rows, prompts: Sequence[EncodedPrompt], prefixed: Container[int]
) -> Context | None:
    """Return the prefixes of the rows as keys and values; None if no run has a prefix."""
    prefixes = [prompt.prompt if run in prefixed else None for run, prompt in enumerate(prompts)]
    known = [prefix for prefix in prefixes if prefix is not None]
    if not known:
        return None
    none = known[0].new_zeros(0, known[0].shape[1])
    matrices = [none if prefix is None else prefix for prefix in prefixes]
    return attend(matrices, rows.run_of_text, backbone.key_value_shape, backbone.dtype)


def _behind_texts(backbone: CausalBackbone, rows: Rows, prompts: Sequence[EncodedPrompt]) -> Inserted:
    """Put each prompt behind the last token of its text. The decoder's cache holds all tokens before the last token.

    The cache holds unchanged texts. `rpt.build` therefore refuses an encoder that changes the text.
    """
    last = rows.ids.gather(1, rows.mask.sum(dim=1, keepdim=True) - 1)  # [texts, 1]
    matrices, whole = [prompt.prompt for prompt in prompts], torch.ones_like(last)
    inserted = insert(matrices, rows.run_of_text, backbone.embed(last), whole, 1, index_in_run=rows.index_in_run)
    context = backbone.read(rows.ids, rows.mask)
    if context is not None and rows.width is not None:
        context = context.padded(rows.width - inserted.embeds.shape[1])
    return replace(inserted, context=context)


def _before_layer(split: Split, rows: Rows, prompts: Sequence[EncodedPrompt], prompt_at: int) -> Inserted:
    """Insert each prompt into the states of its text before a layer."""
    states, written = split.read(_lines(rows, isinstance(split.above, CausalBackbone)), rows.ids.shape[1])
    # The empty prompt of a failed run has the width of the embeddings, which may be narrower than the states.
    none = states.new_zeros(0, split.width)
    matrices = [prompt.prompt if prompt.length else none for prompt in prompts]
    inserted = insert(matrices, rows.run_of_text, states, rows.mask, prompt_at, rows.segments, rows.index_in_run)
    inserted = inserted if rows.width is None else inserted.padded(rows.width)
    return replace(inserted, context=written)


def _lines(rows: Rows, with_answers: bool) -> list[TextLine]:
    """Return the token ids of each text without padding, with the answers that a decoder scores behind the text.

    Args:
        rows: Rows of a forward pass.
        with_answers: Whether the backbone is a decoder. For other backbones, equal texts are equal lines, whatever
            their answers, so that their states are computed once.
    """
    answers = _answers(rows) if with_answers else {}
    texts = zip(
        rows.row_of_text.tolist(),
        rows.ids.tolist(),
        rows.segments.tolist(),
        rows.mask.sum(dim=1).tolist(),
        strict=True,
    )
    return [
        TextLine(tuple(ids[:length]), tuple(segments[:length]), tuple(answers.get(row, ())))
        for row, ids, segments, length in texts
    ]


def _answers(rows: Rows) -> dict[int, list[tuple[int, ...]]]:
    """Return the token ids of each row's answers without padding, by the position of the row."""
    answers: dict[int, list[tuple[int, ...]]] = {}
    lengths = rows.written_mask.sum(dim=1).tolist()
    for row, ids, length in zip(rows.row_of_written.tolist(), rows.written.tolist(), lengths, strict=True):
        answers.setdefault(row, []).append(tuple(ids[:length]))
    return answers
