"""Build the content of a record: the facts of a run before its training, and its results after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.config.protocol import habits_of
from rpt.config.schema import Config
from rpt.data.datamodule import PackData
from rpt.data.encode import Encoded
from rpt.data.inputs import find_folder
from rpt.data.sources import Source
from rpt.errors import WeightsError
from rpt.prompt.diagnostics import diagnose
from rpt.prompt.needs import why_not_folded
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.prompt.text_prompt import TextPrompt
from rpt.prompt.vocabulary import vocabulary_at
from rpt.scoring.predictions import Predictions, prediction_lines
from rpt.system.writing import write_atomic, write_json, write_json_lines
from rpt.tasks.metrics import RULES, evaluate
from rpt.tracking.adapter import base_model, why_not, write_adapter
from rpt.tracking.environment import environment, peak_memory_bytes
from rpt.tracking.limited_evaluation import limit_warnings
from rpt.tracking.memory_warnings import memory_warnings
from rpt.tracking.record import Record
from rpt.tracking.record_sections import (
    BackboneFacts,
    DataFacts,
    EvaluationFacts,
    PackFacts,
    PromptFacts,
    ProtocolFacts,
    RowCounts,
    TaskFacts,
)
from rpt.tracking.recorder import Recorder
from rpt.tracking.trained_facts import best_checkpoint, finished_prompt_facts, halving_facts, scale_warnings
from rpt.training.module import PromptTuner
from rpt.training.run import Run

TASK_TYPES = {"encoder": "SEQ_CLS", "seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM"}
"""PEFT's name of the task type, by backbone family. With FEATURE_EXTRACTION, PEFT would drop segment ids."""

MANY_CUT = 0.05
"""Share of a split's rows with cut texts above which the record has a warning."""


def first_sections(
    config: Config,
    source: Source,
    data: PackData,
    tuner: PromptTuner,
    device: torch.device,
    weights_sha256: str,
    members: Sequence[str],
) -> dict[str, Any]:
    """Build the sections of the record that are known before the first step and are the same for all runs of a pack.

    Args:
        config: Configuration of any run of the pack.
        source: Rows of the pack.
        data: Data module of the pack, with its splits.
        tuner: Lightning module of the pack, before its first step.
        device: Device that trains the pack.
        weights_sha256: sha256 of the weight files.
        members: Identity hashes of the pack's runs.

    Returns:
        Sections of the record by name: task, protocol, data, backbone, evaluation, majority, environment and pack.
    """
    splits = {"train": data.train, "held_out": data.held_out, "reported": data.reported}
    is_shared = len(members) > 1 and not config.has_own_forwards
    return {
        "task": TaskFacts(
            name=config.task.name,
            version=config.task.version,
            metrics={name: RULES[name] for name in tuner.metric_names},
        ),
        "protocol": ProtocolFacts(**config.protocol.model_dump(), habits=tuple(habits_of(config))),
        "data": _data_facts(config, source, splits),
        "backbone": _backbone_facts(config, tuner.backbone, weights_sha256),
        "evaluation": EvaluationFacts(
            token_budget=data.eval_passes.token_budget,
            one_row_per_forward=data.eval_passes.has_one_row,
            fixed_shapes=data.eval_passes.has_fixed_shapes,
            max_new_tokens=data.max_new_tokens,
        ),
        "majority": evaluate(tuner.metric_names, data.reported.examples, tuner.task.majority(data.reported.examples)),
        "environment": environment(device, forwards="shared" if is_shared else "own", devices=tuner.ranks.size),
        "pack": PackFacts(size=len(members), members=tuple(members), exact=config.has_own_forwards),
    }


def _backbone_facts(config: Config, backbone: FrozenBackbone, weights_sha256: str) -> BackboneFacts:
    is_frozen = config.trainer.tune == "prompt"  # the weights of a resumed fine-tuning have changed already
    return BackboneFacts(
        name=config.backbone.name,
        family=config.backbone.family,
        fingerprint_checkpoint=backbone.checkpoint_fingerprint,
        fingerprint_before=backbone.fingerprint() if is_frozen else backbone.checkpoint_fingerprint,
        weights_sha256=weights_sha256,
        parameters=sum(weight.numel() for weight in backbone.parameters()),
        dtype=str(backbone.dtype).removeprefix("torch."),
        attention=backbone.model.config._attn_implementation,
    )


