"""`python -m rpt.serve RUN...`: answer rows over HTTP, and compare the answers of several runs on a web page."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from rpt.config.paths import user_path
from rpt.errors import ConfigError
from rpt.system.command import ExitCode, add_backbone, add_config_dirs, explained
from rpt.training.libraries import load_libraries

LARGEST_PORT = 65_535
BACKLOG = 1024
"""Largest number of connections that wait until the server accepts them."""

STOP_SECONDS = 30
"""Longest time in seconds for which a server that is stopped still answers the requests that it has accepted."""


@explained("the server had not started yet.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Load the runs and answer requests until Ctrl-C or SIGTERM."""
    given = _parser().parse_args(arguments)
    _require_libraries()
    with _bound(given.host, given.port) as listener:
        load_libraries()
        from rpt.predict.predictor import load_predictor
        from rpt.serve.app import create_app
        from rpt.serve.limits import Limits

        predictor = load_predictor(given.run, given.config_dir, given.backbone)
        limits = Limits(waiting=given.queue)
        app = create_app(predictor, limits, given.gather_ms / 1000)
        _serve(app, listener, len(predictor.runs))
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rpt.serve", description=__doc__)
    parser.add_argument(
        "run",
        nargs="+",
        type=user_path,
        metavar="RUN",
        help="folder of a finished run, or folder that holds several runs; all runs have the same backbone",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 admits other machines (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="port to listen at; 0 takes a free port (default: %(default)s)"
    )
    parser.add_argument(
        "--gather-ms",
        type=_milliseconds,
        default=5.0,
        metavar="MS",
        help="time that the first request of a batch waits for further requests (default: %(default)g)",
    )
    parser.add_argument(
        "--queue",
        type=_count,
        default=4096,
        metavar="N",
        help="answers that may wait for the model; requests beyond it get status 503 (default: %(default)s)",
    )
    add_config_dirs(parser)
    add_backbone(parser)
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed are 0 to {LARGEST_PORT}")
    return int(text)


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; allowed are 0 to 1000 milliseconds")
    return value


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no count; allowed are 1 and more")
    return int(text)


def _require_libraries() -> None:
    """Refuse to start without the libraries of the extra `serve` (ConfigError)."""
    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            advice = "is not installed, and rpt.serve needs it. Run: pip install 'rpt[serve]'"
            raise ConfigError.of("package", package, advice)


def _bound(host: str, port: int) -> socket.socket:
    """Bind a socket to an address. It accepts connections once the server has started.

    Raises:
        ConfigError: The address is unknown, or another program has the port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError.of("--host", host, f"is not an address of this machine ({error}).") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        advice = f"cannot be bound at {host} ({error.strerror}). Name another port, or 0 for a free port."
        raise ConfigError.of("--port", port, advice) from error
    return listener


def _serve(app: Any, listener: socket.socket, num_runs: int) -> None:
    import uvicorn

    from rpt.console import say, several

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    listener.listen(BACKLOG)  # from here on, connections wait until the server accepts them
    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host
    say(f"{several(num_runs, 'run')} at http://{address}:{port} (interface: http://{address}:{port}/docs)")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")


if __name__ == "__main__":
    sys.exit(main())
