"""Output of the command line for flags and for closed pipes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run.py"


def test_the_configuration_of_a_sweep_can_be_printed(command, start_folder):
    done = command("-m", "--cfg", "hydra", "hydra/launcher=packed")
    assert done.returncode == 0
    assert "mode: MULTIRUN" in done.stdout
    assert "PackedLauncher" in done.stdout
    assert list(start_folder.iterdir()) == []


@pytest.mark.parametrize(("program", "code"), [([str(RUN), "--help"], 141), (["-m", "rpt.ledger", "--help"], 0)])
def test_a_command_with_a_closed_output_pipe_ends_without_a_message(program, code):
    """The pipe is closed before the first line is written, as `| head` may do."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, *program], cwd=RUN.parent, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == code  # argparse ignores a closed pipe and exits with 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["lrr=1"], "lrr: no such key. "),
        (["hydra.launcher.workers=1"], "hydra.launcher.workers: no such key. "),
        (["--cfg", "job", "hydra.mode=RUN"], "encoder=plain,mlp: several values. A printed configuration "),
    ],
)
def test_the_message_for_a_study_with_lists_of_values_names_the_fault(overrides, message, command, start_folder):
    done = command("-cn", "learning_rate", "encoder=plain,mlp", *overrides)
    assert done.stdout.startswith(message)
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []
