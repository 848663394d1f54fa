"""Measure all implementations on a job in turns, in one process and over the same rows."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.by_hand import take_steps
from benchmarks.peers import products
from benchmarks.peers.bare import BareSteps
from benchmarks.peers.evaluation import compare_evaluations
from benchmarks.peers.isolated import measure as measure_alone
from benchmarks.peers.jobs import Job, PlainRow, plain_rows, training_rows
from benchmarks.peers.names import BARE, BATCH, CACHED, PEFT, PROCESSES, PUBLISHED, RPT, TUNED
from benchmarks.peers.peft_steps import DOCUMENTED, PeftSteps, Settings, load
from benchmarks.peers.products import Product
from benchmarks.peers.published import PublishedSteps
from benchmarks.peers.rpt_steps import RptSteps
from benchmarks.peers.stopwatch import CLOCKS, Steps, Taken
from benchmarks.peers.tuning import tune
from rpt.console import say

AT_END = "backbone.prompt_at=end"


@dataclass(frozen=True)
class Ceilings:
    """Time and speed of matrix products on this machine in one round.

    Attributes:
        alone: Seconds of a step's products, each computed alone, by kind: `weights` and `attention`.
        speed: Operations per second of a large product in the dtype of the backbone.
    """

    alone: Mapping[str, float]
    speed: float


class Measurement:
    """Measurement of all training implementations on one backbone and one set of rows.

    Args:
        job: Shape and rows.
        packs: Sizes of the packs.
        without: Parts that are left out: `published_habits`, `processes`, or both.
        clock: Name of the clock of the results: `wall` or `cpu`.
        scratch: Folder for run folders.
    """

    def __init__(self, job: Job, packs: Sequence[int], without: Sequence[str], clock: str, scratch: Path) -> None:
        self.job, self.clock, self.without = job, clock, without
        encoded = training_rows(job)
        self.rows: list[PlainRow] = plain_rows(job.family, encoded)
        self.num_labels = len(encoded.examples[0].choices)
        self.max_new_tokens = encoded.longest_output
        self.rpt = RptSteps(job, scratch / RPT)
        self.products, self.profile = self._inspect()
        self.settings, self.tuning_log = tune(job.folder, job.family, self.rows, self.num_labels, clock)
        self.documented = self._peft(DOCUMENTED)
        self.ways: dict[str, Steps] = {
            RPT: self.rpt,
            BARE: BareSteps(self.rpt.tuner, self.rpt.data),
            **{f"rpt_packed_{size}": RptSteps(job, scratch / f"pack{size}", size=size) for size in packs},
            **({CACHED: RptSteps(job, scratch / "end", [AT_END])} if job.family == "causal" else {}),
            TUNED: self._peft(self.settings),
            PEFT: self.documented,
            **({} if PUBLISHED in without else {PUBLISHED: self._published()}),
        }

    def run(self, rounds: int) -> dict[str, Any]:
        """Measure all implementations in turns, and return the results as values of JSON."""
        for name, steps in self.ways.items():
            if name != PUBLISHED:  # its warm-up step would take longer than all other steps
                steps()
        taken: dict[str, list[Taken]] = {name: [] for name in self.ways}
        ceilings = []
        for index in range(rounds):
            for name, steps in self.ways.items():
                taken[name].append(steps())
            ceilings.append(self._ceilings())
            say(f"  round {index + 1} of {rounds}")
        alone = {} if PROCESSES in self.without else self._alone()
        language = self.job.family != "encoder"
        result = {
            "shape": self.job.shape,
            "task": self.job.task,
            "tokens_per_row": statistics.mean(training_rows(self.job).lengths),
            "steps": self.job.steps,
            "rows_per_step": BATCH,
            "ways": {name: self._way(name, taken, ceilings) | alone.get(name, {}) for name in self.ways},
            "floor": self._floor(taken[RPT], ceilings),
            "profile": self.profile,
            "tuning_log": self.tuning_log,
            "evaluation": compare_evaluations(self.rpt.tuner, self.rpt.data, self.clock) if language else None,
            "dtypes": {RPT: str(self.rpt.tuner.backbone.dtype), PEFT: str(self.documented.dtype)},
        }
        for way in self.ways.values():
            if isinstance(way, RptSteps):
                way.close()
        return result

    def _inspect(self) -> tuple[Counter[Product], dict[str, Any]]:
        """Count the products of the steps of an epoch, and profile these steps, without Lightning."""
        tuner, data, steps = self.rpt.tuner, self.rpt.data, self.job.steps
        counts = products.count_products(lambda: take_steps(tuner, data, steps))
        return counts, products.profile(lambda: take_steps(tuner, data, steps))

    def _peft(self, settings: Settings) -> PeftSteps:
        return PeftSteps(self.job.folder, self.job.family, self.rows, self.num_labels, settings)

    def _published(self) -> PublishedSteps:
        """Build the loop with the published habits. It shares float32 weights with the documented settings."""
        shared = self.documented if str(self.documented.dtype) == "torch.float32" else None
        if shared is None:
            model = load(self.job.folder, self.job.family, self.num_labels, Settings(dtype="float32"))
        else:
            model = shared.model.get_base_model()
        return PublishedSteps(self.job.family, model, self.rows, self.max_new_tokens)

    def _ceilings(self) -> Ceilings:
        alone = products.seconds_alone(self.products, self.clock)
        per_step = {kind: seconds / self.job.steps for kind, seconds in alone.items()}
        return Ceilings(per_step, products.large_product_speed(self.rpt.tuner.backbone.dtype, self.clock))

    @property
    def _operations(self) -> float:
        """Number of operations of the products of a step."""
        return sum(product.operations * count for product, count in self.products.items()) / self.job.steps

    def _way(self, name: str, taken: Mapping[str, list[Taken]], ceilings: Sequence[Ceilings]) -> dict[str, Any]:
        """Summarise an implementation: medians over rounds, and ratios to rpt in the same round."""
        own = [one_round.per_example(self.clock) for one_round in taken[name]]
        base = [one_round.per_example(self.clock) for one_round in taken[RPT]]
        speeds = [self._operations / BATCH / value / c.speed for value, c in zip(own, ceilings, strict=True)]
        return {
            "seconds_per_example": statistics.median(own),
            "tokens_per_second": statistics.median(
                one_round.tokens / one_round.seconds[self.clock] for one_round in taken[name]
            ),
            "ratio_to_rpt": statistics.median(value / of_rpt for value, of_rpt in zip(own, base, strict=True)),
            "share_of_ceiling": None if name == CACHED else statistics.median(speeds),
            "rounds": [{key: one_round.per_example(key) for key in CLOCKS} for one_round in taken[name]],
        }

    def _floor(self, taken: Sequence[Taken], ceilings: Sequence[Ceilings]) -> dict[str, Any]:
        """Compare a step of rpt with its products alone."""
        steps = [one_round.seconds[self.clock] / self.job.steps for one_round in taken]
        pairs = list(zip(steps, ceilings, strict=True))
        moved = sum(product.num_bytes * count for product, count in self.products.items()) / self.job.steps
        return {
            "operations_per_step": self._operations,
            "bytes_per_step": moved,
            "operations_per_second_of_a_large_product": statistics.median(c.speed for c in ceilings),
            "seconds_of_products": statistics.median(sum(c.alone.values()) for c in ceilings),
            "share_of_products": statistics.median(sum(c.alone.values()) / step for step, c in pairs),
            "share_of_products_with_weights": statistics.median(c.alone["weights"] / step for step, c in pairs),
            "seconds_of_step": statistics.median(steps),
        }

    def _alone(self) -> dict[str, dict[str, Any]]:
        """Measure peak memory and start-up of some implementations, each in a process of its own."""
        job = self.job
        rpt = {"way": "rpt", "job": job.description(), "size": 1}
        model = {"folder": job.folder, "family": job.family, "rows": self.rows, "num_labels": self.num_labels}
        work: dict[str, dict[str, Any]] = {
            RPT: {**rpt, "overrides": []},
            TUNED: {"way": "peft", **model, "settings": asdict(self.settings)},
            PEFT: {"way": "peft", **model, "settings": asdict(DOCUMENTED)},
            PUBLISHED: {"way": "published", **model, "max_new_tokens": self.max_new_tokens},
        }
        if CACHED in self.ways:
            work[CACHED] = {**rpt, "overrides": [AT_END]}
        return {name: measure_alone(details) for name, details in work.items() if name in self.ways}
