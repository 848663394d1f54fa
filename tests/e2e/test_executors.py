"""Executors that train packs in worker processes, by submitit and by Ray, also when a worker is killed."""

import csv
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from rpt.errors import ConfigError
from rpt.sweep.executors import ray
from rpt.sweep.executors.inline import InlineExecutor
from rpt.sweep.executors.jobs import SubmititOptions
from rpt.sweep.executors.local import LocalWorkers, gpu_shares
from rpt.sweep.executors.ray import RayExecutor, _train
from rpt.sweep.executors.submitit import SubmititExecutor
from rpt.sweep.executors.workers import ClusterError, require
from rpt.sweep.point import Point, Result
from tests.support.composed import compose

EXECUTORS = {"submitit": SubmititExecutor, "ray": RayExecutor, "inline": lambda options, folder: InlineExecutor()}
RESULT_FILES = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")
EPOCHS = 30
STEPS = {0: 4, 1: 4, 2: 8, 3: 8}
"""Steps of an epoch by the point's number: 32 training rows in batches of 8 or 4."""
LOCAL = {"cluster": "local", "array_parallelism": 2}
KINDS = [
    pytest.param("submitit", LOCAL, "submitit.core._submit", id="submitit"),
    pytest.param("ray", {"workers": 2}, "ray::_train", id="ray"),
]


@pytest.fixture
def packs(tiny_bert, tiny_cb, tmp_path):
    """Make two packs with different batch sizes, each of two points with different learning rates."""
    common = [*tiny_bert, *tiny_cb, f"output_dir={tmp_path / 'runs'}", "trainer.checkpoint_steps=3"]

    def make(**values):
        names = [[f"lr={rate}", f"trainer.batch_size={size}"] for size in (8, 4) for rate in (0.01, 0.03)]
        composed = [compose([*common, f"trainer.epochs={EPOCHS}", *name]) | values for name in names]
        points = [Point(number, composed[number], " ".join(name)) for number, name in enumerate(names)]
        return [points[:2], points[2:]]

    return make


@pytest.fixture
def run(tmp_path):
    """Train packs with an executor, and return the results by the point's number."""

    def train(kind, options, packs):
        reported = []
        EXECUTORS[kind](options, tmp_path / kind).run(packs, reported.append)
        assert sorted(result.number for result in reported) == [0, 1, 2, 3]
        return {result.number: result for result in reported}

    return train


