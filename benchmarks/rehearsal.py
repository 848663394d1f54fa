"""The paper's first row at its real size without the hub: what loads and trains, its speed and its memory.

    python -m benchmarks.rehearsal T5_TOKENIZER_FOLDER SUPERGLUE_FOLDER     # five minutes on two cores

T5-Base's random weights are saved in the layout of the hub's cache with T5's real tokenizer, and `docs/paper.md`'s own
command is run on the official rows: only the numbers in the weights differ from what the hub would give.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import T5ForConditionalGeneration

from benchmarks.command import keep, records, run
from benchmarks.hub_cache import new_snapshot
from benchmarks.t5_base import config
from rpt.console import say

TOKENIZER = ("special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer_config.json")


def main() -> None:
    """Save, train, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("superglue", type=Path)
    parser.add_argument("--task", default="rte")
    parser.add_argument("--rows", type=int, default=64, help="of each split")
    parser.add_argument("--runs", type=int, default=1, help="seeds, packed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), given.tokenizer)
        os.environ |= {"HF_HUB_CACHE": folder, "HF_HUB_OFFLINE": "1"}
        record = train(Path(folder) / "runs", given)
    found = {name: record[name] for name in ("seconds", "steps", "tokens_per_second", "peak_memory_bytes")}
    say("   ".join(f"{name} {value:.4g}" for name, value in found.items()))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    keep("rehearsal", {"task": given.task, "rows": given.rows, "runs": given.runs, **found}, device)


def save(cache: Path, tokenizer: Path) -> None:
    """Random weights under the name of google-t5/t5-base."""
    snapshot = new_snapshot(cache, "google-t5/t5-base")
    torch.manual_seed(0)
    T5ForConditionalGeneration(config()).save_pretrained(snapshot)
    for name in TOKENIZER:
        shutil.copy(tokenizer / name, snapshot / name)


def train(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The command of `docs/paper.md`."""
    shared = ["experiment=paper/t5_base/residual_n10", f"task={given.task}", "data=jsonl", "trainer.epochs=1"]
    rows = [f"data.root={given.superglue.absolute()}", f"data.max_rows={given.rows}"]
    run("-m", "hydra/launcher=packed", *shared, *rows, f"seed=range({given.runs})", f"output_dir={folder}")
    return records(folder, given.runs)[0]


if __name__ == "__main__":
    main()
