"""Sample data for CB: is the speaker committed to a clause embedded under an operator?

Every premise embeds a clause under a predicate, and the predicate under an operator that would
cancel an ordinary entailment. With a factive predicate, the speaker remains committed to the
clause. A non-factive predicate leaves the truth of the clause open. The hypothesis repeats or
contradicts the clause.

Rows are made in twins, which differ only in the predicate: one is factive and the other is not. A
rule that does not distinguish the predicates gives both twins the same label. It is right on at
most one of them and cannot have a higher accuracy than the majority answer. No predicate is in
both splits.
"""

import random
import re
from dataclasses import dataclass
from itertools import product

from tools.samples.cb_lexicon import LEXICONS, Lexicon, Pronoun
from tools.samples.cb_predicates import (
    FACTIVE,
    NON_FACTIVE,
    OPERATORS,
    Kind,
    Operator,
    Predicate,
)
from tools.samples.crossing import Deck, Row

__all__ = ["FRAMES", "VERSION", "Scene", "label", "render_premise", "rows"]

VERSION = 1

# All forms are past or perfect, because every clause is in the past and must agree in tense.
FRAMES: dict[tuple[Operator, Kind], tuple[str, ...]] = {
    ("negation", "verb"): (
        "{subject} did not {base} that {clause}.",
        "{subject} had not {participle} that {clause}.",
        "{subject} never {past} that {clause}.",
    ),
    ("negation", "adjective"): (
        "{subject} was not {base} that {clause}.",
        "{subject} had not been {base} that {clause}.",
        "{subject} was never {base} that {clause}.",
    ),
    ("question", "verb"): (
        "Did {subject} {base} that {clause}?",
        "Had {subject} {participle} that {clause}?",
    ),
    ("question", "adjective"): (
        "Was {subject} {base} that {clause}?",
        "Had {subject} been {base} that {clause}?",
    ),
    ("modal", "verb"): (
        "{subject} may have {participle} that {clause}.",
        "{subject} might have {participle} that {clause}.",
        "Perhaps {subject} {past} that {clause}.",
        "It is possible that {subject} {past} that {clause}.",
    ),
    ("modal", "adjective"): (
        "{subject} may have been {base} that {clause}.",
        "{subject} might have been {base} that {clause}.",
        "Perhaps {subject} was {base} that {clause}.",
        "It is possible that {subject} was {base} that {clause}.",
    ),
    ("conditional", "verb"): ("If {subject} {past} that {clause}, {consequent}.",),
    ("conditional", "adjective"): ("If {subject} was {base} that {clause}, {consequent}.",),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Parts of a premise, without its predicate and its embedded clause."""

    name: str
    pronoun: Pronoun
    context: str
    frame: str
    consequent: str = ""
    """The main clause of a conditional. Other operators have no consequent."""


def rows(seed: int, *, num_train: int = 448, num_val: int = 240) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 32, so that operator, embedded clause, match and
    class of predicate are exactly crossed. Half of the rows are neutral, and a quarter are
    entailed. A split depends only on the seed and its own size.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def label(*, is_factive: bool, is_match: bool) -> str:
    """Return the official label of a hypothesis that repeats (match) or contradicts the clause."""
    if not is_factive:
        return "neutral"
    return "entailment" if is_match else "contradiction"


def render_premise(scene: Scene, predicate: Predicate, clause: str) -> str:
    """Return the context sentence and the sentence that embeds the clause."""
    # If the context names the person, the subject of the next sentence is the pronoun.
    subject = scene.pronoun if "{name}" in scene.context else scene.name
    possessive = {"she": "her", "he": "his"}[scene.pronoun]
    sentence = scene.frame.format(
        subject=subject,
        base=predicate.base,
        past=predicate.past,
        participle=predicate.participle,
        clause=clause,
        consequent=scene.consequent.format(pronoun=scene.pronoun, possessive=possessive),
    )
    return f"{scene.context.format(name=scene.name)} {sentence[0].upper()}{sentence[1:]}"


def contradict(clause: str, other: str) -> str:
    """Return a clause that cannot be true together with `clause`.

    It is the negation where the negation is ordinary English ("the lake was not frozen"), and else the other clause of
    the issue. Both twins have the same hypothesis, so that its "not" predicts the label no better than the majority.
    """
    auxiliary = re.search(r" (was|were|had been) ", clause)
    if auxiliary is None or re.search(r" (still|un\w+)\b", clause):
        return other
    first, *rest = auxiliary[1].split()
    return clause.replace(auxiliary[0], f" {' '.join([first, 'not', *rest])} ", 1)


class _Writer:
    """Writes the twins of one split, and uses all words of the split equally often."""

    def __init__(self, split: str, rng: random.Random) -> None:
        lexicon: Lexicon = LEXICONS[split]
        self._names = Deck(lexicon.names, rng)
        self._contexts = Deck(lexicon.contexts, rng)
        self._issues = Deck(lexicon.issues, rng)
        self._consequents = Deck(lexicon.consequents, rng)
        self._frames = {key: Deck(frames, rng) for key, frames in FRAMES.items()}
        self._predicates = {
            (is_factive, operator, kind): Deck(
                [p for p in predicates[split] if p.kind == kind and operator in p.operators], rng
            )
            for is_factive, predicates in ((True, FACTIVE), (False, NON_FACTIVE))
            for operator, kind in FRAMES
        }
        self._written: set[tuple[object, object]] = set()

    def new_twins(self, operator: Operator, kind: Kind, embedded: int, is_match: bool) -> list[Row]:
        """Return twins that have not been written before."""
        while True:
            twins = self._twins(operator, kind, embedded, is_match)
            keys = {(row["premise"], row["hypothesis"]) for row in twins}
            if not keys & self._written:
                self._written |= keys
                return twins

    def _twins(self, operator: Operator, kind: Kind, embedded: int, is_match: bool) -> list[Row]:
        name, pronoun = self._names.deal()
        scene = Scene(
            name=name,
            pronoun=pronoun,
            context=self._contexts.deal(),
            frame=self._frames[operator, kind].deal(),
            consequent=self._consequents.deal() if operator == "conditional" else "",
        )
        issue = self._issues.deal()
        clause, other = issue[embedded], issue[1 - embedded]
        hypothesis = clause if is_match else contradict(clause, other)
        return [
            {
                "premise": render_premise(scene, self._predicates[is_factive, operator, kind].deal(), clause),
                "hypothesis": hypothesis,
                "label": label(is_factive=is_factive, is_match=is_match),
            }
            for is_factive in (True, False)
        ]


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"cb/{split}/{seed}")
    writer = _Writer(split, rng)
    made: list[Row] = []
    kinds: tuple[Kind, Kind] = ("verb", "adjective")
    while len(made) < size:
        for operator, embedded, is_match in product(OPERATORS, (0, 1), (True, False)):
            made += writer.new_twins(operator, kinds[embedded], embedded, is_match)
        kinds = (kinds[1], kinds[0])  # both kinds embed either clause equally often
    rng.shuffle(made)
    return [{**row, "idx": idx} for idx, row in enumerate(made)]
