"""Helpers for tests of resuming: a training with everything that has a state, and ways to look at its files."""

BYTES = ("prompt.safetensors", "head.safetensors", "predictions.jsonl", "metrics.csv")

# Four steps an epoch, so that checkpoints fall on 4, 7, 8, 12, 14, 16 and 20; all that has a state is switched on.
STATEFUL = [
    *("encoder.dropout=0.3", "backbone.dropout=true", "schedule=linear", "clip_norm=1.0"),
    *("trainer.patience=4", "trainer.epochs=5", "trainer.checkpoint_steps=7"),
]


def contents(folder):
    """The bytes of what a run left."""
    return {name: (folder / name).read_bytes() for name in BYTES}


def only(tmp_path, folder):
    """The only run folder in a folder."""
    [path] = (tmp_path / folder).iterdir()
    return path
