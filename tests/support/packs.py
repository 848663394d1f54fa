"""Helpers for tests of packs: runs that differ in every key that may differ within a pack, and comparisons of runs."""

import copy
import csv
from dataclasses import dataclass, field
from typing import Any

import torch

from rpt.config.check import check
from rpt.data.loaders import step_rows
from tests.support.by_hand import gradients
from tests.support.composed import compose

FAMILIES = ("tiny_bert", "tiny_t5", "tiny_llama")
"""Names of the fixtures in `tests/conftest.py` for a tiny backbone of each family."""

SHORT_PATIENCE = "trainer.patience=1"
RUNS = {
    "residual": ["encoder=residual", "prompt.length=10", "lr=0.01", "seed=1", "clip_norm=0.5", SHORT_PATIENCE],
    "lstm": ["encoder=lstm", "encoder.hidden_dim=16", "init=normal", "prompt.length=100", "lr=0.03", "seed=2"],
    "mlp": [
        "encoder=mlp",
        "encoder.dropout=0.2",
        "prompt.length=2",
        "lr=0.3",
        "seed=3",
        "schedule=linear",
        SHORT_PATIENCE,
    ],
    "plain": ["encoder=plain", "prompt.length=10", "lr=0.1", "seed=4", "weight_decay=0.01"],
}

RUNS_AT_LOW_RATES = {
    name: [*own, f"lr={rate}"] for (name, own), rate in zip(RUNS.items(), (0.001, 0.003, 0.03, 0.01), strict=True)
}
"""`RUNS` at a tenth of its learning rates. At the rates of `RUNS`, the tiny T5 amplifies rounding errors: in float64
and without a pack, a factor of 1 + 1e-15 on the table changes the LSTM's run by 3e-6 after five epochs."""

EARLY_STOPPING = ["trainer.epochs=10", "trainer.patience=2", "prompt.unit=raw"]
"""Overrides under which the runs of `RUNS` stop early, at different epochs. The learning rates of `RUNS` are chosen
for the unit `raw`."""


def configs_of(*overrides, runs=RUNS):
    """Return the configurations of several runs, from shared overrides and the overrides of each run."""
    return [check(compose([*overrides, *own])) for own in runs.values()]


def early_stopping_steps(outcomes):
    """Return the numbers of steps of the runs that stopped before the last epoch; an epoch of `tiny_cb` has 4 steps."""
    last = 4 * outcomes[0].record.config["trainer"]["epochs"]
    return {outcome.record.steps for outcome in outcomes} - {last}


def curve(outcome):
    """Return the columns of a run's metrics.csv without empty cells."""
    with (outcome.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def files(outcome):
    """Return the bytes of a run's result files by name; files that do not exist are left out."""
    names = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")
    return {name: (outcome.folder / name).read_bytes() for name in names if (outcome.folder / name).exists()}


@dataclass
class TrainedPack:
    """A trained pack, for comparison with the same runs trained alone.

    Attributes:
        tuner: The module of the pack.
        data: The data of the pack.
        states: States of all runs, by the number of steps after which they were kept.
        alone: Module of a pack that holds a single run, for each run.
    """

    # Hypothesis prints the repr of each argument of a failing example, and the repr of a module is pages long.
    tuner: Any = field(repr=False)
    data: Any = field(repr=False)
    states: dict = field(repr=False)
    alone: list = field(repr=False)


def train_pack(configs, assemble, loop, checkpoints=(0, 25, 100)):
    """Train a pack, and keep the states of its runs after the numbers of steps in `checkpoints`."""
    tuner, data = assemble(*configs)
    loop(tuner).train()
    states = {}
    while tuner.steps_done <= max(checkpoints):
        for step in data.train_dataloader():
            if tuner.steps_done in checkpoints:
                states[tuner.steps_done] = [copy.deepcopy(run.state()) for run in tuner.runs]
            tuner.training_step(step.to(tuner.backbone.device), 0)
    return TrainedPack(tuner, data, states, [loop(assemble(config)[0]) for config in configs])


def gradients_of(tuner, step):
    """Return the losses and the flat gradients of all runs at one step. No parameter is updated."""
    flat = [torch.cat([value.flatten() for value in of_run.values()]) for of_run in gradients(tuner, step)]
    return [values["loss"] for values in tuner.last_step], flat


def packed_and_alone(trained, num_steps, rows, budget):
    """Compare the loss and the gradient of each run in a pack with those of the same run alone, at one step.

    Args:
        trained: A trained pack.
        num_steps: The compared step starts from the states after this number of steps.
        rows: For each run, the indices of the training rows of the step.
        budget: Token budget of the pack's forward passes.

    Returns:
        For each run: absolute difference of the losses, absolute loss alone, norm of the difference of the gradients,
        norm of the gradient alone.
    """
    tuner, data, states = trained.tuner, trained.data, trained.states[num_steps]
    for run, state in zip(tuner.runs, states, strict=True):
        run.restore(copy.deepcopy(state))
    tuner.token_budget = budget
    losses, packed = gradients_of(tuner, step_rows(data.train, rows, data.pad_id))
    compared = []
    for index, single in enumerate(trained.alone):
        single.runs[0].restore(copy.deepcopy(states[index]))
        [loss], [gradient] = gradients_of(single, step_rows(data.train, [rows[index]], data.pad_id))
        distance = float((packed[index] - gradient).norm())
        compared.append((abs(losses[index] - loss), abs(loss), distance, float(gradient.norm())))
    return compared
