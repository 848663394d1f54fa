"""What tests of packs share: runs that differ in all they may differ in, and ways to look at them."""

import copy
import csv
from dataclasses import dataclass, field
from typing import Any

import torch

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.data.loaders import step_rows
from tests.support.by_hand import gradients

FAMILIES = ("tiny_bert", "tiny_t5", "tiny_llama")
"""Fixtures of `tests.conftest`: a tiny backbone of each family."""

HASTY = "trainer.patience=1"
RUNS = {
    "residual": ["encoder=residual", "prompt.length=10", "lr=0.01", "seed=1", "clip_norm=0.5", HASTY],
    "lstm": ["encoder=lstm", "encoder.hidden_dim=16", "init=normal", "prompt.length=100", "lr=0.03", "seed=2"],
    "mlp": ["encoder=mlp", "encoder.dropout=0.2", "prompt.length=2", "lr=0.3", "seed=3", "schedule=linear", HASTY],
    "plain": ["encoder=plain", "prompt.length=10", "lr=0.1", "seed=4", "weight_decay=0.01"],
}

GENTLE = {
    name: [*own, f"lr={rate}"] for (name, own), rate in zip(RUNS.items(), (0.001, 0.003, 0.03, 0.01), strict=True)
}
"""The same at a tenth of their rates. At those above the T5 amplifies any rounding: alone in float64, the LSTM's run is
3e-6 from itself after five epochs when its table is multiplied by 1 + 1e-15."""

EARLY = ["trainer.epochs=10", "trainer.patience=2", "prompt.unit=raw"]
"""Long enough for runs to stop early at epochs of their own (`early_stops`), two of them by less patience. The rates of
`RUNS` are chosen for the unit `raw`."""


def configs_of(*overrides, runs=RUNS):
    """Configurations of runs by their own overrides."""
    return [check(compose([*overrides, *own])) for own in runs.values()]


def early_stops(outcomes):
    """The steps after which runs over `tiny_cb` stopped before their last epoch."""
    last = 4 * outcomes[0].record.config["trainer"]["epochs"]
    return {outcome.record.steps for outcome in outcomes} - {last}


def curve(outcome):
    """The run's curve by columns, empty cells left out."""
    with (outcome.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def files(outcome):
    """The bytes of what a run left, of the files that there are."""
    names = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")
    return {name: (outcome.folder / name).read_bytes() for name in names if (outcome.folder / name).exists()}


@dataclass
class Worn:
    """A pack, its data, the states of its runs at some steps, and every run in a pack of its own."""

    # Hypothesis writes each argument out for its message, and a module's own words fill pages.
    tuner: Any = field(repr=False)
    data: Any = field(repr=False)
    states: dict = field(repr=False)
    alone: list = field(repr=False)


def wear(configs, assemble, loop, moments=(0, 50, 200)):
    """Train a pack, and keep what its runs were after some numbers of steps."""
    tuner, data = assemble(*configs)
    loop(tuner).train()
    states = {}
    while tuner.steps_done <= max(moments):
        for step in data.train_dataloader():
            if tuner.steps_done in moments:
                states[tuner.steps_done] = [copy.deepcopy(run.state()) for run in tuner.runs]
            tuner.training_step(step.to(tuner.backbone.device), 0)
    return Worn(tuner, data, states, [loop(assemble(config)[0]) for config in configs])


def gradients_of(tuner, step):
    """The loss and the flat gradient of each run at one step; nothing is updated."""
    found = [torch.cat([one.flatten() for one in of_run.values()]) for of_run in gradients(tuner, step)]
    return [values["loss"] for values in tuner.last_step], found


def differences(worn, at, rows, budget):
    """For each run how far loss and gradient are apart, packed and alone, at one step, and how large they are alone.

    Returns:
        Tuples of difference and size of the loss, difference and size of the gradient.
    """
    tuner, data, states = worn.tuner, worn.data, worn.states
    for run, state in zip(tuner.runs, states[at], strict=True):
        run.restore(copy.deepcopy(state))
    tuner.token_budget = budget
    losses, together = gradients_of(tuner, step_rows(data.train, rows, data.pad_id))
    found = []
    for index, single in enumerate(worn.alone):
        single.runs[0].restore(copy.deepcopy(states[at][index]))
        [loss], [gradient] = gradients_of(single, step_rows(data.train, [rows[index]], data.pad_id))
        apart = float((together[index] - gradient).norm())
        found.append((abs(losses[index] - loss), abs(loss), apart, float(gradient.norm())))
    return found
