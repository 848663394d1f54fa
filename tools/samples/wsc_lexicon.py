"""The word lists of the WSC sample data: schemas and people. No entry is in both splits."""

from dataclasses import dataclass
from itertools import permutations

from tools.samples.wsc_schemas import TRAIN, Schema
from tools.samples.wsc_schemas_held_out import VAL

__all__ = ["LEXICONS", "Lexicon"]


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    schemas: tuple[Schema, ...]

    women: tuple[str, ...]
    men: tuple[str, ...]

    def pairs(self) -> list[tuple[str, str, str]]:
        """Return all pairs of people that share a pronoun, in both orders, each with the pronoun."""
        return [(*pair, "she") for pair in permutations(self.women, 2)] + [
            (*pair, "he") for pair in permutations(self.men, 2)
        ]


LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        schemas=TRAIN,
        women=("Maria", "Helen", "Julia", "Nora", "Priya", "Emma", "my aunt", "the new tenant"),
        men=("Tom", "David", "Karl", "Omar", "Luis", "Henry", "my uncle", "the old clockmaker"),
    ),
    "val": Lexicon(
        schemas=VAL,
        women=("Ingrid", "Chloe", "Fatima", "Rosa", "Alice", "Mei", "our neighbor", "the young pianist"),
        men=("Bruno", "Victor", "Hassan", "Edward", "Kenji", "Jonas", "our landlord", "the tall gardener"),
    ),
}
