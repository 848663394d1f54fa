"""Do scores of runs trained packed differ from those of the same runs trained alone? Twenty seeds, two precisions.

    python -m benchmarks.packed_scores                  # CB sample, MiniLM, residual; half an hour on two cores
    python -m benchmarks.packed_scores --first 20       # twenty other seeds, added to the table

Fused forwards round otherwise than a run's own, and training amplifies that as it amplifies any rounding; so a packed
run's score is not that of the run alone to the last digit. What must not differ is the distribution: the mean of the
paired differences (t test, Wilcoxon) and the two samples (Kolmogorov-Smirnov).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.command import keep, kept, records, run
from rpt.console import say

DTYPES = ("bfloat16", "float32")


def main() -> None:
    """Train, test, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    table = {
        f"{dtype}, {given.epochs} epochs, seeds {seeds[0]} to {seeds[-1]}": compare(dtype, seeds, given.epochs)
        for dtype in given.dtypes
    }
    keep("packed_scores", {"table": {**kept("packed_scores").get("table", {}), **table}})


def compare(dtype: str, seeds: range, epochs: int) -> dict[str, object]:
    """Train the same runs both ways and hold their scores against each other."""
    shared = (f"backbone.dtype={dtype}", f"trainer.epochs={epochs}", f"seed=range({seeds.start},{seeds.stop})")
    packed = scores(len(seeds), "hydra/launcher=packed", *shared)
    alone = scores(len(seeds), *shared)
    apart = packed - alone
    t, wilcoxon, ks = stats.ttest_1samp(apart, 0), stats.wilcoxon(apart), stats.ks_2samp(packed, alone)
    interval = t.confidence_interval(0.95)
    say(
        f"{dtype:9} packed {packed.mean():.4f} (sd {packed.std(ddof=1):.4f}), alone {alone.mean():.4f} "
        f"(sd {alone.std(ddof=1):.4f}); difference {apart.mean():+.4f} [{interval.low:+.4f}, {interval.high:+.4f}], "
        f"t p={t.pvalue:.3f}, Wilcoxon p={wilcoxon.pvalue:.3f}, KS p={ks.pvalue:.3f}"
    )
    return {
        "packed": packed.tolist(),
        "alone": alone.tolist(),
        "difference": [apart.mean(), interval.low, interval.high],
        "p": {"t": t.pvalue, "wilcoxon": wilcoxon.pvalue, "ks": ks.pvalue},
    }


def scores(count: int, *overrides: str) -> np.ndarray:
    """Task scores by seed, of one sweep in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run("-m", *overrides, f"output_dir={folder}")
        return np.array([record["scores"]["score"] for record in records(Path(folder), count)])


if __name__ == "__main__":
    main()
