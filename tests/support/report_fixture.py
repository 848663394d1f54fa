"""Run folders with the real schema and simulated answers, so that reports can be tested without training.

rpt computes the configuration, the identity, the metrics and the lines of predictions. Only the answers are drawn at
random: each row has a difficulty that all runs share, and each run has a random deviation of its own.
"""

import csv
import hashlib
import io
import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.numpy import save_file

from rpt.config.check import check
from rpt.config.protocol import habits_of, metrics_of
from rpt.scoring.predictions import Predictions
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import evaluate
from rpt.tracking.identity import SCHEMA, folder_name, identify
from rpt.tracking.results import prediction_lines
from tests.support.composed import compose

QUESTION = "Does the residual encoder widen the range of learning rates that train?"
METHODS = ("plain", "mlp", "residual", "lstm")
RATES = (0.0003, 0.003, 0.03, 0.3, 3.0)
WIDTHS = {"plain": 0.8, "mlp": 1.0, "residual": 2.5, "lstm": 0.9, "none": math.inf}
"""Width of the range of learning rates at which an encoder trains, in decades around 0.01."""
GROUPS = ("task", "data", "protocol", "backbone", "encoder", "init", "scorer", "optim", "trainer", "experiment")
HIDDEN = 16
WORDS = ("true", "false", "maybe", "the", "##ing", "<b>")


def write_run(
    root: Path,
    *overrides: str,
    skill: float | None = None,
    rows: int = 64,
    run_std: float = 0.3,
    status: str = "finished",
    diagnostics: bool = True,
    **top: object,
) -> Path:
    """Write one run folder.

    Args:
        root: The output folder.
        overrides: Overrides of the command line, such as `encoder=plain`, `lr=0.3` or `seed=1`.
        skill: Expected share of right answers. None: a bell curve over the learning rate, widest for residual.
        rows: Number of reported rows. In a task that groups rows, four rows form a group.
        run_std: Standard deviation between runs, in logits.
        status: `finished`, `failed` (diverged: without scores and predictions), `stopped`, `running` or `interrupted`.
        diagnostics: Whether the folder has the norms, the nearest tokens and the gate of the prompt.
        top: Values of top-level keys of run.json, which replace the computed values.
    """
    config = _config(overrides)
    checksum = hashlib.sha256(f"{config.task.name}{config.data.source}{rows}".encode()).hexdigest()
    found = identify(config, checksum, "b" * 64)
    folder = root / folder_name(config, found.hash)
    folder.mkdir(parents=True)
    # The overrides seed the generator. The identity would change the answers with every new key in conf/.
    rng = np.random.default_rng(list(" ".join(sorted(overrides)).encode()))
    share = _skill(config) if skill is None else skill
    predictions = _predictions(config, share, rows, rng.normal(0, run_std), rng)
    record = _record(config, found, checksum, predictions, status)
    record.update(top)
    (folder / "run.json").write_text(json.dumps(record))
    score = record.get("scores", {}).get("score", 0.4)
    (folder / "metrics.csv").write_text(_curve(config, score, rng, diagnostics))
    if status == "finished":
        lines = [json.dumps(line) + "\n" for line in prediction_lines(predictions)]
        (folder / "predictions.jsonl").write_text("".join(lines))
        if config.has_prompt and diagnostics:
            _write_diagnostics(config, folder, rng)
    return folder


def write_study(
    root: Path,
    *overrides: str,
    tasks: tuple[str, ...] = ("cb",),
    methods: tuple[str, ...] = METHODS,
    rates: tuple[float, ...] = RATES,
    seeds: tuple[int, ...] = (0, 1, 2),
    baselines: bool = True,
    diverged: tuple[tuple[str, float, int], ...] = (("plain", 3.0, 0), ("plain", 3.0, 1), ("lstm", 3.0, 2)),
    **options: object,
) -> Path:
    """Write a study of learning rates: every encoder at every rate with every seed, and runs of the head alone.

    Args:
        root: The output folder, which is created.
        overrides: Overrides of every run.
        tasks: Options of `task`.
        methods: Options of `encoder`.
        rates: Values of `lr`.
        seeds: Values of `seed`.
        baselines: Whether the study has a run of the head alone for each seed.
        diverged: Runs without a score because they diverged, as (encoder, rate, seed).
        options: Further arguments of `write_run`.
    """
    always = (*overrides, "group=learning_rate")
    for task in tasks:
        for seed in seeds:
            if baselines:
                write_run(root, f"task={task}", "encoder=none", f"seed={seed}", *always, **options)
            for method in methods:
                for rate in rates:
                    point = (f"task={task}", f"encoder={method}", f"lr={rate}", f"seed={seed}", *always)
                    status = "failed" if (method, rate, seed) in diverged else "finished"
                    write_run(root, *point, **{"status": status, **options})
    return root


