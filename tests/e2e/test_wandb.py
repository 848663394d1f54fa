"""`logger=wandb` on the command line: what a packed sweep logs, also without login or network, and after a kill."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rpt.tracking.record import Record
from rpt.tracking.wandb_logger import run_id
from tests.support.wandb_files import logged_run, logged_runs

pytest.importorskip("wandb")

RUN = Path(__file__).parents[2] / "run.py"
PACKED = ("-m", "hydra/launcher=packed")
ONLINE = ("logger=wandb", "logger.wandb.mode=online")


@pytest.fixture
def logged_out(tmp_path, monkeypatch):
    """Environment variables under which W&B finds no login and writes no file outside the test's folder."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    paths = {"NETRC": home / "netrc", "WANDB_CONFIG_DIR": home / "config", "WANDB_CACHE_DIR": home / "cache"}
    return {name: str(path) for name, path in paths.items()}


def records(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/run.json"))}


def rows(folder):
    """Return the rows of a run's metrics.csv without empty cells."""
    with (folder / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


@pytest.mark.slow  # about 20 s: a sweep in a new process, and W&B's processes
def test_each_point_of_a_packed_sweep_is_a_wandb_run_with_the_same_status_and_values(
    tiny_bert, tiny_cb, command, start_folder, logged_out
):
    axes = ["encoder=plain,residual", "lr=0.01,0.03,1e30", "trainer.epochs=2"]
    done = command(*PACKED, *tiny_bert, *tiny_cb, *axes, "logger=wandb", "group=study", **logged_out)
    assert "6 points: 4 finished, 2 failed" in done.stdout
    runs = start_folder / "runs"
    found = records(runs)
    assert [record["pack"]["size"] for record in found.values()] == [6] * 6
    logged = {name: logged_runs(runs / name) for name in found}
    assert {name: len(files) for name, files in logged.items()} == dict.fromkeys(found, 1)
    assert len({content.run.run_id for [content] in logged.values()}) == 6
    for name, record in found.items():
        [content] = logged[name]
        assert (content.run.run_id, content.run.display_name, content.run.run_group) == (
            run_id(Record.model_validate(record)),
            name,
            "study",
        )
        assert {key: content.config[key] for key in record["config"]} == record["config"]
        assert (content.exits, content.summary["status"]) == ([record["status"] == "failed"], record["status"])
        last = rows(runs / name)[-1]
        assert {key: float(content.summary[key]) for key in last} == pytest.approx(last, rel=0, nan_ok=True)
        assert {key: content.summary.get(key) for key in record.get("scores", {})} == record.get("scores", {})


@pytest.mark.slow  # about 40 s: a sweep is started twice in a new process
def test_a_killed_sweep_leaves_complete_files_and_resumes_the_same_wandb_runs(
    tiny_bert, tiny_cb, command, start_folder, logged_out
):
    axes = ["lr=0.01,0.03", "trainer.epochs=12", "trainer.checkpoint_steps=7", "logger=wandb"]
    arguments = [*PACKED, *tiny_bert, *tiny_cb, *axes]
    process = subprocess.Popen(
        [sys.executable, str(RUN), *arguments], cwd=start_folder, env={**os.environ, **logged_out},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    runs = start_folder / "runs"
    while len(list(runs.glob("*/previous.ckpt"))) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = records(runs)
    assert [record["status"] for record in before.values()] == ["running"] * 2
    for name in before:
        assert (runs / name / "metrics.csv").read_text().endswith("\n")
        steps = [row["step"] for row in rows(runs / name) if "train/loss" in row]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) >= 7

    done = command(*arguments, **logged_out)
    assert "2 points: 2 finished" in done.stdout
    for name, record in records(runs).items():
        assert record["status"] == "finished"
        assert record["resumed_step"] > 0
        assert [row["step"] for row in rows(runs / name) if "train/loss" in row] == list(range(1, 49))
        first, second = sorted((runs / name).glob("wandb/offline-run-*/*.wandb"))
        assert first.name == second.name == f"run-{run_id(Record.model_validate(record))}.wandb"
        assert logged_run(second).summary["score"] == record["scores"]["score"]


@pytest.mark.slow
def test_online_logging_without_a_login_is_refused_before_a_connection_is_made(command, start_folder, logged_out):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        done = command(*ONLINE, WANDB_BASE_URL=f"http://127.0.0.1:{server.getsockname()[1]}", **logged_out)
        with pytest.raises(BlockingIOError):  # no client has connected
            server.accept()
    assert done.stdout == (
        "logger.wandb.mode = online: there is no W&B login on this machine. Run `wandb login`, or set "
        "logger.wandb.mode=offline and upload later with `wandb sync`.\n"
    )
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []


@pytest.mark.slow  # about 30 s: a sweep in a new process, and W&B tries to connect for 10 s
def test_without_a_network_the_runs_are_trained_and_kept_for_a_later_upload(
    tiny_bert, tiny_cb, command, start_folder, logged_out
):
    nowhere = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    points = ["lr=0.01,0.03", "trainer.epochs=1"]
    done = command(*PACKED, *tiny_bert, *tiny_cb, *points, *ONLINE, **logged_out, **nowhere)
    assert done.returncode == 0, done.stdout
    runs = start_folder / "runs"
    for name, record in records(runs).items():
        [warning] = [text for text in record["warnings"] if "logger" in text]
        assert warning.startswith(
            "logger wandb writes its files to the run's folder only: W&B could not be reached (Auth"
        )
        assert warning.endswith(f"). `wandb sync runs/{name}/wandb/offline-*` uploads the run later.")
        [content] = logged_runs(runs / name)
        assert (content.exits, content.run.run_id) == ([0], run_id(Record.model_validate(record)))
        assert content.summary["score"] == record["scores"]["score"]


class LostServer(BaseHTTPRequestHandler):
    """Server that answers W&B's requests at the start of a run, and no request after that, like a lost network."""

    is_lost = False

    def do_POST(self):
        if LostServer.is_lost:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        viewer = {"id": "u", "entity": "team", "username": "u", "email": "", "flags": "{}", "teams": {"edges": []}}
        data = {"viewer": viewer}
        if b"upsertBucket" in body:
            LostServer.is_lost = True
            project = {"id": "p", "name": "rpt", "entity": {"id": "e", "name": "team"}}
            run = {"id": "b", "name": json.loads(body)["variables"]["name"], "project": project, "historyLineCount": 0}
            texts = dict.fromkeys(("displayName", "description", "config", "sweepName"))
            data["upsertBucket"] = {"bucket": {**run, **texts}, "inserted": True}
        content = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Write no line for a request."""


SHORT_TIMEOUT = """
from rpt.tracking import wandb_logger
wandb_logger.ENDING_SECONDS = 3.0
from rpt.cli import main
main()
"""


@pytest.mark.slow  # about 30 s: a training in a new process, and W&B's processes
def test_a_training_ends_although_the_network_was_lost(tiny_bert, tiny_cb, start_folder, logged_out, monkeypatch):
    monkeypatch.setattr(LostServer, "is_lost", False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), LostServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    login = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}"}
    done = subprocess.run(
        [sys.executable, "-c", SHORT_TIMEOUT, *tiny_bert, *tiny_cb, "trainer.epochs=1", *ONLINE], cwd=start_folder,
        env={**os.environ, **logged_out, **login, "PYTHONPATH": str(RUN.parent)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    [record] = records(start_folder / "runs").values()
    assert record["status"] == "finished"
    [warning] = [text for text in record["warnings"] if "logger" in text]
    assert f"warning: {warning}" in done.stdout
    assert warning.startswith(
        "logger wandb failed and was dropped: TimeoutError: W&B has not received all rows and files in 3 s. `wandb "
        "sync "
    )
    kept = start_folder / warning.split("`")[1].removeprefix("wandb sync ")
    assert (
        logged_run(kept / f"run-{run_id(Record.model_validate(record))}.wandb").summary["score"]
        == record["scores"]["score"]
    )
