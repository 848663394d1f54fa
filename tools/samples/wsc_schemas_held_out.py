"""Schemas for the val split of the WSC sample data."""

from tools.samples.wsc_schemas import Schema, filled

__all__ = ["VAL"]

VAL: tuple[Schema, ...] = (
    filled(
        "{a} got stuck in {b} because {pronoun} was too {cue}.",
        "{b} was impassable for {a} because {pronoun} was too {cue}.",
        "wide",
        "narrow",
        a="the fire engine, the combine harvester, the tour coach",
        b="the tunnel, the alley, the mountain pass",
    ),
    filled(
        "{a} fled from {b} because {pronoun} was so {cue}.",
        "{b} drove {a} away because {pronoun} was so {cue}.",
        "timid",
        "fierce",
        a="the deer, the rabbit, the kitten",
        b="the wolf, the eagle, the watchdog",
    ),
    filled(
        "{a} was outshone by {b} because {pronoun} was so {cue}.",
        "{b} outshone {a} because {pronoun} was so {cue}.",
        "dim",
        "bright",
        a="the candle, the firefly, the pocket flashlight",
        b="the searchlight, the bonfire, the street lantern",
    ),
    filled(
        "{a} ruined {b} because {pronoun} was so {cue}.",
        "{b} was ruined by {a} because {pronoun} was so {cue}.",
        "sticky",
        "delicate",
        a="the glue, the caramel syrup, the tar",
        b="the silk dress, the lace tablecloth, the fur coat",
    ),
    filled(
        "{a} paid no attention to {b} because {pronoun} were so {cue}.",
        "{b} did not hold the attention of {a} because {pronoun} were so {cue}.",
        "sleepy",
        "boring",
        a="the students, the cadets, the schoolgirls",
        b="the speakers, the lecturers, the politicians",
        number="group",
    ),
    Schema(
        "{a} carried {b} down the mountain because {pronoun} {cue}.",
        "{b} was carried down the mountain by {a} because {pronoun} {cue}.",
        "was the stronger of the two",
        "had sprained an ankle",
    ),
    Schema(
        "{a} could not hear {b} because {pronoun} was {cue}.",
        "{b} could not be heard by {a} because {pronoun} was {cue}.",
        "wearing earplugs",
        "whispering",
    ),
    Schema(
        "{a} envied {b} because {pronoun} {cue}.",
        "{b} was envied by {a} because {pronoun} {cue}.",
        "had nothing but bad luck in life",
        "had inherited a fortune",
    ),
    Schema(
        "{a} borrowed a coat from {b} because {pronoun} {cue}.",
        "{b} lent {a} a coat because {pronoun} {cue}.",
        "had come out without one",
        "had several to spare",
    ),
    Schema(
        "{a} had promised to pick up {b}, but {pronoun} {cue}.",
        "{b} was to be picked up by {a}, but {pronoun} {cue}.",
        "ran out of gas on the road",
        "preferred to walk",
    ),
    Schema(
        "{a} interviewed {b} for the job, and {pronoun} {cue} every question with care.",
        "{b} was interviewed for the job by {a}, and {pronoun} {cue} every question with care.",
        "put",
        "answered",
    ),
    Schema(
        "{a} chased {b} through the park, but {pronoun} {cue}.",
        "{b} was chased through the park by {a}, but {pronoun} {cue}.",
        "fell behind",
        "escaped",
    ),
)
