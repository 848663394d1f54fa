"""Figures of the trained prompts: gate and drift over epochs, norms, and cosines between seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rpt.report.figures import legend
from rpt.report.figures.convergence import best_of_tasks, dress, has, mean_of, over_time
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import MOST_PANELS
from rpt.report.figures.styles import heading, looks_of
from rpt.report.read.diagnostics import Diagnosis, Prompt
from rpt.report.read.study import Study
from rpt.report.say.words import listed

PANELS = {
    "gate": (
        r"gate $|\varphi(P)| / |P|$",
        "Gate: size of a residual encoder's update against the prompt's, over epochs",
    ),
    "drift": (r"drift $|P' - P'_0| / |P'_0|$", "Drift: distance of the encoded prompt from its start, over epochs"),
}
"""Numbers that are drawn over epochs: field of `History`, label of the axis and title of the figure."""

VOCAB_COLOUR = "#999999"


def prompt_figures(study: Study, diagnoses: Sequence[Diagnosis]) -> list[Figure]:
    """Draw the figures of the prompts that the runs have diagnostics for."""
    found = [_over_time(study, diagnoses, name) for name in PANELS]
    found += [_norms(study, diagnoses), _cosines(study, diagnoses)]
    return [figure for figure in found if figure is not None]


def _over_time(study: Study, diagnoses: Sequence[Diagnosis], name: str) -> Figure | None:
    tasks = _tasks(study, [one for one in diagnoses if has(one, name)])
    if not tasks:
        return None
    label, title = PANELS[name]
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.7)
    said, methods = [], {}
    for ax, task in zip(axes, tasks, strict=True):
        own = [one for one in best_of_tasks(diagnoses, task) if has(one, name)]
        over_time(ax, own, name, study)
        ax.set_ylim(bottom=0)
        dress(ax, heading(study, task, {}), label)
        for one in own:
            methods[one.point.method] = looks[one.point.method]
            _, mean = mean_of(one, name)
            if len(mean):
                said.append(f"{task}, {one.point.method}: from {mean[0]:.2f} to {mean[-1]:.2f}.")
    legend.put_below(drawing, [legend.of_method(method, look) for method, look in methods.items()])
    caption = "Mean over virtual tokens, each encoder at its tuned point. Thick lines: means over seeds; thin: runs."
    return finish(drawing, f"prompt-{name}", title, caption, f"{title}. {' '.join(said)}")


def _norms(study: Study, diagnoses: Sequence[Diagnosis]) -> Figure | None:
    """Draw the norm of every virtual token as a dot, over the range of its backbone's vocabulary."""
    known = [one for one in diagnoses if _prompts(one)]
    tasks = _tasks(study, known)
    if not tasks:
        return None
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.7)
    said = [_panel_of_norms(ax, study, task, best_of_tasks(known, task)) for ax, task in zip(axes, tasks, strict=True)]
    legend.put_below(
        drawing,
        [
            legend.of_marker("one virtual token", ".", size=3.5),
            legend.of_marker("median", "_", size=9.0),
            Line2D([], [], color=VOCAB_COLOUR, linewidth=5, alpha=0.5, label="vocabulary, mean and sd"),
        ],
    )
    title = "Norms of the virtual tokens against the vocabulary's"
    caption = (
        "Dots are the virtual tokens of the folded prompts of all seeds, each encoder at its tuned point. The grey "
        "band is the mean norm of the input embeddings of the encoder's backbone, one standard deviation to each side."
    )
    return finish(drawing, "prompt-norms", title, caption, f"{title}. {' '.join(said)}")


def _panel_of_norms(ax: Axes, study: Study, task: str, diagnoses: Sequence[Diagnosis]) -> str:
    looks, said = looks_of(study), []
    vocabularies = [_prompts(one)[0].vocab_norm for one in diagnoses]
    for place, vocabulary in enumerate(vocabularies):
        # Encoders may have different backbones, so that each has a band of its own.
        mean, std, ends = vocabulary["mean"], vocabulary["std"], (place - 0.5, place + 0.5)
        ax.fill_between(ends, mean - std, mean + std, color=VOCAB_COLOUR, alpha=0.3, linewidth=0)
        ax.hlines(mean, *ends, color=VOCAB_COLOUR, linewidth=1)
    for place, one in enumerate(diagnoses):
        look = looks[one.point.method]
        norms = np.concatenate([prompt.norms for prompt in _prompts(one)])
        places = place + np.linspace(-0.3, 0.3, len(norms))
        ax.plot(places, norms, color=look.colour, linestyle="none", marker=".", markersize=3.5, alpha=0.6,
                markeredgewidth=0)  # fmt: skip
        ax.hlines(np.median(norms), place - 0.35, place + 0.35, color=look.colour, linewidth=1.6)
        said.append(f"{one.point.method} {np.median(norms):.2f}")
    ax.set_xticks(range(len(diagnoses)), [one.point.method for one in diagnoses])
    ax.set_xlim(-0.5, len(diagnoses) - 0.5)
    means = [vocabulary["mean"] for vocabulary in vocabularies]
    ax.set_yscale("log" if ax.get_ylim()[1] > 20 * min(means) else "linear")
    ax.grid(visible=False, axis="x")
    ax.set_title(heading(study, task, {}), loc="left")
    ax.set_ylabel("norm")
    texts = [f"{mean:.2f}" for mean in means]
    if len({*texts}) > 1:
        texts = [f"{one.point.method} {text}" for one, text in zip(diagnoses, texts, strict=True)]
    return f"{task}: median {listed(said)}; vocabulary {listed([*dict.fromkeys(texts)])}."


def _cosines(study: Study, diagnoses: Sequence[Diagnosis]) -> Figure | None:
    """Draw the cosine between the prompts of every two seeds as a marker."""
    known = [one for one in diagnoses if one.mean_cosine is not None]
    tasks = _tasks(study, known)
    if not tasks:
        return None
    looks, said = looks_of(study), []
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample, height=1.5)
    for ax, task in zip(axes, tasks, strict=True):
        own = best_of_tasks(known, task)
        for place, one in enumerate(own):
            look = looks[one.point.method]
            pairs = one.cosines[np.triu_indices(len(one.cosines), 1)]
            places = place + (np.linspace(-0.2, 0.2, len(pairs)) if len(pairs) > 1 else np.zeros(1))
            ax.plot(places, pairs, color=look.colour, linestyle="none", marker=look.marker, alpha=0.8)
            said.append(f"{task}, {one.point.method}: mean {one.mean_cosine:.2f}.")
        ax.axhline(0, color="#444444", linewidth=0.8, zorder=1)
        ax.set_ylim(min(-0.1, ax.get_ylim()[0]), 1.05)
        ax.set_xticks(range(len(own)), [one.point.method for one in own])
        ax.set_xlim(-0.5, len(own) - 0.5)
        ax.grid(visible=False, axis="x")
        ax.set_title(heading(study, task, {}), loc="left")
        ax.set_ylabel("cosine")
    title = "Cosine between the prompts of two seeds"
    caption = (
        "Each marker is a pair of seeds of one encoder at its tuned point: the mean over virtual tokens of the cosine "
        "between tokens at equal places. 1: the same directions; 0: nothing in common."
    )
    return finish(drawing, "prompt-cosines", title, caption, f"{title}. {' '.join(said)}")


def _tasks(study: Study, diagnoses: Sequence[Diagnosis]) -> list[str]:
    return [task for task in study.tasks if any(one.point.task == task for one in diagnoses)][:MOST_PANELS]


def _prompts(one: Diagnosis) -> list[Prompt]:
    return [prompt for prompt in one.prompts if prompt is not None]
