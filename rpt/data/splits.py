"""Hold rows out of train, and draw a few per class: which rows train, and which choose the checkpoint."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rpt.errors import DataError
from rpt.tasks.example import Example, Idx

Units = list[list[int]]
"""Positions of examples, those that must stay on one side together."""


def hold_out(
    examples: Sequence[Example], share: float, seed: int, *, stratified: bool
) -> tuple[list[Example], list[Example]]:
    """Split train rows into those that train and those that choose the checkpoint.

    All that came from one line of the release (a passage of MultiRC or ReCoRD) stays on one side. Where each line is
    one example and its target is a class, the draw is stratified by class; elsewhere whole lines are drawn.

    Args:
        examples: The train split.
        share: Of each class's rows, or of the lines, held out; at least one on either side.
        seed: Draws the rows.
        stratified: Whether targets are classes.

    Returns:
        `(train, held_out)`, both in the file's order.

    Raises:
        DataError: A class has a single row, or the split a single line, so that it cannot be on both sides.
    """
    pools: dict[int | None, Units] = {None: _units(examples, _line)}
    if stratified and len(pools[None]) == len(examples):
        pools = defaultdict(list)
        for index, example in enumerate(examples):
            pools[example.target].append([index])
    rng = random.Random(seed)
    held: set[int] = set()
    for target, units in sorted(pools.items(), key=lambda item: str(item[0])):
        if len(units) < 2:
            what = "line" if target is None else f"row{_of_label(examples, target)}"
            raise DataError(f"train has one {what}: none can be held out. Two are needed.")
        drawn = rng.sample(units, min(max(round(share * len(units)), 1), len(units) - 1))
        held.update(index for unit in drawn for index in unit)
    return [one for at, one in enumerate(examples) if at not in held], [examples[at] for at in sorted(held)]


def few_shot(
    train: Sequence[Example], held_out: Sequence[Example], k: int, seed: int, *, stratified: bool
) -> tuple[list[Example], list[Example]]:
    """Draw k examples per class to train on, and equally many held-out ones to choose the checkpoint.

    Args:
        train: The part that may train.
        held_out: The part that may choose the checkpoint.
        k: Examples per class and part.
        seed: Draws them, as `draw` says.
        stratified: Whether targets are classes.

    Returns:
        `(train, held_out)`, both in the file's order.

    Raises:
        DataError: A part has fewer than k examples of a class; the message says how many can be drawn.
    """
    _require({"train": train, "the held-out part of train": held_out}, k, stratified)
    return draw(train, k, seed, stratified=stratified), draw(held_out, k, seed, stratified=stratified)


def draw(examples: Sequence[Example], k: int, seed: int, *, stratified: bool) -> list[Example]:
    """Draw k examples per class; k in all where targets are no classes (ReCoRD).

    Groups stay whole: MultiRC's questions are drawn until each class has at least k answers, and a question none of
    whose classes lacks any is passed over. The order of the draw depends on the seed alone, so that what is drawn for
    k = 5 is part of what is drawn for k = 20.

    Args:
        examples: A part of the rows, which no other part overlaps.
        k: Examples per class.
        seed: Draws them.
        stratified: Whether targets are classes.

    Returns:
        The drawn examples, in the file's order.

    Raises:
        DataError: There are fewer than k examples of a class.
    """
    _require({"train": examples}, k, stratified)
    groups = _units(examples, lambda example: example.idx if example.group is None else example.group)
    random.Random(seed).shuffle(groups)
    drawn: Counter[int | None] = Counter()
    taken: set[int] = set()
    for group in groups:
        targets = [_class(examples[index], stratified) for index in group]
        if any(drawn[target] < k for target in targets):
            drawn.update(targets)
            taken.update(group)
    return [examples[index] for index in sorted(taken)]


def _require(parts: Mapping[str, Sequence[Example]], k: int, stratified: bool) -> None:
    """Refuse a k that one of the parts has too few rows for, of a class that any of them has."""
    everything = [example for part in parts.values() for example in part]
    classes = sorted(_counts(everything, stratified), key=str)
    found = [(name, target, _counts(part, stratified)[target]) for name, part in parts.items() for target in classes]
    largest = min((count for _, _, count in found), default=0)
    if k <= largest:
        return
    name, target, count = next((entry for entry in found if entry[2] < k), ("train", None, 0))
    label = _of_label(everything, target) if target is not None else ""
    advice = f"Set data.k_per_class={largest} or lower" if largest else "Leave data.k_per_class out"
    if name != "train":
        advice += " (of the train rows, half may choose the checkpoint)"
    raise DataError(
        f"data.k_per_class = {k}: {name} has {count} rows{label}; at most {largest} can be drawn. {advice}."
    )


def _units(examples: Iterable[Example], key: Callable[[Example], Idx]) -> Units:
    units: dict[Idx, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        units[key(example)].append(index)
    return list(units.values())


def _line(example: Example) -> int:
    return example.idx if isinstance(example.idx, int) else example.idx[0]


def _class(example: Example, stratified: bool) -> int | None:
    return example.target if stratified else None


def _counts(examples: Iterable[Example], stratified: bool) -> Counter[int | None]:
    return Counter(_class(example, stratified) for example in examples)


def _of_label(examples: Iterable[Example], target: int) -> str:
    """How a message names a class: by its text, or by its number where each row has choices of its own."""
    choices = {example.choices for example in examples}
    return f" of label {next(iter(choices))[target] if len(choices) == 1 else target!r}"
