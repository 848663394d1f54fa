"""Cost of filling the cache of texts on disk, and of reading it back, against computing the texts.

    python -m benchmarks.text_cache --root superglue    # SmolLM2, 64 training rows of CB

Keys and values of the first texts are computed without a folder, computed and written, and read by another cache
object, in this order, in one process. No text is kept in memory. CPU time is the sum of user and system time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

import torch

from benchmarks.command import write_result
from benchmarks.costs import cost
from rpt.backbones.causal import CausalBackbone
from rpt.backbones.disk_cache import DiskCache
from rpt.backbones.text_cache import TextCache
from rpt.build import assemble
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say

NUM_TEXTS = 64


def main() -> None:
    """Measure the three ways, print a line for each, and write `benchmarks/results/text_cache.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of the official release")
    root = parser.parse_args().root
    chosen = ["task=cb", "data=jsonl", f"data.root={root}", "backbone=smollm2", "backbone.prompt_at=end"]
    tuner, rows = assemble([check(compose([*chosen, "trainer.device=cpu", "trainer.progress=false"]))])
    backbone = tuner.backbone
    assert isinstance(backbone, CausalBackbone)
    texts = [torch.tensor(ids[:-1]) for [ids] in rows.train.inputs][:NUM_TEXTS]
    cache = backbone.texts
    cache.max_bytes = 0
    read_all(cache, texts[:1])  # warm-up
    results: dict[str, object] = {"dtype": str(backbone.dtype), "texts": len(texts), "tokens": sum(map(len, texts))}
    with tempfile.TemporaryDirectory() as folder:
        for way in ("computed", "computed and written", "read"):
            cache.disk = None if way == "computed" else DiskCache(Path(folder), {}, 2**40)
            seconds = cost(partial(read_all, cache, texts), len(texts))
            results[way] = seconds
            say(f"{way:21} {1000 * seconds['cpu']:7.1f} ms CPU and {1000 * seconds['wall']:7.1f} ms a text")
        results["bytes"] = sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors"))
    write_result("text_cache", results)


def read_all(cache: TextCache, texts: Sequence[torch.Tensor]) -> None:
    """Get the keys and values of each text from the cache, one text at a time."""
    for text in texts:
        cache.context([text])


if __name__ == "__main__":
    main()
