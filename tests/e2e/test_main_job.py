"""The first command of the README with the packaged MiniLM, and the official release with its published counts."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from safetensors.torch import load_file

from rpt.config.check import check
from rpt.data.inputs import build_source
from rpt.data.prepare import Splits, build_splits, build_task
from rpt.errors import ConfigError
from tests.support.composed import compose

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_main_job_scores_above_the_majority_baseline_and_prints_its_settings(tmp_path):
    done = run("task=cb", "encoder=residual", f"output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    [folder] = tmp_path.iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["scores"]["score"] > record["majority"]["score"] + 0.1
    assert record["scores"]["accuracy"] > record["majority"]["accuracy"] + 0.03
    assert record["peak_memory_bytes"] < 1.5 * 2**30
    backbone = record["backbone"]
    assert backbone["fingerprint_checkpoint"] == backbone["fingerprint_before"] == backbone["fingerprint_after"]
    assert load_file(folder / "prompt.safetensors")["prompt"].shape == (10, 384)
    assert "SAMPLE rows made by this project" in done.stdout
    assert "majority" in done.stdout
    lines = done.stderr.splitlines()
    assert lines[:4] == [
        "loading PyTorch, Lightning and transformers",
        "reading the rows and the backbone's files",
        "loading the backbone and tokenising the rows",
        "training 450 steps in 10 epochs",
    ]
    assert [line for line in lines[4:] if not line.startswith("step ")] == ["scoring 256 reported rows"]
    assert sum(line.startswith("step 45 of 450 (epoch 1 of 10), loss ") for line in lines) == 1

    again = run("task=cb", "encoder=residual", f"output_dir={tmp_path}")
    assert again.returncode == 0
    assert "this run is finished; nothing to do" in again.stdout


def official(task: str, shared_dir: Path) -> Splits:
    config = check(compose([f"task={task}", "data=jsonl", f"data.root={shared_dir / 'superglue'}"]))
    return build_splits(config, build_source(config), build_task(config))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("task", "num_train", "num_held_out", "validation"),
    [
        ("cb", 250, 50, {"entailment": 23, "contradiction": 28, "neutral": 5}),
        ("rte", 2490, 498, {"entailment": 146, "not_entailment": 131}),
        ("copa", 400, 80, {0: 55, 1: 45}),
        ("wsc", 554, 112, {"False": 66, "True": 38}),
        pytest.param("multirc", 27243, 5506, {0: 2773, 1: 2075}, marks=pytest.mark.slow),
    ],
)
def test_the_official_release_has_its_official_counts(task, num_train, num_held_out, validation, shared_dir):
    splits = official(task, shared_dir)
    assert len(splits.train) + len(splits.held_out) == num_train
    assert len(splits.held_out) == num_held_out
    by_position = 0 in validation
    found = Counter(row.target if by_position else row.choices[row.target].lower() for row in splits.reported)
    assert found == {label if by_position else label.lower(): count for label, count in validation.items()}


@pytest.mark.shared
def test_a_partial_file_of_the_official_release_is_refused(shared_dir):
    with pytest.raises(ConfigError, match=r"only BoolQ/train\.partial\.jsonl in it, a part of the official"):
        official("boolq", shared_dir)
