"""A damaged model folder is accepted or refused, without a traceback and within a time limit."""

import copy
import json
import shutil
from collections import Counter
from random import Random

import pytest
import torch
from safetensors.torch import load_file

from rpt.build import assemble
from rpt.config.check import check
from tests.fuzz.mutate import mutate_bytes, mutate_json, outcome
from tests.support.composed import compose
from tests.support.models import make_model, save_as_published

CASES = 200
"""Number of damaged folders of each model."""

MODELS = ("bert", "llama, tied", "t5 1.1", "gpt2")
PICKLED = "gpt2"
"""Model whose weights are in a PyTorch file."""

JSON_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")


@pytest.fixture(scope="module")
def values(tiny_cb):
    """Values of a valid configuration without the folder of the backbone."""
    few = ["trainer=debug", "trainer.batch_size=4", "data.max_rows=8", "prompt.length=2", "backbone.text_limit=40"]
    more = ["backbone.dtype=float32", "trainer.device=cpu", "data.max_cut_share=1"]
    return compose([*tiny_cb, "backbone=local", "backbone.name=fuzzed", "backbone.path=DIR", *few, *more])


def run(values, folder):
    """Load a backbone and take its first training step, as a command does."""
    given = copy.deepcopy(values)
    given["backbone"]["path"] = str(folder)
    config = check(given)
    tuner, data = assemble([config])
    tuner.training_step(next(iter(data.train_dataloader())), 0)


def damage(folder, random):
    """Damage one file of a model folder, and return a description of the damage."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    if random.random() < 0.7:
        file = folder / random.choice((*JSON_FILES, "config.json", "config.json", "config.json"))
        if file.exists():
            file.write_text(json.dumps(mutate_json(json.loads(file.read_text()), random)))
            return f"{file.name} changed"
    file = random.choice(files)
    file.write_bytes(mutate_bytes(file.read_bytes(), random))
    return f"{file.name} damaged"


@pytest.mark.slow
@pytest.mark.timeout(900, method="thread")
@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_model_folder_is_accepted_or_refused(name, values, tmp_path):
    whole = tmp_path / "whole"
    save_as_published(name, make_model(name), whole)
    if name == PICKLED:
        torch.save(load_file(whole / "model.safetensors"), whole / "pytorch_model.bin")
        (whole / "model.safetensors").unlink()
    run(values, whole)
    endings, broken = Counter(), {}
    for case in range(CASES):
        folder = tmp_path / str(case)
        shutil.copytree(whole, folder)
        description = damage(folder, Random(f"{name} {case}"))
        ending = outcome(lambda folder=folder: run(values, folder))
        endings[ending.partition(":")[0]] += 1
        if ending.startswith("broken"):
            broken[f"{case}: {description}"] = ending
        shutil.rmtree(folder)
    assert broken == {}
    assert endings["refused"] > CASES // 4
    assert endings["accepted"] > CASES // 20
