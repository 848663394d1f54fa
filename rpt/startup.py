"""Import PyTorch, Lightning and transformers when they are needed, and say so first.

The three libraries and what they import take several seconds. Nothing else in the package imports them before a
configuration is accepted.
"""

from __future__ import annotations

import gc
import importlib
import sys

LOADING = "loading PyTorch, Lightning and transformers"


def load_libraries(*, announce: bool = True) -> None:
    """Import everything that a training needs, unless it is imported already.

    The garbage collector stays off during the imports and never looks at the imported objects afterwards. Modules live
    as long as the process, and each full collection would visit about a million objects of theirs: one second.

    Args:
        announce: Whether a line on stderr says what is loaded.
    """
    if "rpt.train" in sys.modules:
        return
    if announce:
        sys.stderr.write(f"{LOADING}\n")
        sys.stderr.flush()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("rpt.train")
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
