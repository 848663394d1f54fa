"""Every entry sets how idle OpenMP threads wait before torch is imported, and keeps what the user has set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpt.system.openmp import VARIABLES

ROOT = Path(__file__).parents[2]

# Prints the variables and ends the process at the import of torch.
AT_IMPORT_OF_TORCH = f"""
import os, runpy, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(*(os.environ.get(variable) for variable in {tuple(VARIABLES)}), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Watch())
"""
ENTRIES = {
    "rpt.PromptTuner": "import rpt; rpt.PromptTuner",
    "rpt.TaskData": "import rpt; rpt.TaskData",
    "rpt.train": "import rpt; rpt.train",
    "rpt.load": "import rpt; rpt.load",
    "a module of rpt": "from rpt.build import assemble",
    "a library after rpt": "import rpt, lightning",
    "load_libraries": "from rpt.training.libraries import load_libraries; load_libraries(announce=False)",
    "a worker": "from rpt.sweep.executors.workers import train_in_worker; train_in_worker([])",
    "Ray Serve": "import rpt.serve.ray_serve",
    **{
        f"python -m {name}": f"sys.argv = ['', *{arguments}]; runpy.run_module('{name}', run_name='__main__')"
        for name, arguments in {
            "rpt.predict": ["RUN", "--input", "rows.jsonl"],
            "rpt.submit": ["RUN", "--output", "out.zip"],
        }.items()
    },
}


def variables_at_import_of_torch(code, **own):
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES} | own
    command = [sys.executable, "-c", AT_IMPORT_OF_TORCH + code]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_variables_are_set_when_torch_is_imported(entry):
    assert variables_at_import_of_torch(ENTRIES[entry]) == list(VARIABLES.values())


def test_variables_of_the_user_are_kept():
    assert variables_at_import_of_torch(ENTRIES["rpt.train"], OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE", "10000"]
