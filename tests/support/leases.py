"""Leases in run folders, as processes on other machines write them."""

import json
import time

from rpt.tracking import lease


def write_lease_of_another_machine(folder, *, age):
    """Write into a run folder the lease of another machine that renewed it `age` seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    beat = time.time() - age
    content = {"host": "node7", "machine": "node7/x", "pid": 12, "started": "2026-01-01", "beat": beat, "token": "t"}
    (folder / lease.NAME).write_text(json.dumps(content))
