"""Reading of run folders: the runs of a study, their axes, and whether they can be compared."""
