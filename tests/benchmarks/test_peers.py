"""`make bench` measures every implementation on the same rows, and its numbers agree with each other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SMALLEST = ("--shapes", "minilm", "--steps", "1", "--rounds", "1", "--packs", "4", "--clock", "cpu")
WAYS = {"rpt", "bare_loop", "rpt_packed_4", "peft_tuned", "peft", "published_habits"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy machine takes a quarter of an hour


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.peers", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("results")
    done = run(*SMALLEST, "--output", str(folder))
    assert done.returncode == 0, done.stderr
    assert (folder / "peers.svg").stat().st_size > 0
    result: dict[str, Any] = json.loads((folder / "peers.json").read_text())
    return result


def test_every_way_trains_on_the_same_rows(result):
    [measurement] = result["measurements"]
    ways = measurement["ways"]
    assert set(ways) == WAYS
    tokens = {name: way["tokens_per_second"] * way["seconds_per_example"] for name, way in ways.items()}
    # In one step, each implementation reads each of the eight rows equally often, with ten virtual tokens.
    assert tokens == pytest.approx(dict.fromkeys(ways, measurement["tokens_per_row"] + 10))


def test_ratios_agree_with_the_times(result):
    [measurement] = result["measurements"]
    ways, floor = measurement["ways"], measurement["floor"]
    base = ways["rpt"]["seconds_per_example"]
    for way in ways.values():
        assert way["seconds_per_example"] == way["rounds"][0]["cpu"] > 0
        assert way["ratio_to_rpt"] == pytest.approx(way["seconds_per_example"] / base)
        speed = floor["operations_per_step"] / 8 / way["seconds_per_example"]
        assert way["share_of_ceiling"] == pytest.approx(speed / floor["operations_per_second_of_a_large_product"])
    assert floor["seconds_of_step"] == pytest.approx(8 * base)
    assert floor["share_of_products"] == pytest.approx(floor["seconds_of_products"] / floor["seconds_of_step"])
    # Equal if a fused kernel computes the attention, as on a CPU that does not multiply bfloat16.
    assert floor["share_of_products_with_weights"] <= floor["share_of_products"]


def test_operations_are_those_of_the_model(result):
    [measurement] = result["measurements"]
    tokens = 8 * (measurement["tokens_per_row"] + 10)
    weights = 6 * (4 * 384**2 + 2 * 384 * 1536)  # MiniLM's six layers
    forward_and_backward = 2 * 2 * weights * tokens
    # Operations for padding and attention are added to this number.
    assert 1 < measurement["floor"]["operations_per_step"] / forward_and_backward < 1.5


def test_the_tuning_log_ends_with_the_settings_that_are_used(result):
    [measurement] = result["measurements"]
    log = measurement["tuning_log"]
    kept = [entry["seconds_per_example"] for entry in log if entry["kept"]]
    assert log[0]["change"] == "documented settings"
    assert len(log) == 6
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == min(entry["seconds_per_example"] for entry in log)


def test_targets_agree_with_the_measurements(result):
    [measurement] = result["measurements"]
    products, overhead = result["targets"]
    assert products["measured"] == measurement["floor"]["share_of_products"]
    assert overhead["measured"] == pytest.approx(1 / measurement["ways"]["bare_loop"]["ratio_to_rpt"])
    assert products["met"] == (products["measured"] >= products["at_least"])
    assert overhead["met"] == (overhead["measured"] <= overhead["at_most"])


def test_memory_and_start_up_are_measured_in_processes_of_their_own(result):
    [measurement] = result["measurements"]
    alone = {name: way for name, way in measurement["ways"].items() if "peak_bytes" in way}
    assert set(alone) == {"rpt", "peft_tuned", "peft", "published_habits"}
    assert all(way["peak_bytes"] > 2**27 for way in alone.values())
    assert all(way["first_step_seconds"]["wall"] > 0 for way in alone.values())


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("--shapes", "t5-base"), "set --tokenizer"),
        (("--shapes", "t6"), "Choose from minilm"),
        (("--tasks", "copa"), "Choose from cb"),
        (("--without", "peft"), "Choose from published_habits"),
        (("--rounds", "0"), "must be at least 1"),
        (("--tokenizer", "no-such-folder"), "no such folder"),
    ],
)
def test_a_wrong_option_is_refused(arguments, advice):
    done = run(*arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
    assert advice in done.stderr


def test_missing_rows_are_refused(tmp_path):
    done = run("--shapes", "minilm", "--root", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
