"""Scorers, which turn rows into losses and answers."""
