"""Commands end with the exit code of their error and without a traceback, also after a real Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rpt.errors import RptError
from rpt.runs import RunFailed
from rpt.system.command import ExitCode, explained
from rpt.system.interruption import ctrl_c_of
from tests.support.trained_runs import trained_folder

FEW = ["task=cb", "data.max_rows=8", "trainer.epochs=1", "encoder=plain", "prompt.length=3", "trainer.progress=false"]


def from_lightning():
    """Return the exception that Lightning raises for Ctrl-C."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        try:
            sys.exit(1)
        except SystemExit as error:
            return error


ENDS = {
    "a user error": (RptError("wrong"), 2, "wrong\n"),
    "a bug in a component": (RunFailed("broken", is_bug=True), 1, "broken\n"),
    "Ctrl-C": (KeyboardInterrupt(), 130, "interrupted: nothing is lost.\n"),
    "Ctrl-C in Lightning": (from_lightning(), 130, "interrupted: nothing is lost.\n"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_error_gives_its_exit_code_and_a_message(end, capsys):
    error, code, message = ENDS[end]

    @explained("nothing is lost.")
    def main() -> int:
        raise error

    assert main() == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("error", [SystemExit(3), ValueError("a bug")])
def test_other_exceptions_are_raised(error):
    @explained("nothing is lost.")
    def main() -> int:
        raise error

    with pytest.raises(type(error)) as raised:
        main()
    assert raised.value is error
    assert ctrl_c_of(error) is None


def test_ctrl_c_ends_a_prediction_without_a_traceback_and_without_a_file(tiny_bert, tmp_path):
    folder = trained_folder(tmp_path / "runs", *tiny_bert, *FEW)
    out = tmp_path / "out"
    out.mkdir()
    (out / "answers.jsonl").write_text("earlier answers")
    process = subprocess.Popen(
        [sys.executable, "-m", "rpt.predict", folder, "--input", "-", "--output", out / "answers.jsonl"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a process in the background ignores Ctrl-C
    )
    try:
        deadline = time.monotonic() + 240
        while len(list(out.iterdir())) < 2 and time.monotonic() < deadline:  # the output is opened before the backbone
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == ExitCode.INTERRUPTED == 130, stderr
    assert stderr.endswith("interrupted: printed answers are complete, and the file of --output is unchanged.\n")
    assert "Traceback" not in stderr
    assert stdout == ""
    assert [entry.name for entry in out.iterdir()] == ["answers.jsonl"]
    assert (out / "answers.jsonl").read_text() == "earlier answers"
