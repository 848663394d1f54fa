"""Scorers: compute the loss of each row and the model's answer to the row."""
