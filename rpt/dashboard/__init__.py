"""The robustness dashboard in W&B: a workspace and a report about the runs that `logger=wandb` has logged."""
