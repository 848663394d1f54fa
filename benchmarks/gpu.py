"""Measure examples per second on a GPU: packs of 1 to 64 runs over T5-Base, and as many processes at the same time.

    python -m benchmarks.gpu            # random weights of T5-Base's shape, bfloat16, batches of 8; five minutes

Rows are random tokens with the lengths of the official rows, because the speed depends only on the lengths. The lower
bound is the time of the matrix products alone, at the speed at which this GPU multiplies matrices of T5-Base's shapes.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
import torch.multiprocessing as multiprocessing
from transformers import T5Config, T5ForConditionalGeneration

from benchmarks.by_hand import take_steps
from benchmarks.command import write_result
from rpt import build
from rpt.backbones.seq2seq import Seq2SeqBackbone
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say
from rpt.data.datamodule import PackData
from rpt.data.encode import Encoded
from rpt.data.sources import Source
from rpt.tasks.example import Example
from rpt.training.module import PromptTuner
from rpt.training.randomness import repeatable_kernels

WIDTH, FEED_FORWARD, LAYERS, VOCABULARY = 768, 3072, 12, 32128
"""Shape of T5-Base: hidden size, width of the feed-forward layers, layers of encoder and decoder, vocabulary size."""

LENGTHS = {
    "cb": [35, 46, 53, 58, 61, 67, 70, 74, 80, 83, 85, 88, 92, 95, 106, 114, 128, 136, 157, 186, 305],
    "boolq": [40, 67, 79, 89, 97, 106, 114, 122, 130, 137, 145, 154, 161, 170, 181, 194, 208, 228, 250, 293, 512],
}
"""Numbers of tokens of formatted official rows in T5's vocabulary, as quantiles at 0, 5, ... 100 %: CB's training rows
and BoolQ's validation rows."""

WRITTEN = {"cb": 3, "boolq": 2}
"""Approximate number of tokens of an answer, with its end marker."""

SIZES = (1, 2, 4, 8, 16, 32, 64)
PROCESSES = (2, 8, 32)
ROWS, BATCH, PROMPT = 256, 8, 10
STEPS = 12
NO_ROWS = Source("random", None, "", {})
TIMEOUT = 180
"""Time in seconds in which every process must be ready."""


def main() -> None:
    """Measure packs and processes, print the results, and write them to `benchmarks/results/`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=LENGTHS, default=list(LENGTHS), help="tasks of the rows")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="numbers of runs in a pack")
    parser.add_argument("--beside", nargs="*", type=int, default=PROCESSES, help="numbers of processes at once")
    parser.add_argument("--encoder", default="residual", help="encoder of the prompts (default: %(default)s)")
    options = parser.parse_args()
    table = {task: measure(task, options.sizes, options.beside, options.encoder) for task in options.tasks}
    write_result("gpu", {"batch": BATCH, "prompt": PROMPT, "encoder": options.encoder, "table": table}, "cuda")


def measure(task: str, sizes: Sequence[int], beside: Sequence[int], encoder: str) -> list[dict[str, Any]]:
    """Measure packs of each size, then processes of one run each."""
    lines: list[dict[str, Any]] = [{"way": "packed", "runs": size, **packed(task, size, encoder)} for size in sizes]
    gc.collect()
    torch.cuda.empty_cache()
    lines += [{"way": "processes", "runs": count, **processes(task, count, encoder)} for count in beside]
    alone = lines[0]["examples_per_second"]
    for line in lines:
        line["ratio"] = line["examples_per_second"] / alone
        details = "".join(f"   {line[key]:7.3f} {key}" for key in ("floor_share", "peak_gib") if key in line)
        say(
            f"{task:6} {line['way']:10} {line['runs']:3}   {line['seconds'] * 1000:8.1f} ms a step   "
            f"{line['examples_per_second']:8.0f} examples/s   {line['ratio']:6.2f} of the first{details}"
        )
    return lines


def packed(task: str, size: int, encoder: str) -> dict[str, float]:
    """Return seconds of a pack's step, examples per second, peak memory, and the lower bound divided by the seconds."""
    tuner, data = pack(task, size, encoder)
    torch.cuda.reset_peak_memory_stats()
    seconds = timed(tuner, data)
    products = operations(task, size) / speed()
    peak = torch.cuda.max_memory_allocated() / 2**30
    return {**rate(seconds, size), "floor_share": products / seconds, "peak_gib": peak}


def t5_base() -> T5Config:
    """Return the configuration of google-t5/t5-base, with 12 heads of width 64."""
    shape = {"d_model": WIDTH, "d_kv": 64, "d_ff": FEED_FORWARD, "num_layers": LAYERS, "num_heads": 12}
    return T5Config.from_dict({**shape, "vocab_size": VOCABULARY, "decoder_start_token_id": 0})


def rate(seconds: float, runs: int) -> dict[str, float]:
    """Return seconds and examples per second of a step in which each of `runs` runs reads one batch."""
    return {"seconds": seconds, "examples_per_second": BATCH * runs / seconds}


