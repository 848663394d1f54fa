"""Fixtures that start the command line in a new process, or a sweep in the test's own process."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpt.config.schema import Config
from rpt.sweep.launch import launch
from rpt.sweep.point import Point, Result
from rpt.sweep.settings import Settings
from rpt.training.live_progress import ProgressCallback, ignore_progress
from rpt.training.module import PromptTuner
from tests.support.composed import compose
from tests.support.preloaded import run_preloaded
from tests.support.resuming import STATEFUL

RUN = Path(__file__).parents[2] / "run.py"


@pytest.fixture
def start_folder(tmp_path: Path) -> Path:
    """Working directory of the commands. A refused command must leave it empty."""
    folder = tmp_path / "start_folder"
    folder.mkdir()
    return folder


@pytest.fixture
def command(start_folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python run.py ARGUMENTS`. stderr is redirected to stdout, so that the order of all lines can be tested.

    With variables of the environment or a limit on the size of files, the command is a process of its own. Otherwise
    it is forked from a process that has imported the large libraries.
    """

    def run(*arguments: str, file_bytes: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        if file_bytes is None and not environment:
            return run_preloaded([str(RUN), *arguments], cwd=start_folder, merged=True)

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
def one_label_cb(tiny_cb: list[str], tmp_path: Path) -> list[str]:
    """`tiny_cb` with validation rows of one label, so that reported scores differ from held-out scores."""
    root = tmp_path / "one_label"
    shutil.copytree(tiny_cb[1].removeprefix("data.root="), root)
    reported = root / "CB" / "val.jsonl"
    kept = [line for line in reported.read_text().splitlines(keepends=True) if '"entailment"' in line]
    reported.write_text("".join(kept))
    return ["data=jsonl", f"data.root={root}"]


@pytest.fixture
def ray_cluster() -> Iterator[str]:
    """Address of a running Ray cluster of one node, which was started in another folder.

    The fixture ends the process of the cluster itself, because `ray stop` ends every cluster on the machine.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray")  # the paths of Ray's sockets have at most 107 bytes; tmp_path is too long
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats"]
    size = ["--num-cpus=2", "--object-store-memory=104857600", "--include-dashboard=false"]
    head = subprocess.Popen(
        [*ray, *size, "--node-ip-address=127.0.0.1", f"--port={port}", f"--temp-dir={folder}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert head.stdout is not None
        lines = []
        for line in head.stdout:
            lines.append(line)
            if "Ray runtime started" in line:
                break
        else:
            pytest.fail("".join(lines))
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()
        head.communicate(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def points(tiny_bert: list[str], tiny_cb: list[str], tmp_path: Path) -> Callable[..., list[Point]]:
    """Make the points of a sweep on the tiny backbone. A run has two epochs of four steps."""
    common = [*tiny_bert, *tiny_cb, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2"]

    def make(overrides: list[str], *more: str) -> list[Point]:
        return [Point(number, compose([*common, *more, *own.split()]), own) for number, own in enumerate(overrides)]

    return make


@pytest.fixture
def sweep(points: Callable[..., list[Point]], tmp_path: Path) -> Callable[..., tuple[list[Result], dict[str, bool]]]:
    """Start a sweep in the test's process; return its results, and for each point whether this start trained it."""

    def start(
        overrides: list[str], *more: str, watch: ProgressCallback = ignore_progress, **settings: object
    ) -> tuple[list[Result], dict[str, bool]]:
        new = {}

        results = launch(
            points(overrides, *more),
            Settings(**settings),
            lambda point, _, is_new: new.update({point.name: is_new}),
            tmp_path / "runs",
            watch,
        )
        return results, new

    return start


@pytest.fixture
def stateful(configure: Callable[..., Config], tiny_cb: list[str], tmp_path: Path) -> Callable[..., Config]:
    """Make a configuration of a short training in which every part with a state is switched on."""

    def make(folder: str, *overrides: str) -> Config:
        return configure(*tiny_cb, *STATEFUL, f"output_dir={tmp_path / folder}", *overrides)

    return make


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[int], Callable[[], object]], None]:
    """Call a function at the start of given training steps, once for each step, also if the run is resumed."""

    def at(steps: Iterable[int], action: Callable[[], object]) -> None:
        remaining, step = list(steps), PromptTuner.training_step

        def training_step(self: PromptTuner, batch: Any, batch_idx: int) -> None:
            if remaining and self.steps_done == remaining[0]:
                remaining.pop(0)
                action()
            step(self, batch, batch_idx)

        monkeypatch.setattr(PromptTuner, "training_step", training_step)

    return at
