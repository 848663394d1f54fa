"""Print and format the text of a training: a description of the run at the start, a table of scores at the end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rpt.data.release import origin
from rpt.tracking.record import Record
from rpt.tracking.record_sections import PromptFacts, is_folded

SELECTION = {
    "held_out": "the checkpoint is selected on the held-out rows, the validation rows are scored once",
    "validation": "the checkpoint is selected on the validation rows, so their score is a maximum over epochs",
}
"""Description of how a protocol selects the checkpoint, by its `select_on`."""


def say(text: str = "") -> None:
    """Print a line to stdout and flush it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def several(count: int, word: str, words: str = "") -> str:
    """Format a count with a noun: `1 seed`, `3 seeds`.

    Args:
        count: Number to print.
        word: Noun in the singular.
        words: Noun in the plural; empty appends an s to `word`.
    """
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def opening(record: Record, folder: Path) -> str:
    """Format the lines that are printed before training: task, rows, protocol, backbone, trained numbers, folder.

    Args:
        record: Record of the run.
        folder: Folder of the run.
    """
    task, data, protocol, backbone = record.task, record.data, record.protocol, record.backbone
    rows, parameters = data.rows, record.parameters
    rows_from = origin(task.name, data.source, data.release, data.folder)
    if data.source == "sample":
        rows_from += " (data=jsonl data.root=DIR for the real ones)"
    else:
        rows_from += f", sha256 {data.checksum[:10]}"
    held = f"{rows.held_out:,} held out, " if protocol.select_on == "held_out" else ""
    lines = {
        "task": f"{task.name} (version {task.version}), {rows_from}",
        "rows": f"{rows.train:,} for training, {held}{rows.reported:,}{_of(rows.validation)} for validation",
        "protocol": f"{protocol.name}: {SELECTION[protocol.select_on]}",
        (
            "tunes" if parameters.body else "frozen"
        ): f"{backbone.name}, {backbone.parameters:,} weights, {backbone.dtype}, {_devices(record.environment.bits)}",
        "trains": _trains(record),
    }
    if record.prompt is not None:
        lines["prompt"] = _prompt(record.prompt)
    lines["folder"] = str(folder)
    if data.cut:
        counts = {**rows.model_dump(), "reported": rows.validation or rows.reported}
        lines["cut"] = ", ".join(f"{count} of {counts[split]} {split}" for split, count in data.cut.items())
        lines["cut"] += " rows are longer than backbone.text_limit"
    return "\n".join(f"{name:9} {text}" for name, text in lines.items())


def _of(whole: int | None) -> str:
    """Format the number of all rows as ` of 1,234`; empty if all rows are scored."""
    return "" if whole is None else f" of {whole:,}"


def _devices(bits: Mapping[str, Any]) -> str:
    count = bits.get("devices", 1)
    return f"{bits['device']}, {count} processes" if count > 1 else str(bits["device"])


def _trains(record: Record) -> str:
    parameters = record.parameters
    held, head, body = parameters.held, parameters.head, parameters.body
    if not held + head + body:
        return "nothing: zero-shot, no prompt"
    parts = []
    if held:
        parts.append(f"prompt and encoder {held:,} ({parameters.paper:,} without biases, as in the paper)")
    parts += [f"{name} {count:,}" for name, count in (("head", head), ("the whole backbone", body)) if count]
    form = "exported prompt" if is_folded(record.prompt) else "saved prompt and encoder"
    kept = f"; {form} {parameters.kept:,}" if held else "; no prompt"
    return f"{held + head + body:,} parameters: {', '.join(parts)}{kept}"


def _prompt(facts: PromptFacts) -> str:
    """Describe the unit of a prompt, and its norm before the first step."""
    parts = [f"unit {facts.unit}"]
    if facts.start_norm_ratio is not None:
        parts.append(f"initial root mean square {facts.start_norm_ratio:.2g} times the vocabulary's")
    if facts.start_update_ratio is not None:
        parts.append(f"initial update of the encoder {facts.start_update_ratio:.2g} times the table's norm")
    return ", ".join(parts)


def closing(record: Record, folder: Path) -> str:
    """Format the text that is printed after training: a table of scores, costs, warnings and the folder.

    Args:
        record: Record of the run.
        folder: Folder of the run.
    """
    names = list(record.scores)
    name = record.chosen.get("encoder", "run")
    lines = [f"{'':12}" + "".join(f"{metric:>12}" for metric in names)]
    for row, values in ((name, record.scores), ("majority", record.majority)):
        lines.append(f"{row:12}" + "".join(f"{values[metric]:12.3f}" for metric in names))
    best = record.best
    chosen = f"best step {best.step} (epoch {best.epoch})" if best else "nothing trained"
    lines.append("")
    lines.append(
        f"{chosen}, {record.seconds or 0:.1f} s, "
        f"{record.tokens_per_second or 0:,.0f} tokens/s, peak {(record.peak_memory_bytes or 0) / 2**30:.2f} GiB"
    )
    if record.data.source == "sample":
        lines.append("sample data: not a SuperGLUE score")
    lines += [f"warning: {warning}" for warning in record.warnings]
    if note := wandb_note([folder], folder):
        lines.append(note)
    lines.append(str(folder))
    return "\n".join(lines)


def wandb_note(folders: Iterable[Path], pattern: Path) -> str | None:
    """Format a note on where W&B keeps offline runs and how to upload them; None if no run was logged offline.

    Args:
        folders: Run folders.
        pattern: Shell pattern of all run folders, such as `runs/*`.
    """
    count = sum(any(folder.glob("wandb/offline-*")) for folder in folders)
    if not count:
        return None
    quoted = f"{shlex.quote(str(pattern.parent))}/*" if pattern.name == "*" else shlex.quote(str(pattern))
    return f"W&B: {several(count, 'run')} offline in {pattern}/wandb; to upload: wandb sync {quoted}/wandb/offline-*"