def _config(overrides):
    """Return a checked configuration. The slow composition by Hydra is cached by the choices of options."""
    pairs = [override.split("=", 1) for override in overrides]
    slow = tuple(f"{key}={value}" for key, value in pairs if key.split(".")[0] in GROUPS)
    values = json.loads(_composed(slow))
    for key, value in pairs:
        if key.split(".")[0] not in GROUPS:
            *sections, name = key.split(".")
            place = values
            for section in sections:
                place = place[section]
            place[name] = yaml.safe_load(value)
    if not any(key == "data.order_seed" for key, _ in pairs):
        values["data"]["order_seed"] = values["seed"]
    if "question" in values and values["question"] is None:
        values["question"] = QUESTION
    return check(values)


@lru_cache
def _composed(overrides):
    return json.dumps(compose(list(overrides)))


def _skill(config):
    width = WIDTHS[config.chosen["encoder"]]
    return 0.4 + 0.35 * math.exp(-((math.log10(config.lr / 0.01) / width) ** 4))


def _predictions(config, share, rows, deviation, rng):
    labels = tuple(str(label) for label in config.task.labels or ("a", "b"))
    shared = np.random.default_rng(len(labels) * 1000 + rows)  # the same rows for every run of a task
    targets = shared.choice(len(labels), rows, p=_weights(len(labels)))
    difficulty = shared.normal(0, 1.2, rows)
    is_grouped = config.task.name == "multirc"
    logits = math.log(share / (1 - share)) + deviation - difficulty
    right = rng.random(rows) < 1 / (1 + np.exp(-logits))
    wrong = (targets + rng.integers(1, len(labels), rows)) % len(labels)
    choices = np.where(right, targets, wrong).tolist()
    examples = [
        Example(idx=at, fields={}, choices=labels, target=int(target), group=at // 4 if is_grouped else None)
        for at, target in enumerate(targets)
    ]
    answers = [Answer(choice, labels[choice]) for choice in choices]
    scores = [[float(choice == at) for at in range(len(labels))] for choice in choices]
    return Predictions(examples, answers, scores, torch.ones(rows))


def _weights(count):
    first = 0.5
    return [first, *[(1 - first) / (count - 1)] * (count - 1)]


def _prompt(config):
    """Return a record's section `prompt`; its `first_step` is the learning rate, or 10 times that with an encoder."""
    factor = 1.0 if config.chosen["encoder"] == "plain" else 10.0
    return {"unit": config.prompt.unit, "scale": 1.0, "vocabulary_rms": 0.05, "first_step": factor * config.lr}


def _record(config, identity, checksum, predictions, status):
    names = metrics_of(config)
    metrics = predictions.metrics(names)
    counts = np.bincount([example.target for example in predictions.examples])
    most = int(counts.argmax())
    majority = [Answer(most, example.choices[most]) for example in predictions.examples]
    rows = {"train": 359, "held_out": 89, "reported": len(predictions.examples)}
    bits = {"device": "cpu", "threads": 1, "torch": "2", "transformers": "5", "forwards": "own"}
    record = {
        "schema": SCHEMA,
        "status": status,
        "name": folder_name(config, identity.hash),
        "identity_hash": identity.hash,
        "setting_hash": identity.setting_hash,
        "code": identity.code,
        "chosen": config.chosen,
        "config": config.model_dump(by_alias=True, exclude={"chosen"}, mode="json"),
        "started": "2026-11-23T03:49:43+00:00",
        "warnings": [],
        "task": {"name": config.task.name, "version": config.task.version},
        "protocol": {**config.protocol.model_dump(), "habits": habits_of(config)},
        "data": {"source": config.data.source, "version": 1, "checksum": checksum, "rows": rows, "cut": {}},
        "backbone": {
            "name": config.backbone.name,
            "family": config.backbone.family,
            "parameters": 22565376,
            "dtype": "bfloat16",
            "weights_sha256": "b" * 64,
            "fingerprint_checkpoint": "f" * 64,
            "fingerprint_before": "f" * 64,
        },
        "parameters": {"paper": 102912, "held": 103424, "kept": 10 * HIDDEN, "head": 1155, "body": 0},
        **({"prompt": _prompt(config)} if config.has_prompt else {}),
        "majority": evaluate(names, predictions.examples, majority),
        "environment": {
            "python": "3.11.7",
            "packages": {"rpt": "0.1.0", "torch": "2.13.0"},
            "git": {"commit": "0f460bdd63da7e7d804923b58856c7d8999cb366", "dirty": False},
            "platform": "Linux",
            "bits": bits,
        },
        "pack": {"size": 1, "members": [identity.hash], "exact": False},
        "resumed_step": 0,
    }
    if status in ("finished", "failed"):
        record |= {"finished": "2026-11-23T03:50:23+00:00", "seconds": 39.7, "tokens": 155910, "steps": 450}
        record |= {"tokens_per_second": 3927.9, "peak_memory_bytes": 935383040}
    if status == "failed":
        record["error"] = "the loss is no number at step 12"
    if status == "finished":
        record["scores"] = {name: metrics[name] for name in ("score", *names)}
        record |= {"loss": 0.7, "off_label_share": 0.0, "adapter": None}
        held_out = {**{name: metrics[name] for name in ("score", *names)}, "loss": 0.5}
        record["best"] = {"epoch": 3, "step": 135, "held_out": held_out}
    return record


def _curve(config, score, rng, diagnostics):
    held_out = [f"held_out/{name}" for name in (*metrics_of(config), "score", "loss")]
    prompt = ["prompt/norm", "prompt/drift", "prompt/gate"] if diagnostics and config.has_prompt else []
    columns = ["step", "epoch", "train/loss", "train/grad_norm", "train/lr", *held_out, *prompt]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for step in range(1, 51):
        epoch = (step - 1) // 5
        writer.writerow({"step": step, "epoch": epoch, "train/loss": 1 / step, "train/lr": config.lr})
        if step % 5 == 0:
            now = 0.4 + (score - 0.4) * (1 - math.exp(-step / 15)) + rng.normal(0, 0.01)
            row = {"step": step, "epoch": epoch + 1, **dict.fromkeys(held_out, now), "held_out/loss": 1 - now}
            if prompt:
                row |= {"prompt/norm": 1 + step / 50, "prompt/drift": step / 100}
                row["prompt/gate"] = 1 - math.exp(-step / 20) if config.chosen["encoder"] == "residual" else ""
            writer.writerow(row)
    return text.getvalue()


def _write_diagnostics(config, folder, rng):
    length = config.prompt.length
    common = np.random.default_rng(7).normal(size=(length, HIDDEN))
    prompt = (common + rng.normal(size=(length, HIDDEN))).astype(np.float32)
    save_file({"prompt": prompt}, folder / "prompt.safetensors")
    norms = np.linalg.norm(prompt, axis=1).tolist()
    nearest = [[[WORDS[(token + k) % len(WORDS)], 0.5 - 0.1 * k] for k in range(5)] for token in range(length)]
    found = {
        "nearest": nearest,
        "norms": norms,
        "vocab_norm": {"mean": 1.4, "std": 0.2, "min": 0.6, "max": 2.4},
        "drift": (np.abs(rng.normal(size=length)) + 0.5).tolist(),
        "gate": [0.9] * length if config.chosen["encoder"] == "residual" else None,
    }
    (folder / "diagnostics.json").write_text(json.dumps(found))


def by_name(table):
    """Return each row of a report's table as a dictionary by column name."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]
