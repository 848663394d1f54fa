"""Sample data for COPA: which of two events is the cause, or the effect, of the premise?

The two choices are events, each of which can cause the other through a middle event, the *link*.
A premise is one of these links. Its cause is one of the choices, and its effect is the other.

Every pair of choices gives eight rows: two links, two questions and two orders of the choices. The
labels are balanced over each of the three and over any two of them. A rule that ignores the
premise, the question or the choices is right on four of the eight rows. No event is in both
splits.
"""

import random
from itertools import product

from tools.samples.copa_circles import Circle
from tools.samples.copa_lexicon import LEXICONS, Pronoun

__all__ = ["NUM_ROWS_OF_CIRCLE", "VERSION", "render", "rows"]

VERSION = 1

NUM_ROWS_OF_CIRCLE = 8
"""Number of rows of a circle of events: two links, two questions and two orders of the choices."""

Row = dict[str, object]

PRONOUNS: dict[Pronoun, dict[str, str]] = {
    "she": {"they": "she", "them": "her", "their": "her"},
    "he": {"they": "he", "them": "him", "their": "his"},
    "it": {"they": "it", "them": "it", "their": "its"},
}


def rows(seed: int, *, num_train: int = 640, num_val: int = 256) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 8, so that all rows of every circle are written.
    A split depends only on the seed and its own size.

    Raises:
        ValueError: A split is asked for more rows than its word lists can make.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def render(event: str, who: str, pronoun: Pronoun) -> str:
    """Return the sentence about an event of a person or town."""
    sentence = event.format(who=who, **PRONOUNS[pronoun])
    return f"{sentence[0].upper()}{sentence[1:]}"


def _circle_rows(circle: Circle, who: str, pronoun: Pronoun) -> list[Row]:
    first, second, there, back = (
        render(event, who, pronoun) for event in (circle.first, circle.second, circle.there, circle.back)
    )
    made: list[Row] = []
    for premise, choices in product((there, back), ((first, second), (second, first))):
        cause, effect = (first, second) if premise == there else (second, first)
        made += [
            {
                "premise": premise,
                "choice1": choices[0],
                "choice2": choices[1],
                "question": question,
                "label": choices.index(answer),
            }
            for question, answer in (("cause", cause), ("effect", effect))
        ]
    return made


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"copa/{split}/{seed}")
    lexicon = LEXICONS[split]
    # Each circle has a random order of its possible persons or towns. A round uses every circle once.
    casts = [rng.sample(lexicon.casts[circle.cast], len(lexicon.casts[circle.cast])) for circle in lexicon.circles]
    tales: list[tuple[Circle, str, Pronoun]] = []
    for cast in zip(*casts, strict=True):
        one_round = [(circle, *member) for circle, member in zip(lexicon.circles, cast, strict=True)]
        tales += rng.sample(one_round, len(one_round))
    num_tales = -(-size // NUM_ROWS_OF_CIRCLE)
    if num_tales > len(tales):
        most = len(tales) * NUM_ROWS_OF_CIRCLE
        raise ValueError(f"num_{split} = {size}: COPA's word lists make {most} rows. Ask for at most as many.")
    made = [row for tale in tales[:num_tales] for row in _circle_rows(*tale)]
    rng.shuffle(made)
    return [{**row, "idx": idx} for idx, row in enumerate(made)]
