"""Time of an evaluation by rank classification and by generation, with one language model and the same rows."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.peers.stopwatch import CLOCKS
from rpt.backbones.language import LanguageModel
from rpt.data.datamodule import PackData
from rpt.data.evaluation import EvalPasses
from rpt.data.rows import Rows
from rpt.scoring.language import RankScorer
from rpt.training.module import PromptTuner
from rpt.training.placement import place_prompts
from rpt.training.step import fold_prompts

BATCH_TOKENS = 4096
"""Token budget of the forward passes of generation, about eight rows with the longest texts of CB."""


@torch.no_grad()
def compare_evaluations(tuner: PromptTuner, data: PackData, clock: str) -> dict[str, Any]:
    """Answer the reported rows by rank classification and by generation, and compare times and answers.

    Rank classification uses the forward passes of rpt's evaluation. Generation is measured in these forward passes, and
    in forward passes of several rows. The time of generation excludes the computation of losses.

    Args:
        tuner: Module of a single run, with a scorer for rank classification.
        data: Data of the run.
        clock: Name of a clock of `CLOCKS`.

    Returns:
        Seconds per example of each kind of evaluation; the number of rows whose generated text is a label; and how many
        of these rows have the same label by rank classification.
    """
    backbone = tuner.backbone
    assert isinstance(tuner.scorer, RankScorer)
    assert isinstance(backbone, LanguageModel)
    now = CLOCKS[clock]
    folded = fold_prompts(tuner.runs)
    passes = data.eval_passes
    ranked: dict[int, int] = {}
    start = now()
    for rows in _batches(data, passes):
        choices = tuner.score(rows, folded).scores.argmax(dim=1)
        ranked |= zip(rows.row.tolist(), choices.tolist(), strict=True)
    seconds = {"rank": now() - start}
    texts: dict[int, str] = {}
    for name, used in {"generation": passes, "generation in batches": EvalPasses(BATCH_TOKENS)}.items():
        start = now()
        for rows in _batches(data, used):
            inserted = place_prompts(backbone, rows, folded, tuner.prompt_at)
            written = backbone.generate(inserted.embeds, inserted.mask, data.reported.longest_output)
            texts |= zip(rows.row.tolist(), written, strict=True) if used is passes else {}
        seconds[name] = now() - start
    data.__dict__["eval_passes"] = passes
    labels = {row: tuner.task.read(data.reported.examples[row], text).choice for row, text in texts.items()}
    is_label = [row for row, choice in labels.items() if choice is not None]
    return {
        "rows": len(ranked),
        "seconds_per_example": {name: value / len(ranked) for name, value in seconds.items()},
        "generated_labels": len(is_label),
        "same_labels": sum(labels[row] == ranked[row] for row in is_label),
    }


def _batches(data: PackData, passes: EvalPasses) -> list[Rows]:
    """Return the forward passes of an evaluation of the reported rows."""
    data.__dict__["eval_passes"] = passes  # the cached property of the data module
    return list(data.evaluation(data.reported, lambda: [True]))
