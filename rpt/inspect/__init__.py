"""Look into trained prompts: `python -m rpt.inspect`."""