def _data_facts(config: Config, source: Source, splits: dict[str, Encoded]) -> DataFacts:
    """Return the source of the rows, and how the rows of each split were cut and drawn."""
    return DataFacts(
        source=source.name,
        release=source.release,
        folder=config.task.folder,
        version=source.version,
        checksum=source.checksum,
        rows=RowCounts(**{name: len(split) for name, split in splits.items()}),
        cut={name: split.num_cut for name, split in splits.items() if split.num_cut},
        tied={name: len(split.tied) for name, split in splits.items() if split.tied},
        **_few_shot(config, splits),
    )


def _few_shot(config: Config, splits: dict[str, Encoded]) -> dict[str, Any]:
    """List the ids of the rows that were drawn for a few-shot run; empty for other runs."""
    if config.data.k_per_class is None:
        return {}
    drawn = {name: [example.idx for example in splits[name].examples] for name in ("train", "held_out")}
    return {"k_per_class": config.data.k_per_class, "drawn": drawn}


def write_results(
    recorder: Recorder,
    run: Run,
    tuner: PromptTuner,
    data: PackData,
    predictions: Predictions | None,
    device: torch.device,
    fingerprint: str,
) -> Record:
    """Write the result files of a run, then its record, and return the record.

    Args:
        recorder: Recorder of the run.
        run: Trained run.
        tuner: Lightning module of the run's pack.
        data: Data module of the pack.
        predictions: Answers to the reported rows; None for a run that has failed or was stopped.
        device: Device that trained the pack.
        fingerprint: Fingerprint of the backbone after training.

    Raises:
        WeightsError: The frozen backbone has changed during training.
        LeaseLost: Another process has taken over the run.
    """
    cost = _cost(recorder, run, device)
    if run.stop is not None and not run.has_failed:
        _check_unchanged(run, recorder.record.backbone, fingerprint)
        recorder.finish("stopped", **cost, best=best_checkpoint(run), halving=halving_facts(recorder.competitor, run))
        return recorder.record
    if predictions is None or run.has_failed:
        recorder.finish("failed", error=run.error, **cost, **({} if run.trace is None else {"traceback": run.trace}))
        return recorder.record
    _write_scores(recorder, run, tuner, data, predictions, fingerprint, cost)
    return recorder.record


def _write_scores(
    recorder: Recorder,
    run: Run,
    tuner: PromptTuner,
    data: PackData,
    predictions: Predictions,
    fingerprint: str,
    cost: Mapping[str, Any],
) -> None:
    """Write the result files and the record of a finished run."""
    backbone = recorder.record.backbone
    _check_unchanged(run, backbone, fingerprint)
    metrics = predictions.metrics(tuner.metric_names)
    scores = {name: metrics[name] for name in ("score", *tuner.metric_names)}
    prompt = _prompt_facts(recorder, run, tuner)
    doubts = _doubts(recorder.config, predictions, scores, recorder.record.majority, data)
    limits = limit_warnings(data, tuner.runs.index(run))
    for warning in (*memory_warnings(run, tuner), *doubts, *limits, *scale_warnings(prompt)):
        recorder.warn(warning)
    _write_files(recorder, run, tuner, predictions)
    recorder.finish(
        "finished",
        **cost,
        backbone=backbone.model_copy(update={"fingerprint_after": fingerprint}),
        scores=scores,
        loss=metrics["loss"],
        off_label_share=predictions.off_label_share,
        best=best_checkpoint(run),
        halving=halving_facts(recorder.competitor, run),
        prompt=prompt,
        adapter=_adapter_note(recorder, run),
    )


def _check_unchanged(run: Run, backbone: BackboneFacts, fingerprint: str) -> None:
    if run.trainable.body is None and fingerprint != backbone.fingerprint_before:
        advice = "Remove code of your own that writes to its weights, and train again with rerun=true."
        raise WeightsError(f"the frozen backbone has changed during training, so the score is wrong. {advice}")