class Killer(threading.Thread):
    """Thread that sends a signal to a worker once all runs of its pack have a checkpoint, and one a second."""

    def __init__(self, folder: Path, command: str, number: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.command, self.number = folder, command, number
        self.killed: list[int] = []

    def run(self) -> None:
        while not (trained := {str(path.with_name(".lock")) for path in self.folder.glob("runs/*/previous.ckpt")}):
            time.sleep(0.01)
        processes = psutil.process_iter(["cmdline"])
        workers = [process for process in processes if self.command in " ".join(process.info["cmdline"] or [])]
        worker = next(process for process in workers if trained & {file.path for file in process.open_files()})
        os.kill(worker.pid, self.number)
        self.killed.append(worker.pid)


def record_of(result: Result) -> dict:
    return json.loads(Path(result.folder, "run.json").read_text())


def members_of(result: Result) -> list[str]:
    return record_of(result)["pack"]["members"]


def steps_of(result: Result) -> list[int]:
    """Return the numbers of the training steps in the run's metrics.csv. A repeated step would occur twice."""
    with Path(result.folder, "metrics.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]


def files_of(result: Result) -> dict[str, bytes]:
    """Return the bytes of a run's result files by name."""
    return {name: Path(result.folder, name).read_bytes() for name in RESULT_FILES}


def resumed(results: dict[int, Result]) -> list[bool]:
    return ["resumed" in record_of(results[number]) for number in range(4)]


@pytest.mark.slow  # about 25 s: three workers import torch, and the test process trains both packs once more
@pytest.mark.parametrize(("kind", "options", "command"), KINDS)
def test_another_worker_resumes_the_pack_of_a_killed_worker(kind, options, command, packs, run, tmp_path, capfd):
    killer = Killer(tmp_path, command, signal.SIGKILL)
    killer.start()
    exact = {"packing": {"exact": True}}
    results = run(kind, options, packs(**exact))
    assert killer.killed
    assert {result.status for result in results.values()} == {"finished"}
    assert resumed(results) in ([True, True, False, False], [False, False, True, True])
    assert {record_of(result)["pack"]["exact"] for result in results.values()} == {True}
    assert members_of(results[0]) == members_of(results[1]) != members_of(results[2]) == members_of(results[3])
    undisturbed = run("inline", {}, packs(**exact, output_dir=str(tmp_path / "undisturbed")))
    for number, result in results.items():
        assert steps_of(result) == list(range(1, EPOCHS * STEPS[number] + 1))
        assert result.score == undisturbed[number].score
        assert files_of(result) == files_of(undisturbed[number])
    errors = capfd.readouterr().err
    assert "a worker was lost" in errors
    assert "its 2 points will be trained again, tries left: 1" in errors


@pytest.mark.slow  # about 20 s: workers import torch
@pytest.mark.parametrize(("kind", "options", "command"), KINDS)
def test_a_pack_without_tries_left_is_interrupted_and_can_be_resumed(kind, options, command, packs, run, tmp_path):
    Killer(tmp_path, command, signal.SIGKILL).start()
    results = run(kind, {**options, "retries": 0}, packs())
    lost = [result for result in results.values() if result.status != "finished"]
    assert len(lost) == 2
    for result in lost:
        assert result.status == "interrupted"
        assert result.error.startswith("a worker was lost (")
        assert result.error.endswith(". Run the same command again: it continues from the last checkpoint.")
        log = result.error.split("its log: ")[1].split(").")[0]
        assert Path(log).is_file()
    again = run(kind, options, packs())
    assert {result.status for result in again.values()} == {"finished"}
    assert resumed(again) == [number in {result.number for result in lost} for number in range(4)]


@pytest.mark.slow  # about 20 s: workers import torch
def test_a_preempted_job_is_queued_again_and_resumed(packs, run, tmp_path, capfd):
    killer = Killer(tmp_path, "submitit.core._submit", signal.SIGUSR2)
    killer.start()
    results = run("submitit", {**LOCAL, "retries": 0}, packs())
    assert killer.killed
    assert {result.status for result in results.values()} == {"finished"}
    assert resumed(results).count(True) == 2
    assert "lost" not in capfd.readouterr().err


@pytest.mark.slow  # about 15 s: workers import torch
def test_lost_points_of_a_rerun_are_not_submitted_again(packs, run, tmp_path):
    Killer(tmp_path, "submitit.core._submit", signal.SIGKILL).start()
    results = run("submitit", LOCAL, packs(rerun=True))
    lost = [result for result in results.values() if result.status != "finished"]
    assert len(lost) == 2
    assert all("Run the same command again without rerun=true: it continues" in result.error for result in lost)


WRONG = [
    ({"clutser": "local"}, "hydra.launcher.submitit.clutser = local: no such key. Did you mean cluster?"),
    ({"nodes": 2}, "hydra.launcher.submitit.nodes = 2: must be at most 1."),
    ({"timeout": 0}, "hydra.launcher.submitit.timeout = 0: must be greater than 0."),
    ({"slurm": {"qqos": "high"}}, "hydra.launcher.submitit.slurm.qqos = high: no such key here. Did you "),
    ({"slurm": {"time": 5}}, "hydra.launcher.submitit.slurm.time = 5: no such key here. "),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_option_is_refused_before_a_job_is_submitted(options, message, tmp_path):
    with pytest.raises(ConfigError) as refused:
        SubmititExecutor(options, tmp_path / "logs")
    assert str(refused.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_slurm_is_refused_on_a_machine_without_slurm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"submitit.cluster = slurm: there is no srun on this machine. Start on a"):
        SubmititExecutor({"cluster": "slurm"}, tmp_path / "logs")


def test_the_error_of_a_missing_package_has_the_command_that_installs_it():
    with pytest.raises(ConfigError) as refused:
        require("no_such_package", "ray", "ray")
    assert str(refused.value) == (
        "hydra.launcher.executor = ray: needs no_such_package, which is not installed. Run: pip install -e '.[ray]'"
    )


@pytest.mark.parametrize(
    ("gpus", "wanted", "expected"),
    [
        ([], None, [""]),
        ([], 0, [""]),
        (["0", "1"], None, ["0", "1"]),
        (["0", "1"], 0, [""]),
        (["4", "5", "6"], 2, ["4,5"]),
        (["MIG-a", "MIG-b"], 1, ["MIG-a", "MIG-b"]),
    ],
)
def test_the_gpus_of_a_machine_are_divided_among_its_workers(gpus, wanted, expected):
    assert gpu_shares(gpus, wanted) == expected


def test_more_gpus_than_the_machine_has_are_refused():
    with pytest.raises(ConfigError, match=r"^hydra.launcher.submitit.gpus = 2: this machine has 1 GPU. Set it to 1"):
        gpu_shares(["0"], 2)


@pytest.mark.slow  # about 30 s: Ray starts a cluster, and a process for each pack
def test_a_running_ray_cluster_is_used_and_not_ended(ray_cluster, packs, run, monkeypatch, tmp_path):
    """The cluster's node was started in another folder than the command."""
    monkeypatch.setenv("RAY_ADDRESS", ray_cluster)
    monkeypatch.chdir(tmp_path)
    results = run("ray", {"address": "auto"}, packs(output_dir="relative"))
    assert {result.status for result in results.values()} == {"finished"}
    assert {str(path) for path in Path().glob("relative/*/run.json")} == {
        f"{result.folder}/run.json" for result in results.values()
    }
    host, _, port = ray_cluster.partition(":")
    socket.create_connection((host, int(port)), 10).close()


def test_a_ray_node_without_the_commands_folder_gives_an_error(tmp_path):
    folder = tmp_path / "gone"
    [result] = _train([Point(7, {}, "lr=1")], str(folder / "log"), str(folder))
    assert (result.number, result.status, result.is_held) == (7, "interrupted", False)
    assert result.error == (
        f"{folder}: the command was started there, and node {socket.gethostname()} has no such folder (No such file or "
        "directory). The nodes of a Ray cluster must share a file system, for output_dir, the environment and the "
        "weights. Start the command in a folder of that file system."
    )


@pytest.mark.slow  # about 10 s: Ray starts a cluster
def test_a_ray_worker_may_write_a_checkpoint_when_the_command_is_interrupted(tmp_path, monkeypatch):
    begun, saved = tmp_path / "begun", tmp_path / "saved"

    def work(pack, log, folder):
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job; a training sets it, too
        try:
            begun.touch()
            while True:
                time.sleep(0.05)
        except KeyboardInterrupt:
            saved.touch()

    monkeypatch.setattr(ray, "_train", work)
    workers = ray.RayWorkers(tmp_path / "logs", ray.RayOptions())
    try:
        workers.submit([[Point(1, {}, "lr=1")]])
        while not begun.exists():
            time.sleep(0.05)
    finally:
        workers.close()
    assert saved.exists()


@pytest.mark.slow  # about 10 s: Ray starts a cluster for the last parameters
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "auto"}, "no Ray cluster at auto ([Errno 111] Connection refused). Set hydra."),
        ({"address": "127.0.0.1:9"}, "no Ray cluster at 127.0.0.1:9 ([Errno 111] Connection refused). Set hydra."),
        ({"address": "head"}, "no Ray cluster at head (an address is HOST:PORT, or auto). Set hydra."),
        ({"num_cpus": 10_000}, "no node of the Ray cluster has 10000 CPU and 0 GPU for a pack (the nodes have: "),
    ],
)
def test_a_ray_cluster_that_cannot_train_a_pack_is_refused(options, message, packs, run, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")  # the address that `auto` tries first
    with pytest.raises(ClusterError) as refused:
        run("ray", options, packs())
    assert str(refused.value).startswith(message)


@pytest.mark.slow  # about 15 s: a worker imports torch
def test_a_local_worker_writes_a_checkpoint_when_the_command_stops_it(packs, tmp_path):
    workers = LocalWorkers(tmp_path / "jobs", SubmititOptions())
    [pack, _] = packs()
    for point in pack:
        point.values["trainer"] |= {"epochs": 10_000, "checkpoint_steps": 10**6}
    [job] = workers.submit([pack])
    while len(list(tmp_path.glob("runs/*/previous.ckpt"))) < len(pack):
        assert not job.done()
        time.sleep(0.05)
    workers.close()
    assert job.done()
    for folder in (tmp_path / "runs").iterdir():
        record = json.loads((folder / "run.json").read_text())
        assert (record["status"], record["error"]) == ("interrupted", "SystemExit: 143")
        assert not (folder / ".lock").exists()
        assert not (folder / ".lease").exists()
