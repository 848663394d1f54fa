"""Task of the LM Evaluation Harness (`lm_eval`) for the rows that a run has reported: a YAML file and the rows.

The harness joins a source and a choice by its own rules, which can give other token ids than the run has read. The rows
therefore hold filled templates, and the token ids of each row are compared with the run's when the files are made.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpt.backbones.load import load_tokenizer
from rpt.backbones.texts import SourceText, text_tokenizer
from rpt.config.hardware import device_of, dtype_of
from rpt.config.protocol import format_of
from rpt.config.schema import TextFormat
from rpt.data.encode import Encoded, drop_from_end, render
from rpt.data.inputs import find_folder
from rpt.errors import ConfigError
from rpt.export.formats import Files, peft_files
from rpt.system.writing import as_json
from rpt.trained import TrainedRun

ROWS = "rows.jsonl"
"""Name of the file of the rows."""

DELIMITERS = {"causal": " ", "seq2seq": ""}
"""Text between a source and a choice, by the backbone's family: a decoder-only model reads both in one text."""

TASK = """\
# Validation rows of the run {run}, for the LM Evaluation Harness. README.md has the command.
# A choice ends in the tokenizer's end marker, because the run scores the end marker too.
task: {task}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}   # relative to the folder in which lm_eval is started
output_type: multiple_choice
test_split: test
doc_to_text: source
doc_to_choice: choices
doc_to_target: target
target_delimiter: "{delimiter}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: {version}}}
"""
"""Description of the task. `doc_to_text`, `doc_to_choice` and `doc_to_target` name fields of a row, not templates."""

LOADING = """\
```bash
cd DIR   # the path of the rows is relative
{command}
```

The command needs `pip install lm-eval peft`. Each row of `{rows}` holds the filled template (`source`), the choices
with the end marker, and the index of the right choice. In float32 each log-likelihood agrees with the run's
`predictions.jsonl` up to rounding. In bfloat16, rounding is large enough to change answers."""
"""Section of the model card on scoring the prompt with the harness."""


@dataclass(frozen=True)
class HarnessTask:
    """Files with which the harness scores a run's prompt.

    Attributes:
        files: Adapter, task description and rows, by file name.
        loading: Markdown for the model card, with the command.
    """

    files: Files
    loading: str


def harness_task(run: TrainedRun) -> HarnessTask:
    """Make the files with which the harness scores a run's prompt on the rows that the run has reported.

    Args:
        run: Finished run that ranks choices by their likelihood.

    Raises:
        ConfigError: The run does not rank choices by the sum of their log-likelihoods, a row has several right answers,
            PEFT cannot represent the prompt, or the harness would give a row other tokens than the run has read.
        DataError: The rows cannot be read.
        WeightsError: The tokenizer cannot be loaded.
    """
    _refuse_other_scores(run)
    adapter = peft_files(run.folder, run.record)
    family = run.config.backbone.family
    tokenizer = load_tokenizer(find_folder(run.config), family)
    run.data.tokenise(tokenizer)
    rows = _rows(run, tokenizer, run.data.reported)
    name = f"rpt_{run.config.task.name}"
    task = TASK.format(
        run=run.record.name, task=name, rows=ROWS, delimiter=DELIMITERS[family], version=run.config.task.version
    )
    files = {
        **adapter,
        f"{name}.yaml": task.encode(),
        ROWS: "".join(f"{as_json(row)}\n" for row in rows).encode(),
    }
    command = _command(run, name, Path(tokenizer.name_or_path))
    return HarnessTask(files, LOADING.format(command=command, rows=ROWS))


def _refuse_other_scores(run: TrainedRun) -> None:
    """Refuse runs whose scores the harness cannot compute (ConfigError)."""
    scorer = run.config.scorer
    if scorer.name != "rank":
        advice = f"compares choices, and {run.record.name} has scorer={scorer.name}. Use another format."
    elif scorer.length_normalised:
        advice = f"adds log-likelihoods, and {run.record.name} has scorer.length_normalised=true. Use another format."
    else:
        return
    raise ConfigError.of("format", "lm-eval", advice)


