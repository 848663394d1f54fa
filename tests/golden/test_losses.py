"""The first five training losses of every encoder on the tiny backbone, held against stored ones.

They change only when initialisation, data order, forward, gradient or optimizer change. To make them again:

    RPT_MAKE_GOLDEN=1 python -m pytest tests/golden/test_losses.py
"""

import csv
import itertools
import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from rpt.train import train

GOLDEN = Path(__file__).with_name("losses.json")
ENCODERS = ["plain", "mlp", "residual", "lstm"]
TOLERANCE = 1e-4  # relative; other machines and versions of torch round differently


def first_losses(config):
    with (train([config])[0].folder / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]][:5]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_first_five_losses_are_the_stored_ones(encoder, configure, tiny_cb):
    # A head_lr of 0.1: the head starts at zero, and only its size lets the prompt's gradient show in the losses.
    losses = first_losses(configure(*tiny_cb, f"encoder={encoder}", "lr=0.1", "head_lr=0.1", "encoder_lr=0.01"))
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("RPT_MAKE_GOLDEN") == "1":
        made_by = {name: version(name) for name in ("torch", "transformers")}
        stored = {"made_by": made_by, "losses": {**stored.get("losses", {}), encoder: losses}}
        GOLDEN.write_text(json.dumps(stored, indent=2) + "\n")
    assert losses == pytest.approx(stored["losses"][encoder], rel=TOLERANCE)


def test_the_stored_losses_tell_the_encoders_apart():
    stored = json.loads(GOLDEN.read_text())["losses"]
    assert sorted(stored) == sorted(ENCODERS)
    fifths = sorted(losses[4] for losses in stored.values())
    assert all(high > low * (1 + 10 * TOLERANCE) for low, high in itertools.pairwise(fifths))
