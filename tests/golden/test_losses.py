"""Losses and scores of small trainings on tiny backbones equal stored values, for every encoder and scorer.

The values change only if initialisation, data order, forward pass, gradient, optimizer, selection or metrics change.
The identity of a run contains `TRAINING_VERSION` (`rpt/tracking/identity.py`), so that runs from before a change have
another identity. After a change of values, raise `TRAINING_VERSION` and write the values again:

    RPT_MAKE_GOLDEN=1 python -m pytest tests/golden/test_losses.py
"""

import csv
import itertools
import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.runs import train
from rpt.tracking.identity import TRAINING_VERSION
from tests.support.composed import compose

GOLDEN = Path(__file__).with_name("losses.json")
ENCODERS = ["plain", "mlp", "residual", "lstm"]
SCORERS = {"rank": ["tiny_llama", "scorer=rank"], "generate": ["tiny_t5", "scorer=generate"]}
SHIPPED = "shipped unit and rate"
TOLERANCE = 1e-4  # relative tolerance, because other machines and versions of torch round differently
RAISE = "Raise TRAINING_VERSION in rpt/tracking/identity.py, then make the numbers again: RPT_MAKE_GOLDEN=1"


def numbers(outcome):
    """Return the first five training losses, the held-out losses, and the loss and scores on the reported rows."""
    with (outcome.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        "train/loss": [float(row["train/loss"]) for row in rows if row["train/loss"]][:5],
        "held_out/loss": [float(row["held_out/loss"]) for row in rows if row["held_out/loss"]],
        "reported": [outcome.record.loss, *outcome.record.scores.values()],
    }


def is_same(found, stored):
    return all(found[key] == pytest.approx(stored.get(key), rel=TOLERANCE) for key in found)


def merged(stored, name, found, training_version):
    """Add the values of a training to the stored values.

    Raises:
        AssertionError: If stored values change and the training version is the stored version.
    """
    old = stored.get("numbers", {}).get(name)
    if old is not None and not is_same(found, old) and stored["training_version"] == training_version:
        raise AssertionError(f"{name}: the numbers differ from the stored ones. {RAISE}")
    made_by = {package: version(package) for package in ("torch", "transformers")}
    kept = {**stored.get("numbers", {}), name: found}
    if stored.get("training_version") != training_version:  # pytest writes the values of the other trainings again, too
        kept = {name: found}
    return {"training_version": training_version, "made_by": made_by, "numbers": kept}


@pytest.fixture
def compare():
    def run(name, config):
        found = numbers(train([config])[0])
        stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        if os.environ.get("RPT_MAKE_GOLDEN") == "1":
            stored = merged(stored, name, found, TRAINING_VERSION)
            GOLDEN.write_text(json.dumps(stored, indent=1) + "\n")
        assert is_same(found, stored["numbers"][name]), f"{found} is not {stored['numbers'][name]}. {RAISE}"

    return run


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_training_of_each_encoder_gives_the_stored_numbers(encoder, configure, tiny_cb, compare):
    # The head starts at zero. With a head_lr of 0.1 it grows enough for the prompt to change the first five losses.
    rates = ["lr=0.1", "head_lr=0.1", "encoder_lr=0.01"]
    compare(encoder, configure(*tiny_cb, f"encoder={encoder}", "prompt.unit=raw", *rates))


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_training_with_each_scorer_gives_the_stored_numbers(scorer, tiny_cb, compare, tmp_path, request):
    backbone, option = SCORERS[scorer]
    small = [*request.getfixturevalue(backbone), *tiny_cb, "trainer=debug", f"output_dir={tmp_path}"]
    small += ["prompt.unit=raw", "lr=0.1"]
    compare(scorer, check(compose([*small, option])))


def test_a_training_with_the_shipped_unit_and_rate_gives_the_stored_numbers(configure, tiny_cb, compare):
    compare(SHIPPED, configure(*tiny_cb, "head_lr=0.1"))


def test_the_stored_losses_of_encoders_differ():
    stored = json.loads(GOLDEN.read_text())["numbers"]
    assert sorted(stored) == sorted([*ENCODERS, *SCORERS, SHIPPED])
    fifths = sorted(stored[encoder]["train/loss"][4] for encoder in ENCODERS)
    assert all(high > low * (1 + 10 * TOLERANCE) for low, high in itertools.pairwise(fifths))


def test_the_stored_values_have_the_present_training_version():
    assert json.loads(GOLDEN.read_text())["training_version"] == TRAINING_VERSION, RAISE


def test_changed_values_are_stored_only_with_another_training_version():
    found = {"train/loss": [1.0], "held_out/loss": [2.0], "reported": [0.5]}
    other = {**found, "held_out/loss": [2.1]}
    stored = merged({}, "plain", found, 1)
    assert merged(stored, "plain", found, 1)["numbers"] == {"plain": found}
    assert merged(stored, "mlp", other, 1)["numbers"] == {"plain": found, "mlp": other}
    with pytest.raises(AssertionError, match="Raise TRAINING_VERSION"):
        merged(stored, "plain", other, 1)
    assert merged(stored, "plain", other, 2)["numbers"] == {"plain": other}
