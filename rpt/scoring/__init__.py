"""Scorers: compute the loss of each row, and the answer of the model to it."""
