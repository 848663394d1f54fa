"""`trainer=ddp`: a run in two processes on the CPU has the results of a run in one process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rpt.config.check import check
from rpt.errors import ConfigError
from rpt.runs import train
from rpt.training.ranks import RankLost
from tests.support.composed import compose
from tests.support.packs import curve

RUN = Path(__file__).parents[2] / "run.py"
TWO = ("trainer=ddp", "trainer.devices=2")
SMALL = ("trainer.epochs=2", "backbone.dtype=float64", "trainer.device=cpu")

pytestmark = pytest.mark.slow  # each test starts a process that imports torch: 10 to 20 s


@pytest.fixture
def one_and_two(request, tiny_cb, tmp_path):
    """Train the same run in one process and in two processes, and return both outcomes."""

    def run(backbone, *overrides):
        common = [*request.getfixturevalue(backbone), *tiny_cb, *SMALL, *overrides]
        configs = [
            check(compose([*common, *own, f"output_dir={tmp_path / name}"]))
            for name, own in (("one", ()), ("two", TWO))
        ]
        return [train([config])[0].check() for config in configs]

    return run


def predictions(outcome):
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "scores"} for line in lines]


@pytest.mark.parametrize(
    ("backbone", "overrides"),
    [
        # Dropout, clipping, and several forward passes a step. The last batch of an epoch has 1 row: 31 = 10 * 3 + 1.
        ("tiny_bert", ["encoder=mlp", "encoder.dropout=0.2", "clip_norm=0.05", "trainer.batch_size=3"]),
        (
            "tiny_bert",
            ["trainer.token_budget=300", "trainer.eval_token_budget=400", "+trainer.lightning.detect_anomaly=true"],
        ),
        # The tiny T5 amplifies rounding errors at the default learning rate, see `RUNS_AT_LOW_RATES`.
        ("tiny_t5", ["encoder=lstm", "encoder.hidden_dim=16", "scorer=generate", "lr=0.003"]),
        ("tiny_llama", ["encoder=none", "trainer.tune=all"]),
        # Prompts of single texts, random numbers in the encoder, and updates of the text.
        ("tiny_bert", ["encoder=smop", "lr=0.01"]),
        ("tiny_llama", ["encoder=adept", "encoder.update_lr=0.01", "lr=0.001"]),
    ],
)
def test_two_processes_give_the_results_of_one_process(backbone, overrides, one_and_two):
    one, two = one_and_two(backbone, *overrides)
    assert two.folder.name == one.folder.name
    actual, expected = curve(two), curve(one)
    assert len(expected["train/loss"]) >= 8
    for name in expected:
        assert actual[name] == pytest.approx(expected[name], abs=1e-9), name
    assert predictions(two) == predictions(one)
    assert two.record.scores == one.record.scores
    for key in ("steps", "tokens", "parameters"):
        assert getattr(two.record, key) == getattr(one.record, key), key
    steps = [(outcome.record.best.epoch, outcome.record.best.step) for outcome in (two, one)]
    assert steps[0] == steps[1]
    assert [outcome.record.environment.bits["devices"] for outcome in (one, two)] == [1, 2]
    kept = [name for name in ("prompt.safetensors", "encoder.safetensors") if (one.folder / name).exists()]
    assert bool(kept) == ("encoder=none" not in overrides)
    for name in kept:
        first, second = (load_file(outcome.folder / name) for outcome in (one, two))
        torch.testing.assert_close(second, first, rtol=0, atol=1e-9)


def test_more_ranks_than_forward_passes_give_the_results_of_one_process(one_and_two):
    one, two = one_and_two("tiny_bert", "trainer.eval_token_budget=100000", "data.max_rows=9", "trainer.batch_size=2")
    assert predictions(two) == predictions(one)
    assert curve(two)["held_out/loss"] == pytest.approx(curve(one)["held_out/loss"], abs=1e-9)


@pytest.fixture
def two(tiny_bert, tiny_cb, tmp_path):
    """Make the configuration of a run in two processes."""

    def configure(folder, *overrides):
        own = [*TWO, *SMALL, "trainer.checkpoint_steps=3", f"output_dir={tmp_path / folder}"]
        return check(compose([*tiny_bert, *tiny_cb, *own, *overrides]))

    return configure


def test_an_interrupted_run_in_two_processes_resumes_to_the_same_bytes(two, monkeypatch):
    [whole] = train([two("whole")])
    from rpt.training.run import Run

    step = Run.step

    def stopping(run):
        if run.steps == 4:
            raise KeyboardInterrupt
        return step(run)

    monkeypatch.setattr(Run, "step", stopping)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train([two("broken")])
    monkeypatch.undo()
    [again] = train([two("broken")])
    assert again.record.resumed_step in (3, 4)
    for name in ("metrics.csv", "predictions.jsonl", "prompt.safetensors"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def broken_follower(ranks, *_):
    raise ValueError("no such row")


def test_a_rank_that_raises_ends_the_training_with_its_traceback(two, monkeypatch, tmp_path):
    import rpt.runs

    monkeypatch.setattr(rpt.runs, "_follow", broken_follower)
    with pytest.raises(RankLost, match=r"(?s)^device 1 of this training ended with exit code 1:\n.*no such row"):
        train([two("runs")])
    assert not list(tmp_path.glob("runs/*/run.json"))  # a run without a first step cannot be resumed


def command(arguments, folder):
    return subprocess.Popen(
        [sys.executable, str(RUN), *arguments],
        cwd=folder, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def children(process):
    """Return the process ids of the other ranks: children whose command line has `spawn_main`.

    Other children are helper processes of `multiprocessing`.
    """
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("which", ["first", "other"])
def test_a_killed_rank_ends_all_ranks_and_the_run_is_interrupted(which, tiny_bert, tiny_cb, tmp_path):
    arguments = [*tiny_bert, *tiny_cb, *TWO, "trainer.device=cpu", "trainer.checkpoint_steps=3"]
    process = command([*arguments, "trainer.epochs=200"], tmp_path)
    while not list(tmp_path.glob("runs/*/last.ckpt")) and process.poll() is None:
        time.sleep(0.05)
    [rank] = children(process)
    os.kill(process.pid if which == "first" else rank, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == (-signal.SIGKILL if which == "first" else 2), output
    record = json.loads(next(tmp_path.glob("runs/*/run.json")).read_text())
    if which == "other":
        assert "device 1 of this training was killed by signal 9. Run the same command again" in output
        assert "Traceback" not in output
        assert record["status"] == "interrupted"
    deadline = time.monotonic() + 30
    while Path(f"/proc/{rank}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{rank}").exists()


def test_a_multirun_trains_each_point_once(tiny_bert, tiny_cb, tmp_path):
    arguments = [*tiny_bert, *tiny_cb, *TWO, "trainer.device=cpu", "trainer.epochs=1"]
    process = command(["-m", *arguments, "lr=0.01,0.03"], tmp_path)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert output.count("best step") == output.count("trains  ") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
    records = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/run.json")]
    assert [record["status"] for record in records] == ["finished"] * 2


def test_packs_are_refused(tiny_bert, tiny_cb, two, tmp_path):
    advice = r"^trainer\.devices = 2: works only for a single run\. To train packs on several GPUs, set hydra\.launcher"
    with pytest.raises(ConfigError, match=advice):
        train([two("runs"), two("runs", "seed=1")])
    process = command(["-m", "hydra/launcher=packed", *tiny_bert, *tiny_cb, *TWO, "lr=0.01,0.03"], tmp_path)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    assert output.count("trainer.devices = 2: spreads a run over several devices") == 1
    assert "lr=0.01" in output
    assert "lr=0.03" in output
    assert not list(tmp_path.glob("runs/*/run.json"))
