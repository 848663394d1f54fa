"""Sample data for CB: is the speaker committed to a clause embedded under an operator?

Every premise embeds a clause under a predicate, and the predicate under an operator that would
cancel an ordinary entailment. A factive predicate keeps the speaker committed to its clause, a
non-factive one leaves the clause open; the hypothesis repeats the clause or contradicts it.

Rows are made in twins that differ in nothing but the predicate, one factive and one not. A rule
that cannot tell the predicates apart gives both the same label and is right on one at most, so
it cannot beat the majority; and no predicate of one split occurs in another.
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

# Past or perfect throughout, so that every clause, itself in the past, agrees in tense.
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
    """The main clause of a conditional; other operators have none."""


def rows(seed: int, *, num_train: int = 448, num_val: int = 240) -> dict[str, list[Row]]:
    """Rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 32, so that operator, embedded clause, match and
    class of predicate are exactly crossed: half of the rows are neutral, a quarter entailed.
    A split depends on the seed and its own size only.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def label(*, is_factive: bool, is_match: bool) -> str:
    """The official label of a hypothesis that repeats (match) or contradicts the clause."""
    if not is_factive:
        return "neutral"
    return "entailment" if is_match else "contradiction"


def render_premise(scene: Scene, predicate: Predicate, clause: str) -> str:
    """The context sentence and the sentence that embeds the clause."""
    # A context that has introduced the person leaves the subject to the pronoun.
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
    """A clause that cannot be true together with `clause`.

    Its own negation where that is plain English ("the lake was not frozen"), else the issue's other value. Both
    predicates of a pair of twins meet the same hypothesis, so that its "not" tells no more than majority.
    """
    auxiliary = re.search(r" (was|were|had been) ", clause)
    if auxiliary is None or re.search(r" (still|un\w+)\b", clause):
        return other
    first, *rest = auxiliary[1].split()
    return clause.replace(auxiliary[0], f" {' '.join([first, 'not', *rest])} ", 1)


class _Writer:
    """Writes twins for one split, using all of its words evenly."""

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
        """Twins of which neither has been written before."""
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
    # A string seed is hashed the same way on every platform, and sets the splits apart.
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
