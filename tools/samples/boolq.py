"""Sample data for BoolQ: a yes/no question about one of the facts in a passage.

A passage states four facts about an invented subject, and the question asks about one of them.
Rows are made in crossed blocks of four (see `crossing`). The two passages of a block differ in
the fact that the questions ask about. Both questions are asked about both passages, so that each
passage and each question has one answer yes and one answer no. In a *swap*, the fact relates two
values, and the second passage exchanges them. In a *contrast*, the second passage replaces one
phrase. No subject, name, value or phrase is in both splits. A question does not share more words,
or pairs of adjacent words, with the passage whose answer is yes than with the other passage.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TypeVar

from tools.samples import boolq_train_places, boolq_train_things, boolq_val
from tools.samples.boolq_lexicon import (
    CONTRASTS,
    POLARITIES,
    SWAPS,
    Contrast,
    Fact,
    Phenomenon,
    Polarity,
    Subject,
    Swap,
)
from tools.samples.crossing import Block, Deck, Row, crossed_rows

__all__ = ["SUBJECTS", "VERSION", "Scene", "contrast_block", "rows", "swap_block"]

VERSION = 1

F = TypeVar("F", Swap, Contrast)

SUBJECTS: dict[str, tuple[Subject, ...]] = {
    "train": boolq_train_places.SUBJECTS + boolq_train_things.SUBJECTS,
    "val": boolq_val.SUBJECTS,
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Parts of a passage, without the fact about which the question asks."""

    subject: Subject
    name: str
    before: tuple[str, ...]
    """Other facts, between the first sentence of the passage and the fact in question."""

    after: tuple[str, ...]
    """Other facts, at the end of the passage."""

    def passage(self, fact: str) -> str:
        """Return the title and the text of a passage in the format of the release."""
        sentences = " ".join([self.subject.intro.format(name=self.name), *self.before, fact, *self.after])
        return f"{self.subject.title.format(name=self.name)} -- {sentences}"

    def question(self, template: str, **values: str) -> str:
        """Return a question in the format of the release: in lower case, without a question mark."""
        return template.format(name=self.name, **values).lower()


def rows(seed: int, *, num_train: int = 640, num_val: int = 256) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 64, which is a round of 16 blocks of four rows: five
    kinds of swap in two polarities, and two blocks of each of three kinds of contrast. The answer
    to half of the rows of every kind is yes. A split depends only on the seed and its own size.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def swap_block(scene: Scene, fact: Swap, polarity: Polarity, values: tuple[str, str]) -> Block:
    """Make a block of a fact and one of its questions, each with the values in both orders."""
    template = fact.affirm if polarity == "affirm" else fact.deny
    (a, b), (c, d) = values, values[::-1]
    first, second = scene.question(template, a=a, b=b), scene.question(template, a=c, b=d)
    return Block(
        texts=(scene.passage(fact.text.format(a=a, b=b)), scene.passage(fact.text.format(a=c, b=d))),
        probes=(first, second) if polarity == "affirm" else (second, first),
    )


def contrast_block(scene: Scene, fact: Contrast) -> Block:
    """Make a block of a fact with each of its phrases, and the question to which each phrase answers yes."""
    first, second = (scene.passage(fact.text.format(phrase=phrase)) for phrase in fact.phrases)
    questions = (scene.question(fact.questions[0]), scene.question(fact.questions[1]))
    return Block(texts=(first, second), probes=questions)


class _Writer:
    """Draws the blocks of one split, and uses all subjects and facts of the split equally often."""

    def __init__(self, split: str, rng: random.Random) -> None:
        self._rng = rng
        self._names = {subject: Deck(subject.names, rng) for subject in SUBJECTS[split]}
        self._swaps = {
            (phenomenon, polarity): Deck(_facts(split, phenomenon, Swap), rng)
            for phenomenon, polarity in product(SWAPS, POLARITIES)
        }
        self._contrasts = {phenomenon: Deck(_facts(split, phenomenon, Contrast), rng) for phenomenon in CONTRASTS}

    def makers(self) -> list[Callable[[], Block]]:
        """Return the functions that each make one block of a round."""
        swaps = [partial(self._swap, *key) for key in self._swaps]
        contrasts = [partial(self._contrast, phenomenon) for phenomenon in self._contrasts]
        return [*swaps, *contrasts, *contrasts]

    def _swap(self, phenomenon: Phenomenon, polarity: Polarity) -> Block:
        subject, fact = self._swaps[phenomenon, polarity].deal()
        return swap_block(self._scene(subject, fact), fact, polarity, self._two(fact.values))

    def _contrast(self, phenomenon: Phenomenon) -> Block:
        subject, fact = self._contrasts[phenomenon].deal()
        return contrast_block(self._scene(subject, fact), fact)

    def _scene(self, subject: Subject, asked: Fact) -> Scene:
        others = self._rng.sample([fact for fact in subject.facts if fact != asked], 2)
        told = [self._tell(fact) for fact in others]
        cut = self._rng.randrange(3)
        name = self._names[subject].deal()
        return Scene(subject=subject, name=name, before=tuple(told[:cut]), after=tuple(told[cut:]))

    def _tell(self, fact: Fact) -> str:
        if isinstance(fact, Contrast):
            return fact.text.format(phrase=self._rng.choice(fact.phrases))
        a, b = self._two(fact.values)
        return fact.text.format(a=a, b=b)

    def _two(self, values: tuple[str, ...]) -> tuple[str, str]:
        a, b = self._rng.sample(values, 2)
        return a, b


def _facts(split: str, phenomenon: Phenomenon, form: type[F]) -> list[tuple[Subject, F]]:
    return [
        (subject, fact)
        for subject in SUBJECTS[split]
        for fact in subject.facts
        if isinstance(fact, form) and fact.phenomenon == phenomenon
    ]


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"boolq/{split}/{seed}")

    def write(passage: str, question: str, is_match: bool) -> Row:
        row: Row = {"question": question, "passage": passage}
        return {**row, "label": is_match}

    return crossed_rows(_Writer(split, rng).makers(), write, size, rng)
