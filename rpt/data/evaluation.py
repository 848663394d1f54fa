"""Plan the forward passes of an evaluation: which rows share a forward pass, and to what width they are padded.

In float32, other rows of a forward pass change a score by rounding alone. In bfloat16 the shape of a forward pass
changes scores by tenths of a nat. By default, the shape in bfloat16 on a CPU therefore depends on the row alone: either
the row has a forward pass of its own, or the forward pass has a fixed shape. Elsewhere, any rows share forward passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from rpt.backbones.files import num_positions
from rpt.config.hardware import device_of, dtype_of
from rpt.config.protocol import fixed_choices
from rpt.config.schema import Config
from rpt.data.batches import cuts
from rpt.data.inputs import find_folder

EVALUATION_TOKENS = {"cpu": 8192, "cuda": 32_768}
"""Default token budget of a forward pass of an evaluation, by device, if any rows may share a forward pass."""

MIXED_TOKENS = 1024
"""Token budget of a forward pass over rows of several runs, on a CPU.

In float32, MiniLM takes a fifth less CPU time for short texts than with 8192 tokens (benchmarks/).
"""

FIXED_TOKENS = 512
"""Token budget of a forward pass of a fixed shape. MiniLM's evaluations take about as long as with 8192 tokens."""

WIDTH_STEP = 16
"""Widths of fixed shapes are multiples of this number of tokens. Multiples of 32 would add a quarter of padding."""

CACHED_TOKENS = 2048
"""Token budget of a forward pass of a fixed shape behind cached texts, of whose tokens few are computed."""

CACHED_WIDTH_STEP = 64
"""Widths of fixed shapes behind cached texts are multiples of this number of tokens.

The number is larger than `WIDTH_STEP`, because padding costs little there, and more rows then share a width.
"""


class EvalPasses(NamedTuple):
    """Rules by which an evaluation is cut into forward passes.

    Attributes:
        token_budget: Largest number of tokens of a forward pass, padding included; 1 gives each row a forward pass of
            its own.
        has_fixed_shapes: Whether the length of a row alone determines the shape of the forward pass that holds the row.
        max_width: Largest number of tokens of a text with its prompt that the backbone takes; None without a limit.
        width_step: Number of tokens of which the widths of fixed shapes are multiples.
        has_cached_texts: Whether the texts are cached, so that the choices of a row cost little more than one choice.
    """

    token_budget: int
    has_fixed_shapes: bool = False
    max_width: int | None = None
    width_step: int = WIDTH_STEP
    has_cached_texts: bool = False

    @property
    def has_one_row(self) -> bool:
        """Whether each row has a forward pass of its own."""
        return self.token_budget == 1


class ForwardPass(NamedTuple):
    """Rows of a forward pass.

    Attributes:
        rows: Numbers of the rows. A number may be repeated, to fill a fixed shape.
        width: Number of tokens to which each text is padded, prompt included; None pads to the longest text.
    """

    rows: list[int]
    width: int | None = None


def choose_passes(config: Config) -> EvalPasses:
    """Choose how an evaluation is cut into forward passes. A number in `trainer.eval_token_budget` sets the budget.

    With `trainer.eval_token_budget=auto`, the choice depends on device, dtype and model. In bfloat16 on a CPU, a small
    encoder would need twice the time if each row had a forward pass of its own. Its rows therefore share forward passes
    of fixed shapes. A language model is large, so each of its rows has a forward pass of its own. If the prompt is
    behind the text and the text is cached, only few tokens of a row are computed. Such rows share forward passes of
    fixed shapes.
    """
    budget, device = config.trainer.eval_token_budget, device_of(config)
    if budget != "auto":
        return EvalPasses(budget)
    if device.type != "cpu" or dtype_of(config, device) != torch.bfloat16:
        return EvalPasses(EVALUATION_TOKENS[device.type])
    if config.backbone.prompt_at == "end" and fixed_choices(config):
        return EvalPasses(CACHED_TOKENS, has_fixed_shapes=True, width_step=CACHED_WIDTH_STEP, has_cached_texts=True)
    if config.scorer.name != "head":
        return EvalPasses(1)
    return EvalPasses(FIXED_TOKENS, has_fixed_shapes=True, max_width=num_positions(find_folder(config)))


def choose_mixed_passes(config: Config) -> EvalPasses:
    """Choose the rules for forward passes that hold rows of several runs, as a prediction with several runs uses them.

    The answers equal the answers of each run's own evaluation up to rounding only. The token budget may therefore
    differ from the budget that `choose_passes` chooses.
    """
    passes = choose_passes(config)
    is_free = config.trainer.eval_token_budget == "auto" and not passes.has_fixed_shapes
    if not is_free or device_of(config).type != "cpu":
        return passes
    return passes._replace(token_budget=min(passes.token_budget, MIXED_TOKENS))


def plan_passes(passes: EvalPasses, lengths: Sequence[int], counts: Sequence[int]) -> list[ForwardPass]:
    """Cut the rows of an evaluation into forward passes.

    Args:
        passes: Rules by which the rows are cut.
        lengths: Number of tokens of each row's longest text, prompt included.
        counts: Number of texts of each row.

    Returns:
        Forward passes, which hold each row at least once.
    """
    if not passes.has_fixed_shapes:
        return [ForwardPass(rows) for rows in cuts(lengths, passes.token_budget, counts)]
    by_width: dict[int, list[int]] = {}
    for row in (row for row, count in enumerate(counts) if count == 1):
        width = -(-lengths[row] // passes.width_step) * passes.width_step
        by_width.setdefault(min(width, passes.max_width or width), []).append(row)
    plan = [ForwardPass([row]) for row, count in enumerate(counts) if count > 1]
    for width, rows in sorted(by_width.items()):
        size = max(1, passes.token_budget // width)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            plan.append(ForwardPass(chosen + chosen[-1:] * (size - len(chosen)), width))
    return plan
