"""Write the exported prompt of a finished run for other programs: `python -m rpt.export`."""
