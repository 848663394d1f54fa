"""Facts about the machine in a record."""

import subprocess
from pathlib import Path

import pytest
import torch

from rpt.tracking.environment import CLEAR_PEAK, environment, forget_peak_memory, git_state, peak_memory_bytes

CPU = torch.device("cpu")


def test_the_peak_of_memory_can_be_reset():
    if not CLEAR_PEAK.exists():
        pytest.skip("this system cannot reset the peak memory of a process")
    forget_peak_memory(CPU)
    before = peak_memory_bytes(CPU)
    block = torch.ones(100 * 2**20, dtype=torch.uint8)  # 100 MiB; memory is resident once it is written
    del block
    peak = peak_memory_bytes(CPU)
    assert peak - before > 90 * 2**20
    forget_peak_memory(CPU)
    assert peak_memory_bytes(CPU) < peak - 50 * 2**20


def test_the_environment_has_versions_and_everything_that_bits_depend_on():
    facts = environment(CPU)
    assert facts.packages["torch"] == facts.bits["torch"] == torch.__version__
    assert facts.bits["threads"] == torch.get_num_threads()
    assert facts.git is None or len(facts.git.commit) == 40


def test_reading_the_commit_does_not_write_into_the_repository(monkeypatch, tmp_path):
    root, index = Path(__file__).parents[2], tmp_path / "index"
    if not (root / ".git").exists():
        pytest.skip("needs a checkout")
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    # `git status` would write the times of all files into this index, because `read-tree` writes none.
    subprocess.run(["git", "-C", root, "read-tree", "HEAD"], check=True)
    before = index.read_bytes()
    assert git_state(root) is not None
    assert index.read_bytes() == before