def timed(tuner: PromptTuner, data: PackData) -> float:
    """Measure the median seconds of a step, over the same steps for every pack."""
    take_steps(tuner, data, STEPS)
    seconds = []
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        take_steps(tuner, data, STEPS)
        torch.cuda.synchronize()
        seconds.append((time.perf_counter() - start) / STEPS)
    return statistics.median(seconds)


def processes(task: str, count: int, encoder: str) -> dict[str, float]:
    """Measure `count` simultaneous processes on one GPU, each with its own model and run."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count, timeout=TIMEOUT), context.Queue()
    arguments = (task, encoder, barrier, answers)
    workers = [context.Process(target=_beside, args=arguments, daemon=True) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        spans = [answers.get(timeout=2 * TIMEOUT) for _ in workers]
    finally:  # if a worker has died, the other workers still wait at the barrier
        for worker in workers:
            worker.terminate()
    seconds = (max(end for _, end in spans) - min(start for start, _ in spans)) / STEPS
    return rate(seconds, count)


def _beside(task: str, encoder: str, barrier: Any, answers: Any) -> None:
    """Train in one of the processes after all are ready, and put the start and end of the steps into the queue."""
    tuner, data = pack(task, 1, encoder)
    take_steps(tuner, data, STEPS)
    torch.cuda.synchronize()
    barrier.wait()
    start = time.time()  # all processes read the same clock
    take_steps(tuner, data, STEPS)
    torch.cuda.synchronize()
    answers.put((start, time.time()))


def pack(task: str, size: int, encoder: str) -> tuple[PromptTuner, PackData]:
    """Build a pack as `rpt.runs` does, with an order of rows for each run, over random weights."""
    repeatable_kernels()
    device = torch.device("cuda")
    overrides = ["task=cb", "backbone=t5_base", f"encoder={encoder}", f"prompt.length={PROMPT}", "init=normal"]
    configs = [check(compose([*overrides, "head_lr=0.01", f"seed={seed}"])) for seed in range(size)]
    backbone = random_t5(device)
    rows = list(random_rows(task))
    encoded = Encoded([row[0] for row in rows], [[row[1]] for row in rows], [row[2] for row in rows], [], 0)
    splits = {"train": encoded, "held_out": encoded, "reported": encoded}
    scorer = build.build_scorer(configs[0], backbone, max_new_tokens=None)
    runs = [build.build_run(config, backbone, scorer, device, total_steps=10_000) for config in configs]
    data = PackData(configs, NO_ROWS)
    data.encoded, data.runs = splits, runs
    tuner = build.build_module(configs[0], backbone, scorer, data.task, runs)
    tuner.trainables.to(device)
    return tuner, data


def random_t5(device: torch.device) -> Seq2SeqBackbone:
    """Build a frozen T5 with T5-Base's shape and random weights."""
    torch.manual_seed(0)
    with device:
        model = T5ForConditionalGeneration(t5_base()).bfloat16()
    return Seq2SeqBackbone(model, SimpleNamespace(pad_token_id=0, eos_token_id=1), "random").to(device)


def random_rows(task: str) -> Iterator[tuple[Example, list[int], list[int]]]:
    """Yield rows with the task's lengths: an example, the tokens of its source and the tokens of its answer."""
    rng = torch.Generator().manual_seed(0)
    quantiles = LENGTHS[task]
    for row in range(ROWS):
        position = row / (ROWS - 1) * (len(quantiles) - 1)
        below = min(int(position), len(quantiles) - 2)
        length = round(quantiles[below] + (position - below) * (quantiles[below + 1] - quantiles[below]))
        ids = torch.randint(3, VOCABULARY, (length + WRITTEN[task],), generator=rng).tolist()
        yield Example(idx=row, fields={}, choices=("a", "b"), target=row % 2), ids[:length], ids[length:]


def operations(task: str, size: int) -> float:
    """Count the operations of a step's matrix products, without attention and without gradients of weights."""
    # The encoder computes its states, and then the keys and values for the decoder.
    read = LAYERS * (4 * WIDTH**2 + 2 * WIDTH * FEED_FORWARD + 2 * WIDTH**2)
    written = LAYERS * (6 * WIDTH**2 + 2 * WIDTH * FEED_FORWARD) + WIDTH * VOCABULARY
    tokens = PROMPT + statistics.mean(LENGTHS[task])
    return 2 * 2 * size * BATCH * (tokens * read + WRITTEN[task] * written)


def speed() -> float:
    """Measure the operations per second of a matrix product of the backbone's shapes; the fastest of fifty counts."""
    states = torch.randn(16_384, WIDTH, device="cuda", dtype=torch.bfloat16)
    weight = torch.randn(WIDTH, FEED_FORWARD, device="cuda", dtype=torch.bfloat16)
    best = math.inf
    for _ in range(50):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        states @ weight
        end.record()
        end.synchronize()
        best = min(best, float(start.elapsed_time(end)) / 1000)
    return 2 * states.shape[0] * states.shape[1] * weight.shape[1] / best


if __name__ == "__main__":
    main()
