"""Import PyTorch, Lightning and transformers when they are needed, after a message.

The imports take several seconds. No other module imports the libraries before a configuration is accepted.
"""

from __future__ import annotations

import gc
import importlib
import sys

LOADING = "loading PyTorch, Lightning and transformers"


def load_libraries(*, announce: bool = True) -> None:
    """Import everything that a training needs, unless it is imported already.

    The garbage collector is off during the imports and ignores the imported objects afterwards. Modules live as long as
    the process, and each full collection would visit about a million of their objects, which takes a second.

    Args:
        announce: Whether to print a line to stderr that names the libraries.
    """
    if "rpt.runs" in sys.modules:
        return
    if announce:
        sys.stderr.write(f"{LOADING}\n")
        sys.stderr.flush()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("rpt.runs")
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
