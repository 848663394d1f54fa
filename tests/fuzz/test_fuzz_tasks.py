"""Damaged task descriptions and rows are accepted or refused, without a traceback or an incomplete run folder."""

import copy
import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml

from rpt.build import assemble
from rpt.config.check import check
from rpt.config.hydra_errors import USER_ERRORS, explain
from rpt.errors import RptError
from rpt.runs import train
from tests.fuzz.mutate import mutate_bytes, mutate_json, outcome
from tests.support.composed import compose

TASKS = Path(__file__).parents[2] / "conf" / "task"
CASES = 180
"""Number of damaged inputs of each kind."""

DAMAGED_TASKS = ("cb", "wsc", "multirc", "record")
"""Tasks whose rows are damaged. Their rows are flat, have spans, or are nested in two ways."""


@pytest.fixture
def values(tiny_bert, tiny_t5, tmp_path):
    """Make the values of a configuration with a few rows in the folder of the test."""

    def make(task, backbone, *more):
        tiny = {"encoder": tiny_bert, "seq2seq": tiny_t5}[backbone]
        small = ["trainer=debug", "trainer.batch_size=4", "prompt.length=2", "logger=[]", "trainer.epochs=1"]
        folders = ["data=jsonl", f"data.root={tmp_path}", f"output_dir={tmp_path / 'runs'}", f"task={task}"]
        return compose([*tiny, *small, *folders, *more])

    return make


def sample(task):
    """Return the description of a task, and a few of its sample rows by split."""
    description = yaml.safe_load((TASKS / f"{task}.yaml").read_text())
    folder = Path(__file__).parents[2] / "rpt" / "data" / "samples" / description["folder"]
    count = 3 if task in ("multirc", "record") else 16
    return description, {
        split: (folder / f"{split}.jsonl").read_text().splitlines()[:count] for split in ("train", "val")
    }


def write(root, folder, splits):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for split, lines in splits.items():
        (root / folder / f"{split}.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))


def step(values):
    """Build a training, and take its first step."""
    config = check(copy.deepcopy(values))
    tuner, data = assemble([config])
    tuner.training_step(next(iter(data.train_dataloader())), 0)


def run_cases(cases):
    """Run cases; return how many had each outcome, and the errors of the broken cases."""
    endings, broken = Counter(), {}
    for name, run in cases:
        ending = outcome(run)
        endings[ending.partition(":")[0]] += 1
        if ending.startswith("broken"):
            broken[name] = ending
    return endings, broken


@pytest.mark.slow
@pytest.mark.timeout(900, method="thread")
@pytest.mark.parametrize(("task", "backbone"), [("cb", "encoder"), ("wsc", "seq2seq")])
def test_a_damaged_task_description_is_accepted_or_refused(task, backbone, values, tmp_path):
    description, splits = sample(task)
    write(tmp_path, description["folder"], splits)
    whole = values(task, backbone)
    step(whole)

    def cases():
        for case in range(CASES):
            damaged = mutate_json(description, Random(f"{task} {case}"))
            yield f"{case}: {damaged}", lambda damaged=damaged: step({**whole, "task": damaged})

    endings, broken = run_cases(cases())
    assert broken == {}
    assert endings["refused"] > CASES // 4
    assert endings["accepted"] > CASES // 20


@pytest.mark.slow
@pytest.mark.timeout(900, method="thread")
def test_a_damaged_task_file_is_accepted_or_refused(values, tmp_path):
    text = (TASKS / "cb.yaml").read_bytes()
    file = tmp_path / "conf" / "task" / "fuzzed.yaml"
    file.parent.mkdir(parents=True)
    write(tmp_path, "CB", sample("cb")[1])

    def composed():
        try:
            check(values("fuzzed", "encoder", f"hydra.searchpath=[file://{tmp_path / 'conf'}]"))
        except USER_ERRORS as error:  # `rpt.cli` handles the same errors
            raise RptError(explain(error)) from error

    def cases():
        for case in range(CASES // 2):
            damaged = mutate_bytes(text, Random(f"file {case}")) if case else text
            file.write_bytes(damaged)
            yield f"{case}: {file.read_bytes()[:300]!r}", composed

    endings, broken = run_cases(cases())
    assert broken == {}
    assert endings["refused"] > CASES // 8
    assert endings["accepted"] > 1


@pytest.mark.slow
@pytest.mark.timeout(900, method="thread")
@pytest.mark.parametrize("task", DAMAGED_TASKS)
def test_damaged_rows_are_accepted_or_refused(task, values, tmp_path):
    description, splits = sample(task)
    write(tmp_path, description["folder"], splits)
    whole = values(task, "encoder")
    step(whole)

    def cases():
        for case in range(CASES // 2):
            random = Random(f"{task} {case}")
            split = random.choice(("train", "train", "val"))
            lines = list(splits[split])
            number = random.randrange(len(lines))
            lines[number] = json.dumps(mutate_json(json.loads(lines[number]), random))
            write(tmp_path, description["folder"], {**splits, split: lines})
            if random.random() < 0.3:
                file = tmp_path / description["folder"] / f"{split}.jsonl"
                file.write_bytes(mutate_bytes(file.read_bytes(), random))
            yield f"{case}: {split} line {number}: {lines[number][:300]}", lambda: step(whole)

    endings, broken = run_cases(cases())
    assert broken == {}
    assert endings["refused"] > CASES // 10


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_a_refused_row_leaves_no_run_folder(values, tmp_path):
    _, splits = sample("cb")
    whole = values("cb", "encoder")
    endings = Counter()
    for case in range(20):
        random = Random(f"folder {case}")
        lines = list(splits["train"])
        lines[3] = json.dumps(mutate_json(json.loads(lines[3]), random))
        write(tmp_path, "CB", {**splits, "train": lines})
        ending = outcome(lambda: train([check(copy.deepcopy(whole))]))
        endings[ending.partition(":")[0]] += 1
        assert not ending.startswith("broken"), ending
    folders = [folder for folder in (tmp_path / "runs").iterdir() if folder.is_dir()]
    statuses = {json.loads((folder / "run.json").read_text())["status"] for folder in folders}
    assert statuses == {"finished"}
    assert 0 < len(folders) <= endings["accepted"]
    assert endings["refused"] > 5
