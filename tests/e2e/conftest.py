"""The command line in a process of its own, started from an empty folder."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
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
