"""Hold rows out of train: the rows that choose the checkpoint, so that the validation set is looked at once."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from rpt.errors import DataError
from rpt.tasks.example import Example


def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split train rows into those that train and those that choose the checkpoint, stratified by label.

    Args:
        examples: The train split.
        share: Of each label's rows, held out; at least one row of every label on either side.
        seed: Draws the rows. Order within both parts stays the files'.

    Returns:
        `(train, held_out)`.

    Raises:
        DataError: A label has a single row, so that it cannot be on both sides.
    """
    by_label: dict[int | None, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_label[example.target].append(index)
    rng = random.Random(seed)
    held: set[int] = set()
    for label, indices in sorted(by_label.items(), key=lambda item: str(item[0])):
        if len(indices) < 2:
            text = examples[indices[0]].choices[label or 0]
            raise DataError(f"train has one row of label {text!r}: none can be held out. Two are needed.")
        count = min(max(round(share * len(indices)), 1), len(indices) - 1)
        held.update(rng.sample(indices, count))
    train = [example for index, example in enumerate(examples) if index not in held]
    return train, [examples[index] for index in sorted(held)]