def _rows(run: TrainedRun, tokenizer: Any, split: Encoded) -> list[dict[str, Any]]:
    """Build the rows: idx, source, choices with the end marker, and the index of the right choice."""
    end = tokenizer.eos_token
    rows: list[dict[str, Any]] = []
    for example, source in zip(split.examples, _sources(run, tokenizer, split), strict=True):
        if example.answers or example.target is None:
            advice = (
                f"needs one right choice, and a row of {run.config.task.name} has several right texts or free text."
            )
            raise ConfigError.of("format", "lm-eval", f"{advice} Use another format.")
        choices = [f"{choice}{end}" for choice in example.choices]
        rows.append({"idx": example.idx, "source": source, "choices": choices, "target": example.target})
    differ = [number for number, row in enumerate(rows) if not _agrees(run, tokenizer, row, split, number)]
    if differ:
        idx = split.examples[differ[0]].idx
        advice = (
            f"would give {len(differ):,} of {len(rows):,} rows other tokens than the run has read, the first at idx "
            f"{idx}: a text was cut, or contains a special token. Train with a higher backbone.text_limit, or use "
            "another format."
        )
        raise ConfigError.of("format", "lm-eval", advice)
    return rows


def _sources(run: TrainedRun, tokenizer: Any, split: Encoded) -> list[str]:
    """Return the text of each source. The characters of tokens that the run has cut are left out."""
    form, limit = format_of(run.config), run.config.backbone.text_limit
    assert isinstance(form, TextFormat)
    template = (form.prefix if run.config.protocol.task_prefix else "") + form.source
    rendered = [render(template, example.fields, form.cut) for example in split.examples]
    sources = text_tokenizer(run.config.backbone.family, tokenizer).sources([text for text, _ in rendered])
    return [
        text if len(source.ids) <= limit else _without_cut(source, span, limit)
        for source, (text, span) in zip(sources, rendered, strict=True)
    ]


def _without_cut(source: SourceText, span: tuple[int, int] | None, limit: int) -> str:
    """Return the text of a source over the limit without the characters that belong to cut tokens."""
    kept = drop_from_end(source.offsets, span, len(source.ids) - limit) or []
    dropped = sorted(set(range(len(source.ids))) - set(kept))
    start, end = source.offsets[dropped[0]][0], source.offsets[dropped[-1]][1]
    return source.text[:start] + source.text[end:]


def _agrees(run: TrainedRun, tokenizer: Any, row: dict[str, Any], split: Encoded, number: int) -> bool:
    """Whether the harness computes the run's token ids of a row.

    Source: lm_eval 0.4.13, `lm_eval/api/model.py`, `TemplateLM._encode_pair`, and `HFLM.tok_encode`.
    """
    [source], choices = split.inputs[number], split.choices[number]
    if tokenizer(row["source"])["input_ids"] != list(source) or row["source"] != row["source"].rstrip():
        return False
    if run.config.backbone.family == "seq2seq":
        alone: Sequence[Any] = tokenizer(row["choices"], add_special_tokens=False)["input_ids"]
        return list(map(list, choices)) == list(alone)
    joint = tokenizer([f"{row['source']}{DELIMITERS['causal']}{choice}" for choice in row["choices"]])["input_ids"]
    return [[*source, *choice] for choice in choices] == list(joint)


def _command(run: TrainedRun, name: str, weights: Path) -> str:
    """Return the command that scores the rows. It is to be started in the folder of the export."""
    split, config = run.data.reported, run.config
    longest = max(len(text) for texts in split.inputs for text in texts) + split.longest_output
    dtype = str(dtype_of(config, device_of(config))).removeprefix("torch.")
    model = {"pretrained": str(weights), "peft": ".", "dtype": dtype, "max_length": str(longest)}
    arguments = ",".join(f"{key}={value}" for key, value in model.items())
    options = f"--tasks {name} --include_path . --batch_size 1 --output_path results --log_samples"
    return f"lm_eval --model hf --device cpu --model_args {shlex.quote(arguments)} {options}"
