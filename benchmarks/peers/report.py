"""Table, targets and figure of the measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.names import BARE, CACHED, PEFT, PUBLISHED, RPT, TUNED

MIB = 2**20
LABELS = {
    RPT: "rpt",
    BARE: "plain PyTorch loop with rpt's parts",
    CACHED: "rpt, prompt behind cached texts",
    TUNED: "PEFT + Trainer, tuned",
    PEFT: "PEFT + Trainer, as documented",
    PUBLISHED: "habits of the published code",
}
"""Name of each implementation in the table and the figure; packs are named by their size."""

AT_LEAST = {
    ("t5-base", "cb"): {PEFT: 5.0, TUNED: 3.0, PUBLISHED: 30.0},
    ("smollm2", "cb"): {TUNED: 3.0},
}
"""Smallest wanted ratio of the time per example to the time of rpt, by shape, task and implementation."""

PRODUCTS = {"t5-base": 0.5, "smollm2": 0.5, "minilm": 0.4}
"""Smallest wanted share of a step that its matrix products take alone."""

CACHED_RATIO, OVERHEAD, MEMORY, EVALUATION = 10.0, 1.1, 0.5, 3.0
"""Wanted ratios: tuned PEFT to cached texts, rpt to the plain loop, peak memory of rpt to PEFT as documented, and
generation to rank classification."""


def label(way: str) -> str:
    """Return the name of an implementation for readers."""
    return LABELS.get(way) or f"rpt, pack of {way.rpartition('_')[2]} runs"


def table(measurement: dict[str, Any], clock: str) -> str:
    """Return the table of a measurement in Markdown."""
    lines = [
        "| way | ms per example | tokens per second | ratio to rpt | share of the ceiling | peak MiB | first step |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, way in measurement["ways"].items():
        ceiling = way["share_of_ceiling"]
        cells = [
            label(name),
            f"{way['seconds_per_example'] * 1000:.1f}",
            f"{way['tokens_per_second']:,.0f}",
            f"{way['ratio_to_rpt']:.2f}",
            "" if ceiling is None else f"{ceiling:.1%}",
            f"{way['peak_bytes'] / MIB:,.0f}" if "peak_bytes" in way else "",
            f"{way['first_step_seconds'][clock]:.1f} s" if "first_step_seconds" in way else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def targets(measurements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare the measurements with the wanted ratios. A target of a shape that was not measured is left out."""
    return [target for measurement in measurements for target in _targets(measurement)]


def _targets(measurement: dict[str, Any]) -> list[dict[str, Any]]:
    shape, task, ways = measurement["shape"], measurement["task"], measurement["ways"]
    place = f"{shape}, {task}"
    found = [
        _target(f"{place}: time of {label(way)} / rpt", ways[way]["ratio_to_rpt"], at_least=ratio)
        for way, ratio in AT_LEAST.get((shape, task), {}).items()
        if way in ways
    ]
    if shape in PRODUCTS:
        share = measurement["floor"]["share_of_products"]
        found.append(_target(f"{place}: time of the products / step", share, at_least=PRODUCTS[shape]))
    if shape == "smollm2" and task == "cb":
        ratio = ways[TUNED]["ratio_to_rpt"] / ways[CACHED]["ratio_to_rpt"]
        found.append(_target(f"{place}: time of {label(TUNED)} / cached texts", ratio, at_least=CACHED_RATIO))
    if shape == "minilm":
        overhead = 1 / ways[BARE]["ratio_to_rpt"]
        found.append(_target(f"{place}: time of rpt / plain PyTorch loop", overhead, at_most=OVERHEAD))
    if shape == "t5-base":
        if "peak_bytes" in ways[RPT]:
            memory = ways[RPT]["peak_bytes"] / ways[PEFT]["peak_bytes"]
            found.append(_target(f"{place}: peak memory of rpt / {label(PEFT)}", memory, at_most=MEMORY))
        seconds = measurement["evaluation"]["seconds_per_example"]
        ratio = seconds["generation"] / seconds["rank"]
        found.append(_target(f"{place}: time of generation / rank classification", ratio, at_least=EVALUATION))
    return found


def _target(name: str, measured: float, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    is_met = measured >= at_least if at_least is not None else at_most is not None and measured <= at_most
    bound = {"at_least": at_least} if at_least is not None else {"at_most": at_most}
    return {"target": name, **bound, "measured": measured, "met": is_met}


def target_line(target: dict[str, Any]) -> str:
    """Return a line that says whether a target is met."""
    bound = f"at least {target['at_least']:g}" if "at_least" in target else f"at most {target['at_most']:g}"
    return f"{'met    ' if target['met'] else 'not met'}  {target['target']}: {target['measured']:.2f}, wanted {bound}"


def draw(measurements: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the time per example of each implementation as a dot on a logarithmic axis, in a panel a measurement."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FormatStrFormatter, NullFormatter

    figure = Figure(figsize=(9, 2.6 * len(measurements)), layout="constrained")
    panels = figure.subplots(len(measurements), 1, squeeze=False)[:, 0]
    for panel, measurement in zip(panels, measurements, strict=True):
        ways = list(measurement["ways"])
        milliseconds = [measurement["ways"][way]["seconds_per_example"] * 1000 for way in ways]
        colors = ["#1f77b4" if way.startswith("rpt") else "#7f7f7f" for way in ways]
        panel.scatter(milliseconds, [label(way) for way in ways], c=colors)
        for row, value in enumerate(milliseconds):
            panel.annotate(f"{value:.1f}", (value, row), (7, 0), textcoords="offset points", va="center")
        panel.margins(y=0.15)
        panel.invert_yaxis()
        panel.set_xscale("log")
        panel.set_xlim(min(milliseconds) / 2, max(milliseconds) * 2)
        panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(axis="x", color="#dddddd")
        panel.set_title(f"{measurement['shape']}, rows of {measurement['task']}")
        panel.set_xlabel("milliseconds per example")
    figure.savefig(path, metadata={"Date": None})
