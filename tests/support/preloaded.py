"""Run a command of rpt in a process that does not import PyTorch, Lightning and transformers again.

The imports take ten seconds of CPU time, most of the cost of a command on a tiny model. A server imports them once and
forks a process for each command (`tests.support.preloaded_server`). The server imports no modules of
rpt. A command therefore imports them, prints its messages and ends as in a process of its own.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path

SERVER = Path(__file__).with_name("preloaded_server.py")

_numbers = count()
"""Counter that numbers the commands of this process."""

UNREAD = ("PYTHONPATH", "PYTEST_CURRENT_TEST")
"""Variables that the imported libraries do not read. Commands that differ only in these variables share a server."""


def run_preloaded(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, merged: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` in a fork of a process that has imported torch; return its exit code and outputs.

    Args:
        arguments: A script or `-m` and a module, and arguments.
        cwd: Working directory.
        env: Environment; None for the environment of the test.
        merged: Whether stderr is redirected to stdout, so that the order of all lines is kept.
    """
    environment = dict(os.environ if env is None else env)
    server = _server(tuple(sorted((name, text) for name, text in environment.items() if name not in UNREAD)))
    number = next(_numbers)
    request = {"number": number, "arguments": [*map(str, arguments)], "folder": str(cwd), "environment": environment}
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        outputs = [stdout.fileno(), stdout.fileno() if merged else stderr.fileno()]
        socket.send_fds(server, [json.dumps(request).encode()], outputs)
        code = _answer(server, number)
        texts = [_text(file) for file in (stdout, stderr)]
    return subprocess.CompletedProcess([sys.executable, *arguments], code, texts[0], None if merged else texts[1])


def _answer(server: socket.socket, number: int) -> int:
    """Return the exit code of a command. Answers to commands whose test was interrupted are skipped."""
    while True:
        answer = server.recv(64)
        if not answer:
            _server.cache_clear()
            raise EOFError("the server of commands has ended")
        answered, code = map(int, answer.split())
        if answered == number:
            return code


def _text(file) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def _server(environment: tuple[tuple[str, str], ...]) -> socket.socket:
    """Start a server with an environment, and return the socket of its requests. The server ends with this process."""
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(SERVER), str(server.fileno())]
    process = subprocess.Popen(command, env=dict(environment), pass_fds=[server.fileno()], start_new_session=True)
    server.close()
    atexit.register(process.kill)
    return client
