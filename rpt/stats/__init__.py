"""Statistics of studies: arrays in, estimates with intervals out. Nothing here knows a run, a file or a page."""
