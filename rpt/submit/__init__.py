"""Files for the leaderboard of SuperGLUE: `python -m rpt.submit`."""
