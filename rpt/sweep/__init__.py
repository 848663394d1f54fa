"""Sweeps: check the points of a sweep, group them into packs (runs that are trained together), and train the packs."""
