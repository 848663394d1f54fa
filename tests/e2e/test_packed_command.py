"""`hydra/launcher=packed` on the command line: killed sweeps, simultaneous sweeps, and printed messages."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rpt.tracking.folder import RunFolder

RUN = Path(__file__).parents[2] / "run.py"
PACKED = ("-m", "hydra/launcher=packed")
RESULT_FILES = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")


def records(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/run.json"))}


def steps(folder):
    """Return the numbers of the training steps in a run's metrics.csv, in the order of the lines."""
    lines = (folder / "metrics.csv").read_text().splitlines()
    return [int(line.split(",")[0]) for line in lines[1:] if line.split(",")[2]]


@pytest.mark.slow
def test_wrong_options_of_the_launcher_are_refused_before_training(command, start_folder):
    done = command(*PACKED, "lr=1,2", "hydra.launcher.executor=inlin", "hydra.launcher.pack_size=0")
    assert done.stdout == (
        "hydra.launcher.executor = inlin: must be 'inline', 'submitit' or 'ray'.\n"
        "hydra.launcher.pack_size = 0: must be greater than 0.\n"
    )
    assert done.returncode == 2
    assert records(start_folder / "runs") == {}


def start(arguments, folder):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, str(RUN), *PACKED, *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a process in the background ignores Ctrl-C
    )  # fmt: skip


def kill_in_first_pack(process, runs):
    """Kill a sweep once a run of its first pack has a second checkpoint.

    The pipe of its output is closed first, because its workers may keep the pipe open.
    """
    while not list(runs.glob("*/previous.ckpt")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL


def ledger(folder):
    """Return what `python -m rpt.ledger --json` lists for the only sweep of an output folder, without the paths."""
    done = subprocess.run(
        [sys.executable, "-m", "rpt.ledger", folder.name, "--json"], cwd=folder.parent, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(RUN.parent)}, check=True,
    )  # fmt: skip
    [sweep] = json.loads(done.stdout)
    return [{key: run[key] for key in ("name", "identity", "status", "score", "error")} for run in sweep["runs"]]


@pytest.mark.slow  # about 40 s each: four sweeps in new processes
@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_killed_sweep_is_resumed_and_repeats_no_step(exact, tiny_bert, tiny_cb, start_folder):
    """A sweep of two packs is killed during the first pack. Each pack has three points, one of which diverges."""
    axes = ["encoder=plain,residual", "lr=0.01,0.03,1e30", "trainer.epochs=12", "trainer.checkpoint_steps=7"]
    arguments = [*tiny_bert, *tiny_cb, *axes, f"packing.exact={exact}", "hydra.launcher.pack_size=3"]
    whole = start([*arguments, "output_dir=whole"], start_folder)
    assert "6 points: 4 finished, 2 failed" in whole.communicate()[0]

    killed = start(arguments, start_folder)
    runs = start_folder / "runs"
    kill_in_first_pack(killed, runs)
    before = records(runs)
    assert {record["status"] for record in before.values()} == {"running"}
    states = [run["status"] for run in ledger(runs)]
    assert states == ["interrupted"] * 3 + ["missing"] * 3

    again = start(arguments, start_folder)
    output = again.communicate()[0]
    assert "6 points: 4 finished, 2 failed" in output, output
    assert again.returncode == whole.returncode == 2
    after = records(runs)
    assert after.keys() == records(start_folder / "whole").keys()
    for name, record in after.items():
        diverges = record["config"]["lr"] == 1e30
        assert record["status"] == ("failed" if diverges else "finished")
        assert (record["resumed_step"] > 0) == (name in before)
        assert steps(runs / name) == ([1, 2] if diverges else list(range(1, 49)))
        for file in ("metrics.csv",) if diverges else RESULT_FILES:
            assert (runs / name / file).read_bytes() == (start_folder / "whole" / name / file).read_bytes()
    assert ledger(runs) == ledger(start_folder / "whole")

    last = start(arguments, start_folder)
    assert "6 points: 4 finished (4 by an earlier command), 2 failed" in last.communicate()[0]
    assert records(runs) == after


