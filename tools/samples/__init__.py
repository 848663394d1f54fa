"""The generators of the packaged sample rows, one module for each task.

`python -m tools.samples` writes the rows again to `rpt/data/samples/`, in the layout of the official release.
"""

from collections.abc import Callable

from tools.samples import boolq, cb, copa, multirc, record, rte, wic, wsc

__all__ = ["GENERATORS", "SEED"]

SEED = 0
"""The seed of the packaged rows."""

GENERATORS: dict[str, Callable[[int], dict[str, list[dict[str, object]]]]] = {
    "BoolQ": boolq.rows,
    "CB": cb.rows,
    "COPA": copa.rows,
    "MultiRC": multirc.rows,
    "ReCoRD": record.rows,
    "RTE": rte.rows,
    "WiC": wic.rows,
    "WSC": wsc.rows,
}
"""For each folder of the release, the function that makes the rows of `train` and `val` from a seed."""
