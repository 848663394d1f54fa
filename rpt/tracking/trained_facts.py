"""Build the sections of a record that describe its run: `parameters`, `prompt`, `best` and `halving`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.config.schema import Config
from rpt.prompt.diagnostics import update_ratio
from rpt.prompt.needs import why_not_folded
from rpt.prompt.soft_prompt import SoftPrompt, count_params, trained_parameters
from rpt.prompt.text_prompt import Folded, TextPrompt
from rpt.prompt.vocabulary import rms_of_vocabulary
from rpt.tracking.record_base import LARGEST
from rpt.tracking.record_sections import BestCheckpoint, HalvingFacts, ParameterCounts, PromptFacts
from rpt.training.halving import Competitor
from rpt.training.run import Run

LARGE = 5.0
"""Ratio of the prompt's rms to the rms of the vocabulary's embeddings above which the record has a warning.

Three published prompts of T5 1.1 Base (GitHub google-research/prompt-tuning) have ratios of 2.7 to 4.5.
"""

SMALL = 0.01
"""Ratio of the prompt's rms to the embeddings' rms below which the record has a warning.

The paper's random initialisation, "Rand", has a ratio of 0.025.
"""


def run_sections(config: Config, run: Run, backbone: FrozenBackbone, resumed_step: int) -> dict[str, Any]:
    """Build the values of a record that are known before the first step and belong to one run of a pack.

    Args:
        config: Configuration of the run.
        run: Run, before its first step or resumed.
        backbone: Backbone of the run.
        resumed_step: Step from which the training is resumed; 0 for a new training.
    """
    prompt = None
    if run.trainable.prompt is not None:
        rms = rms_of_vocabulary(backbone, config.backbone.prompt_layer, run.trainable.enters_every_layer)
        prompt = prompt_facts(config, run, rms)
    return {
        "parameters": parameters(run),
        "prompt": prompt,
        "resumed_step": resumed_step,
    }


def parameters(run: Run) -> ParameterCounts:
    """Count the trained and exported parameters of a run."""
    trainable = run.trainable
    others = {
        name: 0 if module is None else count_params(module).held
        for name, module in (("head", trainable.head), ("body", trainable.body))
    }
    if trainable.prompt is None:
        return ParameterCounts(paper=0, held=0, kept=0, **others)
    count = count_params(trainable.prompt, _trained(trainable.prompt))
    whole = sum(value.numel() for value in trainable.prompt.state_dict().values())
    kept = run.start.numel() if trainable.prompt.is_foldable else whole
    return ParameterCounts(paper=count.paper, held=count.held, kept=kept, **others)


def _trained(prompt: SoftPrompt) -> set[str] | None:
    """Name the parameters that receive a gradient; None if a user's encoder raises an error."""
    try:
        return trained_parameters(prompt)
    except Exception:  # the run will fail with the same error in training, without stopping its pack
        return None


def prompt_facts(config: Config, run: Run, vocabulary_rms: float) -> PromptFacts | None:
    """Measure the prompt of a run before its first step; None for a run without a prompt.

    Args:
        config: Configuration of the run.
        run: Run, before its first step or resumed.
        vocabulary_rms: Root mean square of the vocabulary's vectors at the layer where the prompt enters
            (`rpt.prompt.vocabulary.rms_of_vocabulary`).
    """
    prompt = run.trainable.prompt
    if prompt is None:
        return None
    return PromptFacts(
        unit=config.prompt.unit,
        scale=prompt.scale,
        vocabulary_rms=_finite(vocabulary_rms),
        start_norm_ratio=_norm_ratio(run.start, vocabulary_rms),
        start_update_ratio=_finite(run.start_update_ratio),
        not_folded=why_not_folded(prompt.encoder),
        every_layer=run.trainable.enters_every_layer,
    )


def finished_prompt_facts(facts: PromptFacts, run: Run, exported: Folded) -> PromptFacts:
    """Add the size of the first step and the norms of the exported prompt.

    Args:
        facts: Section `prompt` of the record, as it was before the first step.
        run: Trained run.
        exported: Exported prompt of the run's selected checkpoint. If it is not one matrix, nothing is added.
    """
    prompt = run.trainable.prompt
    assert prompt is not None
    if isinstance(exported, TextPrompt):
        return facts
    end = {
        "first_step": _finite(run.first_step),
        "end_norm_ratio": _norm_ratio(exported, facts.vocabulary_rms),
        "end_update_ratio": None if len(exported) == 0 else _finite(update_ratio(prompt, exported)),
    }
    return facts.model_copy(update=end)


def best_checkpoint(run: Run) -> BestCheckpoint | None:
    """Describe the selected checkpoint; None for a run without trainable parameters."""
    best = run.best
    return None if best is None else BestCheckpoint(epoch=best.epoch, step=best.step, held_out={**best.metrics})


def halving_facts(competitor: Competitor | None, run: Run) -> HalvingFacts | None:
    """Describe the successive halving in which a run competed; None for a run that did not compete.

    Args:
        competitor: Competition and rungs of the run; None for a run that does not compete.
        run: Run after its training.
    """
    if run.stop is not None:
        return HalvingFacts(**asdict(run.stop))
    return None if competitor is None else HalvingFacts(rungs=len(competitor.rungs), keep=competitor.keep)


def scale_warnings(facts: PromptFacts | None) -> Iterator[str]:
    """Yield a warning if the prompt's rms at start or end is far from the rms of the vocabulary's embeddings."""
    if facts is None:
        return
    ratios = {"starts": facts.start_norm_ratio, "ends": facts.end_norm_ratio}
    far = [
        f"{verb} at {ratio:.3g} times"
        for verb, ratio in ratios.items()
        if ratio is not None and not SMALL <= ratio <= LARGE
    ]
    if far:
        advice = "; prompt.unit=vocab trains in the vocabulary's scale" if facts.unit == "raw" else ""
        yield f"prompt far from the vocabulary: it {' and '.join(far)} the vocabulary's rms{advice}"


def _norm_ratio(encoded: Float[Tensor, "length hidden"], rms: float | None) -> float | None:
    """Compute the rms of an encoded prompt divided by the rms of the vocabulary."""
    if len(encoded) == 0 or not rms:
        return None
    return _finite(float(encoded.detach().double().square().mean().sqrt()) / rms)


def _finite(value: float | None) -> float | None:
    """Return the number; None for a number that a record cannot hold."""
    return value if value is not None and math.isfinite(value) and abs(value) < LARGEST else None