def _prompt_facts(recorder: Recorder, run: Run, tuner: PromptTuner) -> PromptFacts | None:
    """Complete the record's section `prompt` after training; None for a run without a prompt."""
    started = recorder.record.prompt
    return None if started is None else finished_prompt_facts(started, run, tuner.folded[tuner.runs.index(run)])


def _cost(recorder: Recorder, run: Run, device: torch.device) -> dict[str, Any]:
    """Return the cost of a run: seconds, tokens, steps and peak memory."""
    seconds = recorder.seconds
    return {
        "seconds": seconds,
        "tokens": run.tokens,
        "tokens_per_second": run.tokens / seconds,
        "steps": run.steps,
        "peak_memory_bytes": peak_memory_bytes(device),
    }


def _doubts(
    config: Config,
    predictions: Predictions,
    scores: Mapping[str, float],
    majority: Mapping[str, float | None],
    data: PackData,
) -> Sequence[str]:
    """List warnings for the record: reasons to distrust the score."""
    doubts = []
    answers = predictions.answers
    texts, chosen = {answer.text for answer in answers}, {answer.choice for answer in answers}
    if len(texts) == 1 or (len(chosen) == 1 and chosen != {None}):
        doubts.append("constant prediction: every row got the same answer")
    if scores["score"] <= (majority["score"] or 0.0):
        doubts.append("at or below majority: always giving the most frequent answer scores as much")
    if (most := config.data.max_rows) is not None:
        doubts.append(f"a quick look: only the first {most} rows of each split were read (data.max_rows)")
    if predictions.off_label_share:
        doubts.append(f"off label: {predictions.off_label_share:.1%} of the answers are none of the choices")
    if (share := max(data.train.cut_share, data.reported.cut_share)) > MANY_CUT:
        doubts.append(f"cut texts: up to {share:.0%} of a split's rows are over backbone.text_limit")
    if data.reported.tied:
        count = f"{len(data.reported.tied)} of {len(data.reported)}"
        doubts.append(f"tied choices: {count} reported rows have choices of the same tokens; the first of them wins")
    return doubts


def _write_files(recorder: Recorder, run: Run, tuner: PromptTuner, predictions: Predictions) -> None:
    folder = recorder.folder
    folder.check_lease()
    folded = tuner.folded[tuner.runs.index(run)]  # the prompt that the predictions were made with
    write_json_lines(folder.predictions, prediction_lines(predictions))
    if run.trainable.head is not None:
        head = {name: value.cpu().contiguous() for name, value in run.trainable.head.state_dict().items()}
        write_atomic(folder.head, save(head))
    if isinstance(folded, TextPrompt):
        write_atomic(folder.encoder, save(folded.state))
    elif run.trainable.prompt is not None:
        _write_prompt(recorder, run, tuner, run.trainable.prompt, folded.cpu())


def _write_prompt(recorder: Recorder, run: Run, tuner: PromptTuner, soft_prompt: SoftPrompt, prompt: Tensor) -> None:
    """Write an exported prompt, its diagnostics, and an adapter if PEFT can represent the prompt."""
    folder, backbone, section = recorder.folder, tuner.backbone, recorder.config.backbone
    write_atomic(folder.prompt, save({"prompt": prompt.contiguous()}))
    enters_every_layer = run.trainable.enters_every_layer
    table, ids = vocabulary_at(backbone, section.prompt_layer, enters_every_layer)
    diagnostics = diagnose(soft_prompt, run.start, prompt, table, backbone.tokenizer, ids)
    write_json(folder.diagnostics, diagnostics)
    if _adapter_note(recorder, run) is None:
        base = base_model(section, find_folder(recorder.config))
        shape = backbone.key_value_shape if enters_every_layer else None
        write_adapter(folder.adapter, prompt, base, TASK_TYPES[section.family], backbone.model.config, shape)


def _adapter_note(recorder: Recorder, run: Run) -> str | None:
    """Return the reason why there is no adapter; None if there is an adapter."""
    prompt = run.trainable.prompt
    not_folded = None if prompt is None else why_not_folded(prompt.encoder)
    return why_not(recorder.config.backbone, prompt is not None, not_folded, run.trainable.enters_every_layer)
