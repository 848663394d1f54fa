"""A training step, the loop around it, and the state of each run in a pack."""
