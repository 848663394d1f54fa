"""Tasks: turn rows into examples and generated texts into answers, and compute the metrics."""