@pytest.mark.slow  # about 40 s: three sweeps and two workers in new processes
def test_a_new_controller_waits_for_the_workers_of_a_killed_controller(tiny_bert, tiny_cb, start_folder):
    """The sweep has two packs of two points. Its controller is killed while a worker trains the first pack."""
    axes = ["encoder=plain,residual", "lr=0.01,0.03", "trainer.epochs=30", "trainer.checkpoint_steps=7"]
    arguments = [*tiny_bert, *tiny_cb, *axes, "packing.exact=true", "hydra.launcher.pack_size=2"]
    whole = start([*arguments, "output_dir=whole"], start_folder)
    assert "4 points: 4 finished" in whole.communicate()[0]

    arguments += ["hydra.launcher.executor=submitit", "hydra.launcher.submitit.cluster=local"]
    runs = start_folder / "runs"
    kill_in_first_pack(start(arguments, start_folder), runs)
    begun = [RunFolder(path.parent).holder() for path in runs.glob("*/run.json")]
    [worker] = {holder.pid for holder in begun}
    os.kill(worker, signal.SIGSTOP)  # the worker must still be in training when the next controller has started
    try:
        assert [run["status"] for run in ledger(runs)] == ["running"] * 2 + ["missing"] * 2
        again = start(arguments, start_folder)
        lines = []
        for line in again.stdout:
            lines.append(line)
            if line.startswith("waiting for 2 points that other processes train: "):
                break
    finally:
        os.kill(worker, signal.SIGCONT)
    lines.append(again.communicate()[0])
    assert again.returncode == 0, lines
    assert f"waiting for 2 points that other processes train: process {worker} on " in "".join(lines)
    assert ledger(runs) == ledger(start_folder / "whole")
    for name, record in records(runs).items():
        assert "resumed" not in record
        assert steps(runs / name) == list(range(1, 121))
        for file in RESULT_FILES:
            assert (runs / name / file).read_bytes() == (start_folder / "whole" / name / file).read_bytes()


