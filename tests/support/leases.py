"""Leases in run folders, as processes of other machines leave them."""

import json
import time

from rpt.tracking import lease


def of_another_machine(place, *, age):
    """Put a lease into a run's folder as another machine would have, so many seconds ago."""
    place.mkdir(parents=True, exist_ok=True)
    beat = time.time() - age
    held = {"host": "node7", "machine": "node7/x", "pid": 12, "started": "2026-01-01", "beat": beat, "token": "t"}
    (place / lease.NAME).write_text(json.dumps(held))
