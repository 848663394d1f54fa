"""The word lists of the COPA sample data: events, people and towns. No entry is in both splits."""

from dataclasses import dataclass
from typing import Literal

from tools.samples.copa_circles import TRAIN, Cast, Circle
from tools.samples.copa_circles_held_out import VAL

__all__ = ["LEXICONS", "Lexicon", "Pronoun"]

Pronoun = Literal["she", "he", "it"]


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    circles: tuple[Circle, ...]

    casts: dict[Cast, tuple[tuple[str, Pronoun], ...]]
    """The people or towns that a circle may be about, each with its pronoun. Each kind has the same number."""


def _casts(she: str, he: str, it: str) -> dict[Cast, tuple[tuple[str, Pronoun], ...]]:
    """Build the casts from lists of names, separated by commas."""
    women: list[tuple[str, Pronoun]] = [(name.strip(), "she") for name in she.split(",")]
    men: list[tuple[str, Pronoun]] = [(name.strip(), "he") for name in he.split(",")]
    return {"person": (*women, *men), "town": tuple((name.strip(), "it") for name in it.split(","))}


LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        circles=TRAIN,
        casts=_casts(
            she="Maria, Helen, Julia, Nora, Priya, Emma, my aunt, my sister",
            he="Tom, David, Karl, Omar, Luis, Henry, my uncle, my brother",
            it="Milford, Ashton, Redhill, Lakewood, Brookfield, Kingsbury, Weston, Harlow, "
            "Fairview, Oakdale, Stonebridge, Millbrook, Eastport, Norwood, Greenfield, Clayton",
        ),
    ),
    "val": Lexicon(
        circles=VAL,
        casts=_casts(
            she="Ingrid, Chloe, Fatima, Rosa, Alice, my cousin Mei, my niece",
            he="Bruno, Victor, Hassan, Edward, Kenji, my cousin Leo, my nephew",
            it="Dunmore, Ridgeway, Silverton, Elmwood, Port Allen, Cliffside, Hartwell, Marston, "
            "Glenview, Ironton, Southgate, Maple Falls, Whitby, Thornton",
        ),
    ),
}
