"""Figures of the trained prompts: gate and drift over epochs, norms, and cosines between seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rpt.report.figures import legend
from rpt.report.figures.convergence import best_of_tasks, dress, has, mean_of, over_time
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import MOST_PANELS, not_shown
from rpt.report.figures.styles import heading, looks_of
from rpt.report.read.diagnostics import Diagnosis, Prompt
from rpt.report.read.study import Study
from rpt.report.say.words import listed

PANELS = {
    "gate": (
        r"gate $|\varphi(P)| / |P|$",
        "Gate: size of a residual encoder's update relative to the prompt, over epochs",
        "Mean over virtual tokens",
    ),
    "drift": (
        r"drift $|P' - P'_0| / |P'_0|$",
        "Drift: distance of the encoded prompt from its start, over epochs",
        "Norms of the whole matrices",
    ),
}
"""Label of the axis, title of the figure and what its numbers are, for each field of `History` drawn over epochs."""

VOCAB_COLOUR = "#999999"


def prompt_figures(study: Study, diagnoses: Sequence[Diagnosis]) -> list[Figure]:
    """Draw the figures of the prompts that the runs have diagnostics for."""
    figures = [_over_time(study, diagnoses, name) for name in PANELS]
    figures += [_norms(study, diagnoses), _cosines(study, diagnoses)]
    return [figure for figure in figures if figure is not None]


def _over_time(study: Study, diagnoses: Sequence[Diagnosis], name: str) -> Figure | None:
    every = _tasks(study, [diagnosis for diagnosis in diagnoses if has(diagnosis, name)])
    tasks = every[:MOST_PANELS]
    if not tasks:
        return None
    label, title, numbers = PANELS[name]
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.7)
    sentences, methods = [], {}
    for ax, task in zip(axes, tasks, strict=True):
        own = [diagnosis for diagnosis in best_of_tasks(diagnoses, task) if has(diagnosis, name)]
        over_time(ax, own, name, study)
        ax.set_ylim(bottom=0)
        dress(ax, heading(study, task, {}), label)
        for diagnosis in own:
            methods[diagnosis.point.method] = looks[diagnosis.point.method]
            _, mean = mean_of(diagnosis, name)
            if len(mean):
                sentences.append(f"{task}, {diagnosis.point.method}: from {mean[0]:.2f} to {mean[-1]:.2f}.")
    legend.put_below(drawing, [legend.of_method(method, look) for method, look in methods.items()])
    caption = f"{numbers}, each encoder at its tuned point. Thick lines: means over seeds. Thin lines: runs."
    return finish(drawing, f"prompt-{name}", title, caption + not_shown(every), f"{title}. {' '.join(sentences)}")


def _norms(study: Study, diagnoses: Sequence[Diagnosis]) -> Figure | None:
    """Draw the norm of every virtual token as a dot, and the norms of the backbone's vocabulary as a band."""
    known = [diagnosis for diagnosis in diagnoses if _prompts(diagnosis)]
    every = _tasks(study, known)
    tasks = every[:MOST_PANELS]
    if not tasks:
        return None
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.7)
    sentences = [
        _panel_of_norms(ax, study, task, best_of_tasks(known, task)) for ax, task in zip(axes, tasks, strict=True)
    ]
    legend.put_below(
        drawing,
        [
            legend.of_marker("one virtual token", ".", size=3.5),
            legend.of_marker("median", "_", size=9.0),
            Line2D([], [], color=VOCAB_COLOUR, linewidth=5, alpha=0.5, label="vocabulary, mean and sd"),
        ],
    )
    title = "Norms of the virtual tokens and of the vocabulary"
    caption = (
        "Dots are the virtual tokens of the exported prompts of all seeds, each encoder at its tuned point. The grey "
        "band is the mean norm of the input embeddings of the encoder's backbone, one standard deviation to each side."
    )
    return finish(drawing, "prompt-norms", title, caption + not_shown(every), f"{title}. {' '.join(sentences)}")


