"""The command line in a process of its own, started from an empty folder."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run.py"


@pytest.fixture
def start_folder(tmp_path: Path) -> Path:
    """Where commands are started; a refused one leaves it empty."""
    folder = tmp_path / "start_folder"
    folder.mkdir()
    return folder


@pytest.fixture
def command(start_folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python run.py ARGUMENTS`; stderr is joined to stdout, so that their order can be seen."""

    def run(*arguments: str, file_bytes: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        return subprocess.run(
            [sys.executable, str(RUN), *arguments],
            cwd=start_folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            preexec_fn=limit,
        )

    return run


@pytest.fixture
def ray_cluster() -> Iterator[str]:
    """A running Ray cluster of one node; its address. Not by `ray stop`, which ends every cluster of the machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray")  # its sockets' names are limited to 107 bytes, which tmp_path goes beyond
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats"]
    size = ["--num-cpus=2", "--object-store-memory=104857600", "--include-dashboard=false"]
    head = subprocess.Popen(
        [*ray, *size, "--node-ip-address=127.0.0.1", f"--port={port}", f"--temp-dir={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert head.stdout is not None
        said = []
        for line in head.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()
        head.communicate(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)
