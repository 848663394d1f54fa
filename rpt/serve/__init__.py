"""Answer rows over HTTP with the prompts of finished runs: `python -m rpt.serve`."""