def _panel_of_norms(ax: Axes, study: Study, task: str, diagnoses: Sequence[Diagnosis]) -> str:
    looks, sentences = looks_of(study), []
    vocabularies = [_prompts(diagnosis)[0].vocab_norm for diagnosis in diagnoses]
    for position, vocabulary in enumerate(vocabularies):
        # Encoders may have different backbones, so each encoder has its own band.
        mean, std, ends = vocabulary["mean"], vocabulary["std"], (position - 0.5, position + 0.5)
        ax.fill_between(ends, mean - std, mean + std, color=VOCAB_COLOUR, alpha=0.3, linewidth=0)
        ax.hlines(mean, *ends, color=VOCAB_COLOUR, linewidth=1)
    for position, diagnosis in enumerate(diagnoses):
        look = looks[diagnosis.point.method]
        norms = np.concatenate([prompt.norms for prompt in _prompts(diagnosis)])
        positions = position + np.linspace(-0.3, 0.3, len(norms))
        ax.plot(positions, norms, color=look.colour, linestyle="none", marker=".", markersize=3.5, alpha=0.6,
                markeredgewidth=0)  # fmt: skip
        ax.hlines(np.median(norms), position - 0.35, position + 0.35, color=look.colour, linewidth=1.6)
        sentences.append(f"{diagnosis.point.method} {np.median(norms):.2f}")
    ax.set_xticks(range(len(diagnoses)), [diagnosis.point.method for diagnosis in diagnoses])
    ax.set_xlim(-0.5, len(diagnoses) - 0.5)
    means = [vocabulary["mean"] for vocabulary in vocabularies]
    ax.set_yscale("log" if ax.get_ylim()[1] > 20 * min(means) else "linear")
    ax.grid(visible=False, axis="x")
    ax.set_title(heading(study, task, {}), loc="left")
    ax.set_ylabel("norm")
    texts = [f"{mean:.2f}" for mean in means]
    if len({*texts}) > 1:
        texts = [f"{diagnosis.point.method} {text}" for diagnosis, text in zip(diagnoses, texts, strict=True)]
    return f"{task}: median {listed(sentences)}; vocabulary {listed([*dict.fromkeys(texts)])}."


def _cosines(study: Study, diagnoses: Sequence[Diagnosis]) -> Figure | None:
    """Draw a marker for each pair of seeds: the cosine between the two prompts."""
    known = [diagnosis for diagnosis in diagnoses if diagnosis.mean_cosine is not None]
    every = _tasks(study, known)
    tasks = every[:MOST_PANELS]
    if not tasks:
        return None
    looks, sentences = looks_of(study), []
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.5)
    for ax, task in zip(axes, tasks, strict=True):
        own = best_of_tasks(known, task)
        for position, diagnosis in enumerate(own):
            look = looks[diagnosis.point.method]
            pairs = diagnosis.cosines[np.triu_indices(len(diagnosis.cosines), 1)]
            positions = position + (np.linspace(-0.2, 0.2, len(pairs)) if len(pairs) > 1 else np.zeros(1))
            ax.plot(positions, pairs, color=look.colour, linestyle="none", marker=look.marker, alpha=0.8)
            sentences.append(f"{task}, {diagnosis.point.method}: mean {diagnosis.mean_cosine:.2f}.")
        ax.axhline(0, color="#444444", linewidth=0.8, zorder=1)
        ax.set_ylim(min(-0.1, ax.get_ylim()[0]), 1.05)
        ax.set_xticks(range(len(own)), [diagnosis.point.method for diagnosis in own])
        ax.set_xlim(-0.5, len(own) - 0.5)
        ax.grid(visible=False, axis="x")
        ax.set_title(heading(study, task, {}), loc="left")
        ax.set_ylabel("cosine")
    title = "Cosine between the prompts of two seeds"
    caption = (
        "Each marker is a pair of seeds of one encoder at its tuned point: the mean over virtual tokens of the cosine "
        "between tokens at the same position. 1 means equal directions, 0 orthogonal directions."
    )
    return finish(drawing, "prompt-cosines", title, caption + not_shown(every), f"{title}. {' '.join(sentences)}")


def _tasks(study: Study, diagnoses: Sequence[Diagnosis]) -> list[str]:
    return [task for task in study.tasks if any(diagnosis.point.task == task for diagnosis in diagnoses)]


def _prompts(diagnosis: Diagnosis) -> list[Prompt]:
    return [prompt for prompt in diagnosis.prompts if prompt is not None]
