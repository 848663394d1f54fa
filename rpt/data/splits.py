"""Hold rows of train out as the selection split, and draw few-shot samples of k rows for each class."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rpt.data.groups import Groups, groups_of
from rpt.errors import DataError
from rpt.tasks.example import Example, Idx

MORE_ROWS = "Add rows, or set data.max_rows higher."


def hold_out(
    examples: Sequence[Example], share: float, seed: int, *, stratified: bool, same_side: Sequence[str] = ()
) -> tuple[list[Example], list[Example]]:
    """Split train rows into rows to train on and rows of the selection split, which select the checkpoint.

    Rows from the same line of the release, rows with the same text and duplicates form a group (`rpt.data.groups`).
    All rows of a group go to the same part. If targets are classes and every group has a single row, the draw is
    stratified by class. If some groups are larger, whole groups are drawn so that the held-out part of each class is
    near to its share. If targets are not classes, whole groups are drawn at random.

    Args:
        examples: The train split.
        share: Share of each class's rows that is held out, 0 to 1; without classes, share of the groups. Each part gets
            at least one row.
        seed: Seed of the draw.
        stratified: Whether targets are classes.
        same_side: Names of the fields whose texts keep rows in the same part. Empty keeps only equal rows together.

    Returns:
        `(train, held_out)`, both in the file's order.

    Raises:
        DataError: A class has a single row, or the split has a single group, so that one of the parts would be empty.
    """
    groups = groups_of(examples, same_side)
    rng = random.Random(seed)
    if stratified and len(groups) == len(examples):
        held = _hold_out_rows(examples, share, rng)
    elif len(groups) < 2:
        what = "text" if len({_line(example) for example in examples}) > 1 else "line"
        raise DataError(f"train has only one {what}, so none can be held out. {MORE_ROWS}")
    elif stratified:
        held = _hold_out_groups([example.target for example in examples], groups, share, rng)
    else:
        held = _flat(rng.sample(groups, _num_held(len(groups), share)))
    return [example for index, example in enumerate(examples) if index not in held], [
        examples[index] for index in sorted(held)
    ]


def _hold_out_rows(examples: Sequence[Example], share: float, rng: random.Random) -> set[int]:
    """Draw rows of each class, for splits in which every row is a group by itself."""
    rows_of: dict[int | None, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        rows_of[example.target].append(index)
    held: set[int] = set()
    for target, rows in sorted(rows_of.items(), key=lambda item: str(item[0])):
        if len(rows) < 2:
            label = "" if target is None else _of_label(examples, target)
            raise DataError(f"train has only one row{label}, so none can be held out. {MORE_ROWS}")
        held.update(rng.sample(rows, _num_held(len(rows), share)))
    return held


def _hold_out_groups(targets: Sequence[int | None], groups: Groups, share: float, rng: random.Random) -> set[int]:
    """Draw whole groups so that the held-out part of each class is near to its share, and training rows remain.

    Groups are visited in a random order, and a group is taken if it brings the classes nearer to their shares.
    Afterwards, a class without a held-out row gets a group: the group that moves the classes least from their shares.
    """
    side = _Side(Counter(targets), [Counter(targets[index] for index in group) for group in groups], share)
    order = rng.sample(range(len(groups)), len(groups))
    for index in order:
        if side.growth(index) < 0 and side.leaves_all_classes(index):
            side.take(index)
    for target in sorted(side.total, key=str):
        if not side.held[target]:
            having = (index for index in order if target in side.groups[index] and side.leaves_all_classes(index))
            side.take(min(having, key=side.growth, default=None))
    if not side.taken:  # each group holds all rows of some class
        side.take(min(order, key=side.growth))
    return _flat(groups[index] for index in side.taken)


class _Side:
    """Groups that are held out so far, with the number of held-out rows and the wanted number for each class.

    Args:
        total: Number of rows of each class in the split.
        groups: Number of rows of each class in each group.
        share: Share of each class's rows to hold out, 0 to 1.
    """

    def __init__(self, total: Mapping[int | None, int], groups: Sequence[Counter[int | None]], share: float) -> None:
        self.total = total
        self.groups = groups
        self.goal = {target: _num_held(count, share) for target, count in total.items()}
        self.held: Counter[int | None] = Counter()
        self.taken: set[int] = set()

    def growth(self, index: int) -> int:
        """Compute how much the sum over classes of (held-out rows - wanted rows)^2 grows if a group is taken."""
        counts = self.groups[index].items()
        return sum(count * (count + 2 * (self.held[target] - self.goal[target])) for target, count in counts)

    def leaves_all_classes(self, index: int) -> bool:
        """Check whether a row of every class remains to train on if a group is taken."""
        return all(self.held[target] + count < self.total[target] for target, count in self.groups[index].items())

    def take(self, index: int | None) -> None:
        """Hold a group out; do nothing if the group is None."""
        if index is not None:
            self.taken.add(index)
            self.held.update(self.groups[index])


def _num_held(count: int, share: float) -> int:
    """Compute how many of `count` items are held out. With two items or more, each part gets at least one."""
    return max(min(max(round(share * count), 1), count - 1), 0)


def _flat(groups: Iterable[list[int]]) -> set[int]:
    return {index for group in groups for index in group}


def few_shot(
    train: Sequence[Example], held_out: Sequence[Example], k: int, seed: int, *, stratified: bool
) -> tuple[list[Example], list[Example]]:
    """Draw k examples per class to train on, and k examples per class to select the checkpoint.

    Args:
        train: Examples to train on.
        held_out: Examples of the selection split.
        k: Number of examples per class, in the training part and in the selection part.
        seed: Seed of both draws.
        stratified: Whether targets are classes.

    Returns:
        `(train, held_out)`, both in the file's order.

    Raises:
        DataError: A part has fewer than k examples of a class; the message says how many can be drawn.
    """
    _require({"train": train, "the held-out part of train": held_out}, k, stratified)
    return draw(train, k, seed, stratified=stratified), draw(held_out, k, seed, stratified=stratified)


def draw(examples: Sequence[Example], k: int, seed: int, *, stratified: bool) -> list[Example]:
    """Draw k examples per class, or k examples in all if targets are not classes (ReCoRD).

    Examples from the same question (MultiRC) are drawn together, until each class has at least k examples. A question
    is skipped if all its classes have k examples already. The order of the draw depends on the seed alone, so that the
    sample for k = 5 is part of the sample for k = 20.

    Args:
        examples: Examples to draw from.
        k: Number of examples per class.
        seed: Seed of the draw.
        stratified: Whether targets are classes.

    Returns:
        The drawn examples, in the file's order.

    Raises:
        DataError: A class has fewer than k examples.
    """
    _require({"train": examples}, k, stratified)
    by_group: dict[Idx, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_group[example.idx if example.group is None else example.group].append(index)
    groups = list(by_group.values())
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
    """Refuse a number k of examples per class if a part has fewer than k rows of a class."""
    examples = [example for part in parts.values() for example in part]
    classes = sorted(_counts(examples, stratified), key=str)
    counts = [(name, target, _counts(part, stratified)[target]) for name, part in parts.items() for target in classes]
    largest = min((count for _, _, count in counts), default=0)
    if k <= largest:
        return
    name, target, count = next((entry for entry in counts if entry[2] < k), ("train", None, 0))
    label = _of_label(examples, target) if target is not None else ""
    advice = f"Set data.k_per_class={largest} or lower" if largest else "Leave data.k_per_class out"
    if name != "train":
        advice += " (the held-out part, which selects the checkpoint, is half of train)"
    raise DataError(
        f"data.k_per_class = {k}: {name} has {count} row{'' if count == 1 else 's'}{label}; at most {largest} can be "
        f"drawn. {advice}."
    )


def _line(example: Example) -> Idx:
    return example.idx[0] if isinstance(example.idx, tuple) else example.idx


def _class(example: Example, stratified: bool) -> int | None:
    return example.target if stratified else None


def _counts(examples: Iterable[Example], stratified: bool) -> Counter[int | None]:
    return Counter(_class(example, stratified) for example in examples)


def _of_label(examples: Iterable[Example], target: int) -> str:
    """Name a class for a message: by its text, or by its number if rows have choices of their own."""
    choices = {example.choices for example in examples}
    return f" of label {next(iter(choices))[target] if len(choices) == 1 else target!r}"
