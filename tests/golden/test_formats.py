"""Input and target of T5 for three training rows of every task, as text and as token ids, equal stored values.

The rows are sample rows, and the tokenizer is that of the published T5. The stored values change only if a format, the
sample rows or T5's tokenizer change. To write them again:

    RPT_MAKE_GOLDEN=1 python -m pytest tests/golden/test_formats.py
"""

import json
import os
from pathlib import Path

import pytest
import torch

from rpt import build
from rpt.config.check import check
from rpt.data.inputs import build_source
from rpt.data.prepare import build_encoded, build_task
from tests.support.composed import compose
from tests.support.samples import FOLDER_OF, FOLDERS, TASKS

GOLDEN = Path(__file__).with_name("formats.json")
FORMATS = {
    "official": ["protocol=official"],
    "official, generated": ["protocol=official", "scorer=generate"],
    "paper": ["protocol=paper"],
}
ROWS = 3


def different_formats(formats):
    """Return the formats by name without those whose rows equal the rows of an earlier format."""
    all_rows = list(formats.values())
    return {name: rows for number, (name, rows) in enumerate(formats.items()) if rows not in all_rows[:number]}


@pytest.fixture(scope="module")
def backbone(real_tiny_t5):
    """The backbone, which is loaded once, because loading takes half a second."""
    return build.build_backbone(check(compose(real_tiny_t5)), torch.device("cpu"))


def rendered(config, source, backbone):
    """Return input, target and choices of the first training rows, as text and as token ids."""
    task = build_task(config)
    examples = task.training(list(task.examples(source.splits["train"])))[:ROWS]
    encoded = build_encoded(config, backbone.tokenizer, task, examples)
    decode = backbone.tokenizer.decode
    return [
        {
            "source": decode(source),
            "source_ids": " ".join(map(str, source)),
            "target": decode(target),
            "target_ids": " ".join(map(str, target)),
            "choices": [decode(ids) for ids in choices],
        }
        for [source], target, choices in zip(encoded.inputs, encoded.outputs, encoded.choices, strict=True)
    ]


@pytest.mark.shared
@pytest.mark.parametrize("task", TASKS)
def test_inputs_and_targets_of_t5_equal_the_stored_rows(task, real_tiny_t5, backbone):
    shared = [*real_tiny_t5, f"task={task}", "data.max_rows=20", "backbone.text_limit=512"]
    configs = {name: check(compose([*shared, *chosen])) for name, chosen in FORMATS.items()}
    source = build_source(configs["paper"])
    found = different_formats({name: rendered(config, source, backbone) for name, config in configs.items()})
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("RPT_MAKE_GOLDEN") == "1":
        stored = {**stored, task: found}
        GOLDEN.write_text(json.dumps(stored, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert found == stored[task]


def test_every_task_is_stored_with_three_rows_of_each_format():
    stored = json.loads(GOLDEN.read_text())
    assert {FOLDER_OF[task] for task in stored} == set(FOLDERS)
    for task, formats in stored.items():
        assert set(formats) == {"official", "paper"} | ({"official, generated"} if task == "wsc" else set())
        assert all(len(rows) == ROWS for rows in formats.values())


def test_every_source_and_target_ends_with_the_end_token_and_no_source_has_unknown_tokens():
    for formats in json.loads(GOLDEN.read_text()).values():
        for row in (row for rows in formats.values() for row in rows):
            assert row["source"].endswith("</s>")
            assert row["source_ids"].endswith(" 1")
            assert row["target"].endswith("</s>")
            assert row["target_ids"].endswith(" 1")
            assert "<unk>" not in row["source"]
