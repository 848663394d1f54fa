"""Optimizers and schedules of one run. Each run has its own, so that no run can move another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_constant_schedule_with_warmup, get_linear_schedule_with_warmup
from transformers.optimization import Adafactor

from rpt.options import Decay, Negative, Scale

Groups = Sequence[dict[str, Any]]
"""Parameter groups, each with its own `lr` and `weight_decay`."""


def adamw(groups: Groups, *, betas: tuple[Decay, Decay], eps: Scale) -> Optimizer:
    """AdamW with decoupled weight decay. Source: Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2."""
    return torch.optim.AdamW(groups, betas=(betas[0], betas[1]), eps=eps)


def adafactor(
    groups: Groups,
    *,
    eps: tuple[Scale, Scale],
    clip_threshold: Scale,
    decay_rate: Negative,
) -> Optimizer:
    """Adafactor at the given rate: no relative step, no scaling by the parameter's norm, no warm-up of its own.

    Source: Shazeer and Stern 2018, arXiv 1804.04235; so used for prompts by Lester et al. 2021.
    """
    optimizer: Optimizer = Adafactor(
        groups,
        eps=(eps[0], eps[1]),
        clip_threshold=clip_threshold,
        decay_rate=decay_rate,
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
    )
    return optimizer


def schedule(name: str, optimizer: Optimizer, warmup_steps: int, total_steps: int) -> LRScheduler:
    """The factor on all rates of a run over its steps.

    Args:
        name: `constant`, or `linear`: from 1 at the end of the warm-up to 0 at `total_steps`.
        optimizer: Of the run.
        warmup_steps: Steps over which the factor rises linearly from 0 to 1.
        total_steps: Steps of the whole training.
    """
    if name == "linear":
        linear: LRScheduler = get_linear_schedule_with_warmup(optimizer, warmup_steps, total_steps)
        return linear
    constant: LRScheduler = get_constant_schedule_with_warmup(optimizer, warmup_steps)
    return constant
