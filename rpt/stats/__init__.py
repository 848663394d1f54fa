"""Statistics of studies: arrays in, estimates with intervals out. This package knows no runs, files or pages."""
