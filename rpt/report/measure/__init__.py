"""Numbers of a study: scores of points, comparisons, and corrections for many comparisons."""
