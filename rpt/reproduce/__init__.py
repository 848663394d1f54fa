"""Compare scores of runs with the paper's numbers. A verdict needs runs with the setting of the number."""
