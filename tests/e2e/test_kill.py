"""After SIGKILL, a file is either the old or the new file, and a resumed training ends with the same bytes."""

import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rpt.runs import train

RESULT_FILES = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")
STATEFUL = ["encoder.dropout=0.3", "schedule=linear", "trainer.patience=12", "trainer.checkpoint_steps=7"]

WRITE_AND_EXIT = """
import os, pathlib, sys
from rpt.system.writing import write_atomic

moment, replaced, replace = int(sys.argv[2]), 0, os.replace

def dying(*paths, **options):
    global replaced
    if replaced == moment:
        os._exit(9)
    replaced += 1
    replace(*paths, **options)

os.replace = os.rename = dying
folder = pathlib.Path(sys.argv[1])
write_atomic(folder / "last", b"new", keep=folder / "previous")
os._exit(9)
"""


@pytest.mark.parametrize(
    ("moment", "last", "previous"),
    [(0, b"old", b"older"), (1, None, b"old"), (2, b"new", b"old")],
)
def test_a_kill_between_the_steps_of_a_write_leaves_the_old_file_or_the_new_one(moment, last, previous, tmp_path):
    (tmp_path / "last").write_bytes(b"old")
    (tmp_path / "previous").write_bytes(b"older")
    done = subprocess.run([sys.executable, "-c", WRITE_AND_EXIT, str(tmp_path), str(moment)], check=False)
    assert done.returncode == 9
    assert (tmp_path / "previous").read_bytes() == previous
    assert ((tmp_path / "last").read_bytes() if (tmp_path / "last").exists() else None) == last


def checkpoints_seen(output: Path) -> set[tuple[str, int]]:
    """Return name and modification time of the checkpoints, and of their temporary files, in the only run folder."""
    found = set()
    for pattern in ("*/last.ckpt", "*/.last.ckpt.*"):
        for path in output.glob(pattern):
            try:
                found.add((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:  # the file was renamed in the meantime
                continue
    return found


def kill_after(process, output: Path, changes: int, seconds: float) -> None:
    """Kill a training `seconds` after its checkpoints have changed `changes` times."""
    seen, new = checkpoints_seen(output), 0
    while new < changes and process.is_alive():
        now = checkpoints_seen(output)
        new += bool(now - seen)
        seen = now
    time.sleep(seconds)
    process.kill()
    process.join()


@pytest.mark.slow  # about 12 s: ten trainings in new processes
def test_a_training_that_is_killed_ten_times_ends_with_the_same_bytes(configure, tiny_cb, tmp_path):
    def config(folder):
        return configure(*tiny_cb, *STATEFUL, "trainer.epochs=12", f"output_dir={tmp_path / folder}")

    whole = train([config("whole")])[0]
    context = multiprocessing.get_context("forkserver")  # imports torch once, where spawn imports it in every child
    context.set_forkserver_preload(["rpt.runs", "rpt.build"])
    rng = random.Random(0)
    # 12 epochs of 4 steps have 17 checkpoints. Each counts as two changes: its temporary file and the renamed file.
    changes_before_kill = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    rng.shuffle(changes_before_kill)
    statuses = []
    for changes in changes_before_kill:
        process = context.Process(target=train, args=([config("killed")],))
        process.start()
        kill_after(process, tmp_path / "killed", changes, rng.uniform(0, 0.5 if changes == 0 else 0.02))
        assert process.exitcode == -signal.SIGKILL
        statuses += [json.loads(path.read_text())["status"] for path in (tmp_path / "killed").glob("*/run.json")]
    assert set(statuses) == {"running"}

    resumed = train([config("killed")])[0]
    assert len(resumed.record.resumed) > 1
    assert {name: (resumed.folder / name).read_bytes() for name in RESULT_FILES} == {
        name: (whole.folder / name).read_bytes() for name in RESULT_FILES
    }
    assert list(resumed.folder.glob(".*")) == []
