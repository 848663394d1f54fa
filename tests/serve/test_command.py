"""`python -m rpt.serve` in a new process: answers, the stop on a signal, and messages if it cannot start."""

import builtins
import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

import rpt
from rpt.serve.__main__ import main
from tests.support.composed import checked


@pytest.fixture
def start(tmp_path):
    """Start a server with arguments on a free port, and return its process and its address."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "rpt.serve", *map(str, arguments), "--port", "0"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        line = process.stdout.readline()
        match = re.search(r"at (http://127\.0\.0\.1:\d+) ", line)
        assert match, line + process.stderr.read()
        return process, match[1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def ask(address, value=None, content=None):
    data = json.dumps(value).encode() if content is None else content
    request = urllib.request.Request(f"{address}/predict", data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_server_answers_many_clients_and_stops_on_a_signal(stop, start, folder, runs, names, rows):
    process, address = start(folder)
    by_name = {run.record.name: run for run in runs}
    expected = {name: by_name[name].predict(rows[:5]) for name in names}
    requests = [(names[number % 8], number // 8) for number in range(40)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda asked: ask(address, {"run": asked[0], "rows": [rows[asked[1]]]}), requests))
    for (name, row), (status, body) in zip(requests, answers, strict=True):
        assert status == 200
        [answer] = body["answers"]
        assert (answer["run"], answer["label"]) == (name, expected[name][row]["label"])
        assert answer["scores"] == pytest.approx(expected[name][row]["scores"], rel=0, abs=1e-5)
    status, body = ask(address, content=b"x" * 5_000_000)
    assert (status, "1,048,576 bytes" in body["error"]) == (413, True)
    assert ask(address, content=b"{")[0] == 400
    process.send_signal(stop)
    _, messages = process.communicate(timeout=60)
    assert "Traceback" not in messages
    assert process.returncode == (0 if stop == signal.SIGINT else -signal.SIGTERM)


@pytest.mark.slow
def test_a_connection_that_sends_no_http_does_not_affect_other_clients(start, folder, names, rows):
    _, address = start(folder)
    host, port = address.removeprefix("http://").split(":")
    for content in (
        b"\x00\xff\x00\n\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"POST /predict HTTP/1.1\r\n",
    ):
        with contextlib.suppress(ConnectionError), socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            assert not connection.recv(1 << 16).startswith(b"HTTP/1.1 5")
    assert ask(address, {"run": names[0], "rows": rows[:1]})[0] == 200


def test_help_needs_no_heavy_library(capsys, monkeypatch):
    real = builtins.__import__

    def guarded(name, *arguments):
        assert name.partition(".")[0] not in ("torch", "uvicorn", "fastapi")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", guarded)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "127.0.0.1" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_a_missing_extra_is_named(missing, monkeypatch, capsys, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr("rpt.serve.__main__.find_spec", lambda name: None if name == missing else find(name))
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"package = {missing}: is not installed, and rpt.serve needs it. Run: pip install 'rpt[serve]'\n"
    )


def test_a_folder_without_runs_is_refused(capsys, tmp_path):
    assert main([str(tmp_path), "--port", "0"]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path) in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_runs_of_different_backbones_are_refused(folder, tiny_llama, tmp_path, capsys):
    small = ["task=rte", "data.max_rows=8", "trainer.epochs=1", "encoder=plain", "trainer.progress=false"]
    [outcome] = rpt.train([checked([*tiny_llama, *small, f"output_dir={tmp_path}"])])
    capsys.readouterr()
    assert main([str(folder), str(outcome.check().folder), "--port", "0"]) == 2
    assert "All runs must have the same backbone" in capsys.readouterr().err


def test_a_port_that_is_taken_is_refused(folder, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main([str(folder), "--port", str(port)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"--port = {port}: cannot be bound at 127.0.0.1 (Address already in use).")


def test_an_unknown_host_is_refused(folder, capsys):
    assert main([str(folder), "--host", "no such host"]) == 2
    assert "--host = no such host: is not an address of this machine" in capsys.readouterr().err


WRONG_OPTIONS = [("--port", "70000"), ("--port", "x"), ("--gather-ms", "-1"), ("--gather-ms", "nan"), ("--queue", "0")]


@pytest.mark.parametrize("option", WRONG_OPTIONS, ids="=".join)
def test_a_wrong_option_is_refused(option, folder, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(folder), *option])
    assert ended.value.code == 2
    assert "allowed are" in capsys.readouterr().err
