"""Server that has imported the large libraries, and that forks a process for each command of a test.

    python preloaded_server.py FD        # started by `tests.support.preloaded`

FD is a Unix socket. A request is a JSON object with the keys `number`, `arguments`, `folder` and `environment`, with
two file descriptors, for stdout and stderr. The answer is the number and the exit code, negative for a signal.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import threading
import traceback
from pathlib import Path

LIBRARIES = (
    "hydra.main",
    "lightning.pytorch",
    "matplotlib.pyplot",
    "pandas",
    "pydantic",
    "scipy.stats",
    "torchmetrics",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "transformers.models.t5.modeling_t5",
)
"""Modules that are imported before the first request. Modules of rpt are imported by each command."""

LONGEST = 1_000_000
"""Largest size of a request in bytes."""


def requested(connection: socket.socket) -> dict | None:
    """Answer requests until the client leaves. Return the request in each forked process, and None in the server."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 2)
        if not message:
            return None
        request = json.loads(message)
        process = os.fork()
        if process == 0:
            connection.close()
            for target, descriptor in zip((1, 2), descriptors, strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(process, 0)
        connection.send(f"{request['number']} {os.waitstatus_to_exitcode(status)}".encode())


def exit_code(request: dict) -> int:
    """Run a command and its `atexit` functions, and return its exit code. A traceback goes to stderr."""
    try:
        run(request)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run(request: dict) -> None:
    """Run a script, or a module behind `-m`, as Python does."""
    program, *arguments = request["arguments"]
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    added = [path for path in request["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    if program == "-m":
        module, *arguments = arguments
        sys.path[:0] = [str(Path.cwd()), *added]
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path[:0] = [str(Path(program).resolve().parent), *added]
        sys.argv = [program, *arguments]
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    del sys.path[0]  # the first entry is the folder of this file
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # a collection in a forked process would copy the memory of all imported objects
    command = requested(socket.socket(fileno=int(sys.argv[1])))
    if command is not None:
        os._exit(exit_code(command))  # skips Python's finalization, which takes a second
