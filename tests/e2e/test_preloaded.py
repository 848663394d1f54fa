"""Commands that tests fork from a process with imported libraries act like commands in processes of their own."""

import os
import subprocess
import sys

import pytest

from tests.support import preloaded
from tests.support.preloaded import run_preloaded

ENDS_BY_A_SIGNAL = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"
ENDS_WITH_A_TRACEBACK = "import atexit\natexit.register(print, 'at the end')\nprint('at first')\nraise ValueError(3)\n"
ENDS_WITH_A_MESSAGE = "import sys\nsys.exit('refused')\n"
READS_ITS_ARGUMENTS = (
    "import os, sys\nprint(sys.argv[1:], os.getcwd(), os.environ['PYTHONPATH'], sys.path[0], __name__)\n"
)


@pytest.mark.parametrize(
    "code", [ENDS_BY_A_SIGNAL, ENDS_WITH_A_TRACEBACK, ENDS_WITH_A_MESSAGE, READS_ITS_ARGUMENTS], ids=range(4)
)
def test_a_script_has_the_same_exit_code_and_outputs(code, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(code)
    command, environment = [str(script), "lr=0.3", "--flag"], {**os.environ, "PYTHONPATH": "/own"}
    own = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    forked = run_preloaded(command, cwd=tmp_path, env=environment)
    assert (forked.returncode, forked.stdout) == (own.returncode, own.stdout)
    assert forked.stderr.splitlines()[-1:] == own.stderr.splitlines()[-1:]


def test_a_module_is_run_from_the_working_directory(tmp_path):
    (tmp_path / "shown.py").write_text(READS_ITS_ARGUMENTS)
    environment = {**os.environ, "PYTHONPATH": "/own"}
    done = run_preloaded(["-m", "shown", "RUN"], cwd=tmp_path, env=environment, merged=True)
    assert (done.returncode, done.stderr) == (0, None)
    assert done.stdout == f"['RUN'] {tmp_path} /own {tmp_path} __main__\n"


def test_the_answer_to_an_interrupted_command_is_not_taken_for_the_next(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import sys\nsys.exit(int(sys.argv[1]))\n")

    def interrupt(server, number):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(preloaded, "_answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_preloaded([str(script), "3"], cwd=tmp_path)
    assert run_preloaded([str(script), "0"], cwd=tmp_path).returncode == 0
