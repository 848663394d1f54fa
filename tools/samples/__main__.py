"""Write the sample rows: `python -m tools.samples [FOLDER]`, by default over the packaged ones.

Increase a task's number in `rpt/data/samples/versions.json` whenever one of its rows changes.
"""

import json
import sys
from pathlib import Path

from tools.samples import GENERATORS, SEED

PACKAGED = Path(__file__).parents[2] / "rpt" / "data" / "samples"


def write_rows(root: Path) -> None:
    """Write `root/FOLDER/{train,val}.jsonl` for every task."""
    for folder, make_rows in GENERATORS.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for split, rows in make_rows(SEED).items():
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (root / folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGED)