@pytest.mark.slow  # about 15 s: two simultaneous sweeps in new processes
def test_two_controllers_of_one_sweep_train_each_run_once(tiny_bert, tiny_cb, start_folder):
    arguments = [*tiny_bert, *tiny_cb, "lr=0.01,0.03,0.1,0.3", "trainer.epochs=6", "hydra.launcher.pack_size=2"]
    both = [start(arguments, start_folder) for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    for name, record in records(start_folder / "runs").items():
        assert (record["status"], "resumed" in record) == ("finished", False)
        assert steps(start_folder / "runs" / name) == list(range(1, 25))


@pytest.mark.slow  # about 15 s: two sweeps in new processes
def test_the_packed_launcher_writes_the_same_files_as_the_basic_launcher(tiny_bert, tiny_cb, command, start_folder):
    arguments = [*tiny_bert, *tiny_cb, "encoder=plain,residual", "lr=0.01,1e30,0", "trainer.epochs=1"]
    packed = command(*PACKED, *arguments, "output_dir=packed")
    basic = command("-m", *arguments, "output_dir=basic")
    assert packed.returncode == basic.returncode == 2
    written, expected = records(start_folder / "packed"), records(start_folder / "basic")
    assert written.keys() == expected.keys()
    for name, record in written.items():
        files = [sorted(path.name for path in (start_folder / top / name).iterdir()) for top in ("packed", "basic")]
        assert files[0] == files[1]
        assert record["status"] == expected[name]["status"]
        assert record["config"] == {**expected[name]["config"], "output_dir": "packed"}
        assert record.keys() == expected[name].keys()

    lines = packed.stdout.splitlines()
    diverged = lines.index("failed: encoder=plain lr=1e+30")
    assert lines[diverged + 1].endswith("its loss is not a number. Lower lr, or set clip_norm=1.")
    assert [line.split()[-2:] for line in lines if " score " in line] == [
        ["encoder=plain", "lr=0.01"],
        ["encoder=residual", "lr=0.01"],
    ]
    assert "6 points: 2 finished, 2 failed, 2 refused" in lines
    assert "4 points of the sweep ended without a score:" in lines
    assert "Traceback" not in packed.stdout


@pytest.mark.slow  # about 10 s: a sweep in a new process
def test_ctrl_c_prints_in_one_line_what_is_kept_and_how_to_resume(tiny_bert, tiny_cb, start_folder):
    process = start([*tiny_bert, *tiny_cb, "lr=0.01,0.03", "trainer.epochs=300"], start_folder)
    while not list((start_folder / "runs").glob("*/last.ckpt")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert output.splitlines()[-2:] == [
        "stopping after a checkpoint is written; Ctrl-C again stops at once",
        "interrupted: 0 of 2 points are finished and kept. Run the same command again: "
        "it continues from the last checkpoints.",
    ]
    assert "Traceback" not in output
    assert process.returncode == 130
    assert {record["status"] for record in records(start_folder / "runs").values()} == {"interrupted"}


@pytest.mark.slow  # about 10 s: a sweep in a new process
def test_a_full_disk_interrupts_points_and_fails_none(tiny_bert, tiny_cb, command):
    done = command(*PACKED, *tiny_bert, *tiny_cb, "lr=0.01,0.03", "trainer.epochs=1", file_bytes=20_000)
    lines = done.stdout.splitlines()
    first, second = [lines[lines.index(f"interrupted: lr={rate}") + 1] for rate in ("0.01", "0.03")]
    assert "last.ckpt: cannot be written (File too large). Free" in first
    assert second == "  for the same reason as lr=0.01"
    assert "2 points: 2 interrupted" in lines
    assert lines[-3:] == ["2 points of the sweep ended without a score:", "  lr=0.01", "  lr=0.03"]
    assert "Traceback" not in done.stdout
    assert done.returncode == 2


@pytest.mark.slow  # about 10 s: a sweep in a new process
def test_the_list_sweeper_is_supported_and_its_refused_points_end_with_code_2(tiny_bert, tiny_cb, command):
    lists = ["+hydra.sweeper.list_params.lr=[0.01,0.02,0]", "+hydra.sweeper.list_params.seed=[1,2,3]"]
    done = command(*PACKED, "hydra/sweeper=list", *lists, *tiny_bert, *tiny_cb, "trainer.epochs=1")
    lines = done.stdout.splitlines()
    assert lines.count("refused: lr=0 seed=3") == 1
    assert "3 points: 2 finished, 1 refused" in lines
    assert done.returncode == 2


@pytest.mark.slow  # about 10 s: a sweep in a new process
def test_optuna_gets_the_held_out_scores_of_a_batch_that_is_one_pack(tiny_bert, one_label_cb, command, start_folder):
    (start_folder / "search.yaml").write_text(
        "defaults: [config, override /hydra/sweeper: optuna, override /hydra/launcher: packed, _self_]\n"
        "hydra: {mode: MULTIRUN, sweeper: {n_trials: 4, n_jobs: 2, "
        "params: {lr: 'interval(0.001,0.1)'}}}\n"
    )
    done = command("-cd", str(start_folder), "-cn", "search", *tiny_bert, *one_label_cb, "trainer.epochs=1")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("2 points: 2 finished") == 2
    assert [record["pack"]["size"] for record in records(start_folder / "runs").values()] == [2] * 4
    found = (start_folder / "runs" / "optimization_results.yaml").read_text()
    written = records(start_folder / "runs").values()
    objectives = {record["best"]["held_out"]["score"]: record["scores"]["score"] for record in written}
    assert all(held_out != reported for held_out, reported in objectives.items())
    assert f"best_value: {max(objectives)}\n" in found
