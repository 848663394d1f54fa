"""Finished runs over one tiny backbone, for tests of the server."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.support.trained_runs import trained_folder

SMALL = ["data.max_rows=24", "trainer.epochs=1", "encoder=plain", "trainer.progress=false", "head_lr=1.0", "lr=0.3"]
"""Overrides of a short training whose prompts answer differently.

In bfloat16, a forward pass of an evaluation has a fixed shape.
"""


def train_runs(folder: Path, backbone: Sequence[str], changes: Iterable[Sequence[str]]) -> Path:
    """Train a run of CB for each list of further overrides, and return the folder of the runs."""
    for more in changes:
        trained_folder(folder, "task=cb", *backbone, *SMALL, "backbone.dtype=bfloat16", *more)
    return folder
