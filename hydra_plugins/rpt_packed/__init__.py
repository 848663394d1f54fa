"""Hydra plugins of rpt: the packed launcher, Optuna's search, the checked sweeper and the search path."""
