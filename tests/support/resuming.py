"""Helpers for tests of resuming: overrides that switch on every part with a state, and functions that read files."""

RESULT_FILES = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")
"""Files of a run that must be equal byte for byte after a resume."""

STATEFUL = [
    *("encoder.dropout=0.3", "backbone.dropout=true", "schedule=linear", "clip_norm=1.0"),
    *("trainer.patience=4", "trainer.epochs=5", "trainer.checkpoint_steps=7"),
]
"""Overrides that switch on every part with a state. Over `tiny_cb`, an epoch has four steps, so that checkpoints are
written after steps 4, 7, 8, 12, 14, 16 and 20."""


def contents(folder):
    """Return the bytes of a run's result files by name."""
    return {name: (folder / name).read_bytes() for name in RESULT_FILES}


def only_run(tmp_path, folder):
    """Return the only run folder in an output folder."""
    [path] = (tmp_path / folder).iterdir()
    return path
