"""What T5 reads and is trained to write: three train rows of every task, as text and as T5's own token ids.

The rows are those of the sample data, the vocabulary is T5's real one. They change only when a format, the sample
data or T5's tokenizer changes. To make them again:

    RPT_MAKE_GOLDEN=1 python -m pytest tests/golden/test_formats.py
"""

import json
import os
from pathlib import Path

import pytest
import torch

from rpt import build
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.data.inputs import build_source
from rpt.data.prepare import build_encoded, build_task
from tests.support.samples import FOLDER_OF, FOLDERS, TASKS

GOLDEN = Path(__file__).with_name("formats.json")
FORMATS = {
    "official": ["protocol=official"],
    "official, generated": ["protocol=official", "scorer=generate"],
    "paper": ["protocol=paper"],
}
ROWS = 3


def same(formats):
    """Formats under their names, those left out that read as an earlier one does."""
    return {name: rows for at, (name, rows) in enumerate(formats.items()) if rows not in list(formats.values())[:at]}


@pytest.fixture(scope="module")
def backbone(real_tiny_t5):
    """Loaded once: it takes half a second, most of it the tokenizer's."""
    return build.build_backbone(check(compose(real_tiny_t5)), torch.device("cpu"))


def rendered(config, source, backbone):
    """The first train rows, each as what T5 reads and what it is to write, in text and in ids."""
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
def test_t5_reads_and_writes_the_stored_rows(task, real_tiny_t5, backbone):
    shared = [*real_tiny_t5, f"task={task}", "data.max_rows=20", "backbone.text_limit=512"]
    configs = {name: check(compose([*shared, *chosen])) for name, chosen in FORMATS.items()}
    source = build_source(configs["paper"])
    found = same({name: rendered(config, source, backbone) for name, config in configs.items()})
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


def test_every_source_and_target_ends_in_the_end_marker_and_nothing_is_unknown():
    for formats in json.loads(GOLDEN.read_text()).values():
        for row in (row for rows in formats.values() for row in rows):
            assert row["source"].endswith("</s>")
            assert row["source_ids"].endswith(" 1")
            assert row["target"].endswith("</s>")
            assert row["target_ids"].endswith(" 1")
            assert "<unk>" not in row["source"]
