"""Optimizers and learning rate schedules. Each run has its own, so that a run cannot change another run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from rpt.config.options import Decay, Negative, Scale

Groups = Sequence[dict[str, Any]]
"""Parameter groups, each with its own `lr` and `weight_decay`."""


def adamw(groups: Groups, *, betas: tuple[Decay, Decay], eps: Scale) -> Optimizer:
    """Build AdamW, with decoupled weight decay. Source: Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2."""
    return torch.optim.AdamW(groups, betas=(betas[0], betas[1]), eps=eps)


def adafactor(
    groups: Groups,
    *,
    eps: tuple[Scale, Scale],
    clip_threshold: Scale,
    decay_rate: Negative,
) -> Optimizer:
    """Build Adafactor with a given learning rate: no relative step, no scaling by the parameter's norm, no warm-up.

    Source: Shazeer and Stern 2018, arXiv 1804.04235. Lester et al. 2021 use these settings for prompts.
    """
    from transformers.optimization import Adafactor  # imports PEFT and accelerate if installed

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
    """Build the schedule, which multiplies all learning rates of a run by the same factor in each step.

    The factors equal those of transformers' `get_constant_schedule_with_warmup` and `get_linear_schedule_with_warmup`.

    Args:
        name: `constant` keeps the factor 1 after the warm-up. `linear` lowers the factor from 1 at the end of the
            warm-up to 0 at `total_steps`.
        optimizer: Optimizer of the run.
        warmup_steps: Number of steps over which the factor rises linearly from 0 to 1.
        total_steps: Number of steps of the whole training.
    """
    if name == "linear":
        return LambdaLR(optimizer, partial(_linear, warmup_steps=warmup_steps, total_steps=total_steps))
    return LambdaLR(optimizer, partial(_constant, warmup_steps=warmup_steps))


def _constant(step: int, *, warmup_steps: int) -> float:
    return step / max(1, warmup_steps) if step < warmup_steps else 1.0


def _linear(step: int, *, warmup_steps: int, total_steps: int) -> float:
    if step < warmup_steps:
        return _constant(step, warmup_steps=warmup_steps)
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))
