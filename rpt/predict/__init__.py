"""Answer new rows with the prompts of finished runs: `python -m rpt.predict`, and `predict` of a loaded run."""
