"""Compute the numbers of a study: scores, comparisons, and corrections for many comparisons."""
