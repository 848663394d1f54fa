"""Measurements of trained prompts, read from run folders. Neither a backbone nor a data set is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rpt.errors import ConfigError
from rpt.export.formats import prompt_of
from rpt.replay import recorded, refuse_without_matrix
from rpt.report.read.diagnostics import Prompt, prompt_diagnostics
from rpt.tracking.folder import RunFolder


@dataclass(frozen=True)
class VirtualToken:
    """A vector of a trained prompt.

    Attributes:
        norm: Length of the vector.
        norm_ratio: Length of the vector, divided by the mean length of the backbone's input embeddings.
        drift: Distance from the vector before training, divided by the length of that vector.
        gate: Length of the encoder's update, divided by the length of the table's row. None for an encoder without a
            skip connection.
        nearest: Nearest tokens of the vocabulary and their cosines, nearest first.
    """

    norm: float
    norm_ratio: float
    drift: float
    gate: float | None
    nearest: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class PromptFacts:
    """A trained prompt.

    Attributes:
        run: Name of the run.
        backbone: Name of the backbone.
        encoder: Name of the encoder.
        prompt: Exported prompt, float32 [length, hidden].
        tokens: Measurements of each virtual token.
    """

    run: str
    backbone: str
    encoder: str
    prompt: Float[np.ndarray, "length hidden"]
    tokens: Sequence[VirtualToken]

    def values(self) -> dict[str, Any]:
        """Return the facts without the matrix, as plain values for JSON."""
        values = {name: getattr(self, name) for name in ("run", "backbone", "encoder")}
        return {**values, "tokens": [asdict(token) for token in self.tokens]}


@dataclass(frozen=True)
class Similarity:
    """Similarity of the prompts of two runs.

    Attributes:
        runs: Names of the runs.
        cosine: Mean cosine of the vectors at equal positions; None for prompts of different shapes.
        best_cosine: Mean over the first prompt's vectors of the highest cosine with any vector of the second prompt. It
            does not depend on the order of the vectors. None for prompts of different widths.
    """

    runs: tuple[str, str]
    cosine: float | None
    best_cosine: float | None


def read_facts(path: Path) -> PromptFacts:
    """Read the facts of a run's prompt.

    Raises:
        ConfigError: The folder holds no finished run with an exported prompt, or a file is missing or damaged.
        StudyError: `diagnostics.json` is damaged.
    """
    record, folder = recorded(path), RunFolder(path)
    if not record.parameters.held:
        raise ConfigError.of("RUN", record.name, "has no prompt. Name a run with a prompt.")
    refuse_without_matrix(record)
    prompt, found = prompt_of(folder), prompt_diagnostics(path)
    if found is None or len(found.norms) != len(prompt):
        advice = "is missing or belongs to another prompt. Train the run again with rerun=true."
        raise ConfigError.of("RUN", str(folder.diagnostics), advice)
    encoder = record.chosen.get("encoder", "own")
    return PromptFacts(record.name, record.backbone.name, encoder, prompt, _tokens(found))


def _tokens(found: Prompt) -> list[VirtualToken]:
    gates = [None] * len(found.norms) if found.gate is None else found.gate.tolist()
    columns = zip(found.norms.tolist(), found.drift.tolist(), gates, found.nearest, strict=True)
    mean = found.vocab_norm["mean"]
    return [VirtualToken(norm, norm / mean, drift, gate, nearest) for norm, drift, gate, nearest in columns]


def similarities(facts: Sequence[PromptFacts]) -> list[Similarity]:
    """Compare the prompts of each pair of runs, in the order of the runs."""
    found = []
    for first, second in combinations(facts, 2):
        ours, others = _directions(first.prompt), _directions(second.prompt)
        has_width = ours.shape[1] == others.shape[1]
        cosine = float((ours * others).sum(axis=1).mean()) if ours.shape == others.shape else None
        best = float((ours @ others.T).max(axis=1).mean()) if has_width else None
        found.append(Similarity((first.run, second.run), cosine, best))
    return found


def _directions(prompt: Float[np.ndarray, "length hidden"]) -> Float[np.ndarray, "length hidden"]:
    exact = prompt.astype(np.float64)
    directions: Float[np.ndarray, "length hidden"] = exact / np.linalg.norm(exact, axis=1, keepdims=True).clip(1e-12)
    return directions
