"""Read run folders: find the runs of a study and its axes, and check that the runs can be compared."""
