"""A damaged file of `init=file` is accepted or refused, without a traceback and within a time limit."""

import json
from collections import Counter
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rpt.prompt import init
from rpt.prompt.init import InitSource
from tests.fuzz.mutate import mutate_bytes, mutate_json, outcome

CASES = 200
"""Number of damaged files of each format."""

SOURCE = InitSource(torch.zeros(3, 4), None, choices=())
SHAPES = ("(2, 4)", "(2,)", "()", "(-1, 4)", "(0, 0)", "(2, 10**9)", "(4611686018427387904, 4)", "(True, 4)", "None")
DTYPES = (
    "'<f4'",
    "'>f8'",
    "'<f2'",
    "'|O'",
    "'<U3'",
    "'<M8[s]'",
    "[('a', '<f4')]",
    "('<f4', (3,))",
    "'<f16'",
    "{}",
    "3",
)
ORDERS = ("False", "True", "None", "'x'")


def npy(random):
    """Return the bytes of a file in NumPy's format with random entries in its header."""
    entries = {"descr": random.choice(DTYPES), "fortran_order": random.choice(ORDERS), "shape": random.choice(SHAPES)}
    if random.random() < 0.1:
        del entries[random.choice(list(entries))]
    header = "{" + ", ".join(f"'{key}': {value}" for key, value in entries.items()) + "}\n"
    if random.random() < 0.05:
        header = random.choice(("(" * 3000 + ")" * 3000, "[" * 150 + "]" * 150, "\0" * 8, "{'descr'", "1" * 9000))
    version = random.choice((1, 1, 1, 2, 3, 9))
    length = len(header.encode()).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + bytes(random.choice((0, 8, 32, 64, 96)))


def safetensors(whole, random):
    """Return the bytes of a safetensors file with a changed header."""
    length = int.from_bytes(whole[:8], "little")
    header = json.dumps(mutate_json(json.loads(whole[8 : 8 + length]), random)).encode()
    return len(header).to_bytes(8, "little") + header + whole[8 + length :]


@pytest.mark.slow
@pytest.mark.timeout(900, method="thread")
@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_a_damaged_prompt_file_is_accepted_or_refused(suffix, tmp_path):
    path = tmp_path / f"prompt.{suffix}"
    prompt = torch.arange(8.0).reshape(2, 4)
    if suffix == "npy":
        np.save(path, prompt.numpy())
    else:
        save_file({"prompt": prompt, "other": torch.zeros(3)}, path)
    whole = path.read_bytes()
    endings, broken = Counter(), {}
    for case in range(CASES):
        random = Random(f"{suffix} {case}")
        if random.random() < 0.5:
            path.write_bytes(mutate_bytes(whole, random))
        else:
            path.write_bytes(npy(random) if suffix == "npy" else safetensors(whole, random))
        ending = outcome(lambda: init.from_file(SOURCE, 2, torch.Generator(), path=str(path)))
        endings[ending.partition(":")[0]] += 1
        if ending.startswith("broken"):
            broken[case] = ending
    assert broken == {}
    assert endings["refused"] > CASES // 2
    assert endings["accepted"] > 0
