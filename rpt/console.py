"""What a person sees: what trains on what at the start, the number and its line at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def say(text: str = "") -> None:
    """Print a line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def opening(record: dict[str, Any], folder: Path) -> str:
    """The lines before training."""
    data, protocol, backbone = record["data"], record["protocol"], record["backbone"]
    rows, parameters = data["rows"], record["parameters"]
    if data["source"] == "sample":
        origin = "SAMPLE rows made by this project, not SuperGLUE (data=jsonl data.root=DIR for the real ones)"
    else:
        origin = f"the official release, sha256 {data['checksum'][:10]}"
    lines = {
        "task": f"{record['task']['name']} (version {record['task']['version']}), {origin}",
        "rows": f"{rows['train']:,} train, {rows['held_out']:,} held out of it, {rows['reported']:,} validation",
        "protocol": f"{protocol['name']}: the held-out rows choose the checkpoint, validation is scored once",
        "frozen": f"{backbone['name']}, {backbone['parameters']:,} weights, {backbone['dtype']}, "
        f"{record['environment']['bits']['device']}",
        "trains": _trains(parameters),
        "folder": str(folder),
    }
    if data["cut"]:
        lines["cut"] = ", ".join(f"{count} {split}" for split, count in data["cut"].items()) + " texts"
    return "\n".join(f"{name:9} {text}" for name, text in lines.items())


def _trains(parameters: dict[str, int]) -> str:
    if not parameters["kept"]:
        return f"{parameters['head']:,} numbers: the head alone, no prompt"
    held, paper, kept = parameters["held"], parameters["paper"], parameters["kept"]
    inside = f"prompt and encoder {held:,} ({paper:,} as the paper counts)"
    return f"{held + parameters['head']:,} numbers: {inside}, head {parameters['head']:,}; {kept:,} kept when folded"


def closing(record: dict[str, Any], folder: Path) -> str:
    """The small table after training."""
    names = list(record["scores"])
    name = record["chosen"].get("encoder", "run")
    lines = [f"{'':12}" + "".join(f"{metric:>12}" for metric in names)]
    for row, values in ((name, record["scores"]), ("majority", record["majority"])):
        lines.append(f"{row:12}" + "".join(f"{values[metric]:12.3f}" for metric in names))
    best = record["best"]
    lines.append("")
    lines.append(
        f"best step {best['step']} (epoch {best['epoch']}), {record['seconds']:.1f} s, "
        f"{record['tokens_per_second']:,.0f} tokens/s, peak {record['peak_memory_bytes'] / 2**30:.2f} GiB"
    )
    if record["data"]["source"] == "sample":
        lines.append("sample data: not a SuperGLUE score")
    lines += [f"warning: {warning}" for warning in record["warnings"]]
    lines.append(str(folder))
    return "\n".join(lines)
