"""Files of a run: its folder, record, checkpoints, curve and loggers."""
