"""What a record says: the facts of a run before its training, and its results after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from safetensors.torch import save

from rpt.backbones.frozen import FrozenBackbone
from rpt.config import Config
from rpt.data.encode import Encoded
from rpt.data.module import PackData
from rpt.data.sources import Source
from rpt.errors import WeightsError
from rpt.metrics import majority
from rpt.module import Predictions, PromptTuner
from rpt.prompt.soft_prompt import count_params
from rpt.run import Run
from rpt.tracking.adapter import why_not, write_adapter
from rpt.tracking.environment import environment, peak_memory_bytes
from rpt.tracking.files import write_atomic, write_json_lines
from rpt.tracking.recorder import Recorder


def opening_facts(
    config: Config,
    source: Source,
    data: PackData,
    backbone: FrozenBackbone,
    run: Run,
    device: torch.device,
) -> dict[str, Any]:
    """What is known before the first step: the record's lasting part."""
    splits = {"train": data.train, "held_out": data.held_out, "reported": data.reported}
    return {
        "task": {"name": config.task.name, "version": config.task.version},
        "protocol": config.protocol.model_dump(),
        "data": {
            "source": source.name,
            "version": source.version,
            "checksum": source.checksum,
            "rows": {name: len(split) for name, split in splits.items()},
            "cut": {name: split.num_cut for name, split in splits.items() if split.num_cut},
        },
        "backbone": {
            "name": config.backbone.name,
            "weights_sha256": config.backbone.sha256,
            "fingerprint_checkpoint": backbone.checkpoint_fingerprint,
            "fingerprint_before": backbone.fingerprint(),
            "parameters": sum(weight.numel() for weight in backbone.parameters()),
            "dtype": str(backbone.dtype).removeprefix("torch."),
            "attention": backbone.model.config._attn_implementation,
        },
        "parameters": parameters(run),
        "environment": environment(device),
    }


def parameters(run: Run) -> dict[str, int]:
    """How many numbers are trained and kept; `paper` counts no biases, `held` counts every number."""
    prompt = run.trainable.prompt
    head = count_params(run.trainable.head).held
    if prompt is None:
        return {"paper": 0, "held": 0, "kept": 0, "head": head}
    count = count_params(prompt)
    return {"paper": count.paper, "held": count.held, "kept": prompt.table.numel(), "head": head}


def write_results(
    recorder: Recorder,
    run: Run,
    tuner: PromptTuner,
    data: PackData,
    predictions: Predictions | None,
    device: torch.device,
) -> dict[str, Any]:
    """Write what a run leaves behind, its record last, and return the record.

    Raises:
        WeightsError: The backbone is not the one that the training began with.
    """
    seconds = recorder.seconds
    facts: dict[str, Any] = {
        "seconds": seconds,
        "tokens": run.tokens,
        "tokens_per_second": run.tokens / seconds,
        "steps": run.steps,
        "peak_memory_bytes": peak_memory_bytes(device),
    }
    if predictions is None or run.best is None:
        recorder.finish("failed", {**facts, "error": run.error})
        return recorder.record
    after = tuner.backbone.fingerprint()
    if after != recorder.record["backbone"]["fingerprint_before"]:
        raise WeightsError("the frozen backbone has changed while training; the number means nothing.")
    recorder.record["backbone"]["fingerprint_after"] = after
    metrics = predictions.metrics(tuner.metric_names)
    scores = {name: metrics[name] for name in ("score", *tuner.metric_names)}
    choices = predictions.scores.shape[1]
    line = majority(tuner.metric_names, predictions.target, choices)
    for warning in _doubts(predictions, scores, line):
        recorder.warn(warning)
    _write_files(recorder, run, tuner, data.reported, predictions)
    best = {"epoch": run.best.epoch, "step": run.best.step, "held_out": run.best.metrics}
    results = {"scores": scores, "loss": metrics["loss"], "majority": line, "best": best}
    recorder.finish("finished", {**facts, **results, "adapter": _adapter_note(recorder, run)})
    return recorder.record


def _doubts(predictions: Predictions, scores: dict[str, float], line: dict[str, float]) -> Sequence[str]:
    doubts = []
    if len(set(predictions.predicted.tolist())) == 1:
        doubts.append("constant prediction: every row got the same answer")
    if scores["score"] <= line["score"]:
        doubts.append("at or below majority: always giving the most frequent answer scores as much")
    return doubts


def _write_files(recorder: Recorder, run: Run, tuner: PromptTuner, split: Encoded, predictions: Predictions) -> None:
    folder = recorder.folder
    prompt = tuner.folded[tuner.runs.index(run)].cpu()  # the very numbers that made the predictions
    write_json_lines(folder.predictions, list(prediction_lines(split, predictions)))
    head = {name: value.cpu().contiguous() for name, value in run.trainable.head.state_dict().items()}
    write_atomic(folder.head, save(head))
    if run.trainable.prompt is None:
        return
    write_atomic(folder.prompt, save({"prompt": prompt.contiguous()}))
    if _adapter_note(recorder, run) is None:
        name = recorder.config.backbone.name
        write_adapter(folder.adapter, prompt, name, tuner.backbone.model.config)


def _adapter_note(recorder: Recorder, run: Run) -> str | None:
    """Why there is no adapter; None where there is one."""
    return why_not(recorder.config.backbone.prompt_at, run.trainable.prompt is not None)


def prediction_lines(split: Encoded, predictions: Predictions) -> Sequence[dict[str, Any]]:
    """One object a row: its idx, what was predicted, what is right, and the score of every choice."""
    lines = []
    for example, scores in zip(split.examples, predictions.scores.tolist(), strict=True):
        predicted = max(range(len(scores)), key=scores.__getitem__)
        right = example.target
        lines.append(
            {
                "idx": example.idx,
                "predicted": example.choices[predicted],
                "target": None if right is None else example.choices[right],
                "right": predicted == right,
                "scores": scores,
            }
        )
    return lines
