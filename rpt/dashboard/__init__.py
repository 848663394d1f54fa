"""The robustness dashboard in W&B: a workspace and a report over the runs that `logger=wandb` has sent there."""
