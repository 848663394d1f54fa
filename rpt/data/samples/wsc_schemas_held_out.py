"""Schemas for the WSC sample data: those of the val and test splits."""

from rpt.data.samples.wsc_schemas import Schema, filled

__all__ = ["TEST", "VAL"]

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

TEST: tuple[Schema, ...] = (
    filled(
        "{a} could not sail up {b} because {pronoun} was too {cue}.",
        "{b} could not be navigated by {a} because {pronoun} was too {cue}.",
        "leaky",
        "shallow",
        a="the yacht, the steamboat, the dinghy",
        b="the river, the creek, the canal",
    ),
    filled(
        "{a} was destroyed by {b} because {pronoun} was so {cue}.",
        "{b} destroyed {a} because {pronoun} was so {cue}.",
        "rickety",
        "violent",
        a="the barn, the wooden pier, the windmill",
        b="the storm, the earthquake, the hurricane",
    ),
    filled(
        "Grandmother hung {a} over {b} because {pronoun} was so {cue}.",
        "Grandmother hid {b} behind {a} because {pronoun} was so {cue}.",
        "pretty",
        "ugly",
        a="the landscape painting, the embroidered cloth, the tapestry",
        b="the water stain, the fuse box, the crack",
    ),
    filled(
        "{a} devoured {b} because {pronoun} was so {cue}.",
        "{b} was devoured by {a} because {pronoun} was so {cue}.",
        "greedy",
        "juicy",
        a="the goat, the pig, the parrot",
        b="the melon, the pear, the peach",
    ),
    filled(
        "{a} stopped {b} at the border because {pronoun} were so {cue}.",
        "{b} were stopped by {a} at the border because {pronoun} were so {cue}.",
        "strict",
        "drunk",
        a="the guards, the customs officers, the inspectors",
        b="the travelers, the truck drivers, the football fans",
        number="group",
    ),
    Schema(
        "{a} interpreted for {b} because {pronoun} {cue}.",
        "{b} needed {a} as an interpreter because {pronoun} {cue}.",
        "was fluent in Greek",
        "understood no Greek",
    ),
    Schema(
        "{a} woke {b} in the night because {pronoun} {cue}.",
        "{b} was woken in the night by {a} because {pronoun} {cue}.",
        "thought there was a burglar",
        "was snoring",
    ),
    Schema(
        "{a} bandaged {b} because {pronoun} {cue}.",
        "{b} was bandaged by {a} because {pronoun} {cue}.",
        "was trained in first aid",
        "was bleeding badly",
    ),
    Schema(
        "{a} sold {b} a bicycle because {pronoun} needed {cue}.",
        "{b} bought a bicycle from {a} because {pronoun} needed {cue}.",
        "cash",
        "exercise",
    ),
    Schema(
        "{a} took over the night shift from {b} because {pronoun} {cue}.",
        "{b} gave the night shift to {a} because {pronoun} {cue}.",
        "liked to earn extra",
        "was ill with a fever",
    ),
    Schema(
        "{a} accused {b} of theft, but {pronoun} {cue}.",
        "{b} was accused of theft by {a}, but {pronoun} {cue}.",
        "had no proof",
        "denied everything",
    ),
    Schema(
        "At the dentist {a} let {b} go first because {pronoun} was in {cue}.",
        "At the dentist {b} was allowed to go before {a} because {pronoun} was in {cue}.",
        "no hurry",
        "terrible pain",
    ),
)
