"""Measure the seconds of a training step of the main job: rpt, PEFT with transformers' Trainer, and a lower bound.

    python -m benchmarks.step            # CB sample, MiniLM, 10 virtual tokens, batch 8; about three minutes

All are measured alternately in one process, over the same rows. The lower bound is the time of the matrix products
alone. It is their number of operations divided by the speed at which this machine multiplies matrices of MiniLM's
shapes in the dtype of rpt.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

import torch
from torch import Tensor

from benchmarks.by_hand import assemble, take_steps, without_trainer
from benchmarks.command import write_result
from rpt import build
from rpt.backbones.files import locate
from rpt.backbones.frozen import choose_dtype
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.config.schema import Config
from rpt.console import say
from rpt.data.encode import Encoded
from rpt.training.silenced_messages import quiet_libraries

STEPS = 32
ROUNDS = 5
BATCH = 8
LENGTH = 10


def main() -> None:
    """Measure the steps, print the table, and write it to `benchmarks/results/`."""
    quiet_libraries()
    config = check(compose(["trainer.progress=false"]))
    rpt_run, encoded = rpt_steps(config)
    contenders: dict[str, Callable[[], None]] = {
        "rpt": rpt_run,
        "PEFT + Trainer, as its guides show it": peft_steps(config, encoded, tuned=False),
        "PEFT + Trainer, bfloat16 and grouped by length": peft_steps(config, encoded, tuned=True),
    }
    for run in contenders.values():
        run()  # warm-up
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - start) / STEPS)
    report(seconds, floor(encoded))


def rpt_steps(config: Config) -> tuple[Callable[[], None], Encoded]:
    """Return a function that takes the steps of rpt's module, and the training rows."""
    tuner, data = assemble([config])
    without_trainer(tuner)
    return lambda: take_steps(tuner, data, STEPS), data.train


def peft_steps(config: Config, encoded: Encoded, *, tuned: bool) -> Callable[[], None]:
    """Return a function that takes the steps of PEFT's prompt tuning in transformers' Trainer.

    Args:
        config: Configuration of the run that rpt trains.
        encoded: Training rows of that run.
        tuned: Whether the Trainer uses bfloat16 and groups rows by length, as rpt does.
    """
    from peft import PromptTuningConfig, TaskType, get_peft_model
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    folder = locate(config.backbone.package, config.backbone.path, None, None)
    dtype = torch.bfloat16 if tuned else torch.float32
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, dtype=dtype)
    peft = PromptTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=LENGTH)
    rows = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": example.target}
        for [ids], example in zip(encoded.inputs, encoded.examples, strict=True)
    ]
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=BATCH,
        max_steps=STEPS,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        train_sampling_strategy="group_by_length" if tuned else "random",
    )
    collator = DataCollatorWithPadding(AutoTokenizer.from_pretrained(folder))
    prepared = get_peft_model(model, peft)

    def steps() -> None:
        Trainer(model=prepared, args=arguments, train_dataset=rows, data_collator=collator).train()

    return steps


def floor(encoded: Encoded) -> float:
    """Return the seconds that a step's matrix products take at the speed of this machine."""
    config = check(compose([]))
    device = build.build_device(config)
    dtype = choose_dtype("auto", device)
    tokens = BATCH * (LENGTH + statistics.mean(encoded.lengths))
    weights = 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    operations = 2 * 2 * weights * tokens  # a forward and a backward pass to the inputs, with two operations a product
    rows, weight = torch.randn(round(tokens), 384).to(dtype), torch.randn(384, 1536).to(dtype)
    return operations / _speed(rows, weight)


def _speed(rows: Tensor, weight: Tensor) -> float:
    """Measure the operations per second of a matrix product, as the maximum of a hundred."""
    best = float("inf")
    for _ in range(100):
        start = time.perf_counter()
        rows @ weight
        best = min(best, time.perf_counter() - start)
    return 2 * rows.shape[0] * rows.shape[1] * weight.shape[1] / best


def report(seconds: dict[str, list[float]], least: float) -> None:
    """Print the medians and their ratios to rpt's median, and write them to `benchmarks/results/`."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    lines = {name: {"seconds": value, "ratio": value / medians["rpt"]} for name, value in medians.items()}
    lines["floor: matrix products alone"] = {"seconds": least, "ratio": least / medians["rpt"]}
    for name, line in lines.items():
        say(f"{name:50} {line['seconds'] * 1000:8.1f} ms a step   {line['ratio']:5.2f} of rpt")
    write_result("step", {"all_seconds": seconds, "table": lines})


if __name__ == "__main__":
    main()
