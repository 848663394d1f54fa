"""Residual Prompt Tuning experiments whose numbers can be trusted."""
