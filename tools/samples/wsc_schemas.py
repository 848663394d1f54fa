"""Schemas for the WSC sample data: the class, and the schemas of the train split.

A schema has two sentences about two participants, {a} and {b}. One sentence mentions {a} first, and
the other {b}. In both sentences, one cue makes the {pronoun} refer to {a}, and the other cue to {b}.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TRAIN", "Number", "Schema", "filled"]

Number = Literal["person", "thing", "group"]


@dataclass(frozen=True)
class Schema:
    """Two sentences with slots, two cues, and the noun phrases that may fill {a} and {b}."""

    a_first: str
    b_first: str
    cue_a: str
    """The cue that makes the pronoun refer to {a}."""
    cue_b: str
    number: Number = "person"
    fillers: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """The noun phrases for {a} and for {b}. A schema of persons takes any two people of the split."""


def filled(a_first: str, b_first: str, cue_a: str, cue_b: str, a: str, b: str, *, number: Number = "thing") -> Schema:
    """Build a schema. `a` and `b` list the noun phrases that may fill {a} and {b}, separated by commas."""
    fillers_a, fillers_b = (tuple(noun.strip() for noun in nouns.split(",")) for nouns in (a, b))
    return Schema(a_first, b_first, cue_a, cue_b, number, (fillers_a, fillers_b))


TRAIN: tuple[Schema, ...] = (
    filled(
        "{a} did not fit into {b} because {pronoun} was too {cue}.",
        "{b} could not hold {a} because {pronoun} was too {cue}.",
        "bulky",
        "small",
        a="the cello, the oak desk, the marble statue",
        b="the blue van, the brown crate, the old closet",
    ),
    filled(
        "{a} completely hid {b} because {pronoun} was so {cue}.",
        "{b} could not be seen behind {a} because {pronoun} was so {cue}.",
        "tall",
        "low",
        a="the billboard, the hedge, the grain silo",
        b="the cottage, the garden shed, the stone fountain",
    ),
    filled(
        "When {a} was put on {b}, there was a crash because {pronoun} was so {cue}.",
        "{b} collapsed under {a} because {pronoun} was so {cue}.",
        "heavy",
        "flimsy",
        a="the anvil, the iron pot, the big toolbox",
        b="the glass shelf, the stool, the wicker chair",
    ),
    filled(
        "{a} overtook {b} because {pronoun} was moving so {cue}.",
        "{b} was overtaken by {a} because {pronoun} was moving so {cue}.",
        "fast",
        "slowly",
        a="the motorcycle, the yellow taxi, the sports car",
        b="the tractor, the school bus, the garbage truck",
    ),
    filled(
        "They shoveled sand from {a} into {b} until {pronoun} was completely {cue}.",
        "They loaded {b} with sand from {a} until {pronoun} was completely {cue}.",
        "empty",
        "full",
        a="the rusty barrel, the handcart, the wheelbarrow",
        b="the wooden box, the iron tub, the trailer",
    ),
    filled(
        "At the flea market {a} sold better than {b} because {pronoun} was so {cue}.",
        "At the flea market {b} did not sell as well as {a} because {pronoun} was so {cue}.",
        "cheap",
        "expensive",
        a="the plain lamp, the tin kettle, the straw hat",
        b="the silver teapot, the antique clock, the Persian rug",
    ),
    filled(
        "{a} drowned out {b} because {pronoun} was so {cue}.",
        "{b} could not be heard over {a} because {pronoun} was so {cue}.",
        "loud",
        "faint",
        a="the vacuum cleaner, the lawn mower, the blender",
        b="the doorbell, the kitchen radio, the telephone",
    ),
    filled(
        "The family walked to {a} instead of {b} because {pronoun} was so {cue}.",
        "The family skipped {b} and walked to {a} because {pronoun} was so {cue}.",
        "close",
        "far away",
        a="the library, the swimming pool, the pizzeria",
        b="the museum, the zoo, the beach",
    ),
    filled(
        "In the fable {a} tricks {b} because {pronoun} is so {cue}.",
        "In the fable {b} is tricked by {a} because {pronoun} is so {cue}.",
        "clever",
        "gullible",
        a="the fox, the raven, the monkey",
        b="the goose, the bear, the donkey",
    ),
    filled(
        "The school replaced {a} with {b} because {pronoun} was so {cue}.",
        "The school bought {b} to take the place of {a} because {pronoun} was so {cue}.",
        "outdated",
        "modern",
        a="the chalkboard, the slide projector, the wall map",
        b="the digital screen, the tablet computer, the smart display",
    ),
    filled(
        "{a} could not cut {b} because {pronoun} was too {cue}.",
        "{b} could not be cut with {a} because {pronoun} was too {cue}.",
        "blunt",
        "tough",
        a="the kitchen knife, the hatchet, the razor",
        b="the rope, the leather strap, the rubber hose",
    ),
    filled(
        "{a} shouted at {b} because {pronoun} were so {cue}.",
        "{b} were shouted at by {a} because {pronoun} were so {cue}.",
        "impatient",
        "lazy",
        a="the customers, the hotel guests, the managers",
        b="the waiters, the porters, the clerks",
        number="group",
    ),
    filled(
        "{a} beat {b} in the final because {pronoun} were so {cue}.",
        "{b} lost to {a} in the final because {pronoun} were so {cue}.",
        "well prepared",
        "tired",
        a="the Falcons, the visitors, the sailors",
        b="the Bears, the champions, the firefighters",
        number="group",
    ),
    filled(
        "{a} brought blankets to {b} because {pronoun} were so {cue}.",
        "{b} were given blankets by {a} because {pronoun} were so {cue}.",
        "kind",
        "cold",
        a="the nurses, the villagers, the monks",
        b="the refugees, the stranded hikers, the rescued fishermen",
        number="group",
    ),
    Schema(
        "{a} lent fifty dollars to {b} because {pronoun} was so {cue}.",
        "{b} borrowed fifty dollars from {a} because {pronoun} was so {cue}.",
        "generous",
        "poor",
    ),
    Schema(
        "{a} asked {b} the way because {pronoun} {cue}.",
        "{b} was asked the way by {a} because {pronoun} {cue}.",
        "was a stranger there",
        "knew the city well",
    ),
    Schema(
        "{a} visited {b} in the hospital because {pronoun} {cue}.",
        "{b} had a visit from {a} in the hospital because {pronoun} {cue}.",
        "was worried",
        "had undergone surgery",
    ),
    Schema(
        "{a} apologized to {b} because {pronoun} had {cue}.",
        "{b} received an apology from {a} because {pronoun} had {cue}.",
        "arrived an hour late",
        "been kept waiting",
    ),
    Schema(
        "{a} scolded {b} because {pronoun} {cue}.",
        "{b} was scolded by {a} because {pronoun} {cue}.",
        "lost patience easily",
        "had smashed a window",
    ),
    Schema(
        "{a} beat {b} at chess because {pronoun} {cue}.",
        "{b} lost to {a} at chess because {pronoun} {cue}.",
        "played brilliantly",
        "made a stupid mistake",
    ),
    Schema(
        "{a} drove {b} to the airport because {pronoun} {cue}.",
        "{b} rode to the airport with {a} because {pronoun} {cue}.",
        "was the one with a car",
        "had a plane to catch",
    ),
    Schema(
        "{a} asked {b} a question, but {pronoun} {cue} no reply.",
        "{b} was asked a question by {a}, but {pronoun} {cue} no reply.",
        "got",
        "gave",
    ),
    Schema(
        "{a} waited on {b} at the diner, and {pronoun} {cue} a good tip.",
        "{b} was served by {a} at the diner, and {pronoun} {cue} a good tip.",
        "hoped for",
        "left",
    ),
    Schema(
        "{a} owed {b} a lot of money, but {pronoun} {cue}.",
        "{b} had lent {a} a lot of money, but {pronoun} {cue}.",
        "never paid it back",
        "never asked for it back",
    ),
    Schema(
        "{a} taught {b} how to swim because {pronoun} {cue}.",
        "{b} took swimming lessons from {a} because {pronoun} {cue}.",
        "was an experienced lifeguard",
        "wanted to learn it",
    ),
    Schema(
        "{a} warned {b} about the thin ice, but {pronoun} {cue}.",
        "{b} was warned about the thin ice by {a}, but {pronoun} {cue}.",
        "was ignored",
        "would not listen",
    ),
)
