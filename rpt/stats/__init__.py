"""Statistics: functions from arrays of scores to estimates with intervals, independent of runs and files."""
