"""Training of packs: the training step, the loop over steps and evaluations, and the state of each run."""
