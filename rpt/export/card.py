"""Model card of an exported prompt: Markdown, with the YAML front matter that the Hugging Face hub reads."""

from __future__ import annotations

import json
from typing import Any

from scipy.stats import binomtest

from rpt.console import SELECTION
from rpt.data.release import origin
from rpt.tracking.record import Record

LOADING = {
    "peft": """```python
from peft import PeftModel
from transformers import {auto}

model = PeftModel.from_pretrained({auto}.from_pretrained({base!r}), "DIR")
```""",
    "safetensors": """```python
from safetensors.torch import load_file

prompt = load_file("DIR/prompt.safetensors")["prompt"]  # float32 [length, hidden]
```""",
    "npy": """```python
import numpy as np

prompt = np.load("DIR/prompt.npy", allow_pickle=False)  # float32 [length, hidden]
```""",
}
"""Python code that loads an export, as Markdown, by format."""

AUTO_CLASSES = {
    "encoder": "AutoModel",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "causal": "AutoModelForCausalLM",
}
"""Class of transformers that loads a backbone, by its family."""

PLACES = {
    "front": "in front of the input's embeddings",
    "after_cls": "behind the embedding of [CLS]",
    "end": "behind the input's embeddings",
}
"""Description of the prompt's position, by `backbone.prompt_at`."""


def model_card(
    record: Record, format: str, base: str, answers: list[dict[str, Any]], loading: str | None = None
) -> str:
    """Write the model card of an exported prompt.

    Args:
        record: Record of the run.
        format: `peft`, `safetensors`, `npy` or `lm-eval`.
        base: Name or path of the backbone.
        answers: Lines of the run's `predictions.jsonl`, for the interval of an accuracy.
        loading: Markdown that says how to use the export; None takes the Python code for the format.
    """
    section = record.config["backbone"]
    data, task = record.data, record.task
    rows = [
        ("Task", f"{task.name} (version {task.version})"),
        ("Data", f"{origin(task.name, data.source, data.release, data.folder)}, sha256 {data.checksum[:10]}"),
        ("Trained on", f"{data.rows.train:,} rows"),
        ("Scored on", f"{data.rows.reported:,} validation rows"),
        ("Protocol", f"{record.protocol.name}: {SELECTION[record.protocol.select_on]}"),
        *((name, _score(name, value, answers)) for name, value in record.scores.items()),
        ("Majority baseline", f"{record.majority['score'] or 0:.3f}"),
        (
            "Prompt",
            f"{record.config['prompt']['length']} virtual tokens, {_place(record, section)}",
        ),
        ("Encoder", f"{record.chosen.get('encoder', 'own')}, whose output is the exported prompt"),
        ("Run", f"{record.name}, seed {record.config['seed']}"),
        ("License", "not chosen yet: set `license` in the first lines of this file before an upload"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    if loading is None:
        loading = LOADING[format].format(auto=AUTO_CLASSES[record.backbone.family], base=base)
    head = f"\n{HEAD}\n" if record.parameters.head else ""
    title = f"# {task.name}: a soft prompt for {base}"
    parts = [
        _front_matter(base, format),
        title,
        f"| | |\n| --- | --- |\n{table}",
        "## Load",
        loading,
    ]
    return "\n\n".join(parts) + f"\n{head}"


def _place(record: Record, section: dict[str, Any]) -> str:
    """Describe the position of the prompt, and its layer unless it enters among the input embeddings."""
    if record.prompt is not None and record.prompt.every_layer:
        return "keys and values in front of those of the text in every layer"
    layer = section.get("prompt_layer", 0)
    place = PLACES[section["prompt_at"]]
    return f"{place}, among the hidden states before layer {layer} (counted from 0)" if layer else place


HEAD = (
    "`head.safetensors` holds the linear layer from the pooled states of the text to the labels: `linear.weight` and "
    "`linear.bias`."
)
"""Sentence about the class head of an encoder backbone."""


def _front_matter(base: str, format: str) -> str:
    library = "library_name: peft\n" if format in ("peft", "lm-eval") else ""
    return f"---\nbase_model: {json.dumps(base)}\n{library}license: other\ntags: [soft-prompt, prompt-tuning]\n---"


def _score(name: str, value: float | None, answers: list[dict[str, Any]]) -> str:
    if value is None:
        return "not known"
    if name != "accuracy":
        return f"{value:.3f}"
    interval = binomtest(sum(line["right"] for line in answers), len(answers)).proportion_ci(method="wilson")
    return f"{value:.3f} (95 % interval over rows: {interval.low:.3f} to {interval.high:.3f})"
