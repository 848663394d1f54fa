"""Compare scores of runs with numbers of the paper, for runs that have the setting of a published number."""
