"""Stories for the RTE sample data in which the label depends on one phrase.

*lexical*: the phrase is a verb or an adjective. *implicative*: the phrase is a verb such as manage,
dare or forget, which implies that something was done or not done. *quantity*: the phrase says how
many or how often.
"""

from tools.samples.rte_lexicon import Contrast

__all__ = ["IMPLICATIVE", "LEXICAL", "QUANTITY"]

LEXICAL: dict[str, tuple[Contrast, ...]] = {
    "train": (
        Contrast(
            "person",
            "Gunmen {phrase} {a}, a prominent critic of the oil industry, outside a hotel in {town} late on {day}.",
            ("assassinated", "kidnapped"),
            ("{a} is dead.", "{a} was abducted."),
        ),
        Contrast(
            "firm",
            "Shares in {a} {phrase} on {day} after the company had published its figures for the first half of the "
            "year.",
            ("soared", "plunged"),
            ("The stock of {a} gained value.", "The stock of {a} lost value."),
        ),
        Contrast(
            "person",
            "{a} has {phrase} the post of treasurer of the national union, which a committee in {town} had offered "
            "on {day}.",
            ("accepted", "turned down"),
            ("{a} agreed to become treasurer.", "{a} refused to become treasurer."),
        ),
        Contrast(
            "town",
            "The old town hall of {a} was {phrase} over the winter, ending a long dispute between the council and "
            "the owners.",
            ("demolished", "restored"),
            ("The town hall of {a} has been torn down.", "The town hall of {a} has been repaired."),
        ),
        Contrast(
            "person",
            "{a} was {phrase} of taking bribes by a court in {town} on {day}, at the end of a trial that had lasted "
            "for two years.",
            ("convicted", "acquitted"),
            ("{a} was found guilty.", "{a} was cleared."),
        ),
        Contrast(
            "town",
            "The council of {a} has {phrase} the fee for parking in the center, a change that will take effect on "
            "{day}.",
            ("abolished", "doubled"),
            ("Drivers in {a} will park for nothing.", "Drivers in {a} will have higher costs."),
        ),
    ),
    "val": (
        Contrast(
            "person",
            "{a} was {phrase} in a fall from the roof of the family barn near {town} on {day}, during the first "
            "storm of the year.",
            ("fatally injured", "slightly bruised"),
            ("{a} died.", "{a} survived."),
        ),
        Contrast(
            "firm",
            "{a} will {phrase} about a third of its mechanics at the plant in {town} because fewer engines are "
            "needed there.",
            ("fire", "retrain"),
            ("Some mechanics at {a} will lose their jobs.", "Some mechanics at {a} will learn new skills."),
        ),
        Contrast(
            "town",
            "A bridge in {a} {phrase} on {day}, six months after engineers from {town} had examined its rusty pillars.",
            ("collapsed", "reopened"),
            ("A bridge was destroyed.", "A bridge was put back into use."),
        ),
    ),
}

IMPLICATIVE: dict[str, tuple[Contrast, ...]] = {
    "train": (
        Contrast(
            "person",
            "{a} {phrase} to repay the loan from the savings bank in {town} before the deadline, which was noon on "
            "{day}.",
            ("managed", "failed"),
            ("{a} repaid the loan in time.", "{a} did not repay the loan in time."),
        ),
        Contrast(
            "person",
            "{a} {phrase} to lock the gate of the deer park outside {town} on {day} evening, as the cameras clearly "
            "showed.",
            ("remembered", "forgot"),
            ("{a} locked the gate.", "{a} did not lock the gate."),
        ),
        Contrast(
            "person",
            "{a} {phrase} to count the votes from the outer districts of {town} before the result was made public "
            "on {day}.",
            ("took the time", "neglected"),
            ("{a} counted the votes.", "{a} left some votes uncounted."),
        ),
        Contrast(
            "firm",
            "{a} {phrase} to recall nine thousand electric heaters on {day} after a small fire in a kitchen in {town}.",
            ("was forced", "declined"),
            ("{a} recalled the heaters.", "{a} did not recall the heaters."),
        ),
        Contrast(
            "firm",
            "{a} {phrase} to publish the results of the safety test that was carried out at its plant in {town} on "
            "{day}.",
            ("saw fit", "refused"),
            ("{a} made the results public.", "{a} withheld the results."),
        ),
        Contrast(
            "town",
            "Volunteers from {a} {phrase} clearing the old canal before the boat race on {day}, in spite of heavy "
            "rain.",
            ("succeeded in", "were prevented from"),
            ("The old canal was cleared before the race.", "The old canal was not cleared before the race."),
        ),
    ),
    "val": (
        Contrast(
            "person",
            "{a} {phrase} to cross the swaying rope bridge near {town} on {day}, while a group of tourists stood "
            "watching.",
            ("dared", "was too frightened"),
            ("{a} crossed the bridge.", "{a} did not cross the bridge."),
        ),
        Contrast(
            "firm",
            "{a} {phrase} to inform its customers about the leak at the fuel depot in {town}, which was discovered "
            "on {day}.",
            ("was compelled", "omitted"),
            ("{a} told its customers about the leak.", "{a} kept its customers in the dark."),
        ),
        Contrast(
            "town",
            "The youth team of {a} {phrase} to catch the last train home from the tournament in {town} on {day} night.",
            ("was just fast enough", "was just too late"),
            ("The team caught the last train.", "The team missed the last train."),
        ),
    ),
}

QUANTITY: dict[str, tuple[Contrast, ...]] = {
    "train": (
        Contrast(
            "firm",
            "Inspectors found cracks in {phrase} of the forty boats that {a} keeps in the harbor of {town} for use "
            "by tourists.",
            ("all", "only two"),
            ("Every boat of {a} had cracks.", "Most boats of {a} were undamaged."),
        ),
        Contrast(
            "town",
            "In {a}, {phrase} of the six elementary schools will stay open during the strike of bus drivers, "
            "officials announced on {day}.",
            ("every one", "just one"),
            ("The strike will not close any school in {a}.", "The strike will close several schools in {a}."),
        ),
        Contrast(
            "person",
            "{a} lost {phrase} of the nineteen chess games played in {town} this season, the last of them on {day} "
            "evening.",
            ("just one", "nearly all"),
            ("{a} was hardly ever defeated.", "{a} was defeated most of the time."),
        ),
        Contrast(
            "firm",
            "{a} raised the price of its garden chairs {phrase} during the past year, a survey by a magazine in "
            "{town} has found.",
            ("several times", "exactly once"),
            ("There were repeated price increases at {a}.", "There was one price increase at {a}."),
        ),
        Contrast(
            "town",
            "There were {phrase} two hundred people at the opening of the new swimming pool in {a} on {day}, where "
            "a brass band played.",
            ("well over", "not even"),
            ("More than two hundred people came.", "Fewer than two hundred people came."),
        ),
        Contrast(
            "person",
            "{a} gave a clear answer to {phrase} of the thirty questions that a committee of the senate in {town} "
            "asked on {day}.",
            ("each", "hardly any"),
            ("All questions were clearly answered by {a}.", "Most questions were not clearly answered by {a}."),
        ),
    ),
    "val": (
        Contrast(
            "town",
            "According to a new map, {phrase} of the eleven bridges in {a} can carry heavy trucks, and work on the "
            "others begins on {day}.",
            ("barely three", "fully ten"),
            ("Few bridges in {a} can carry trucks.", "Almost all bridges in {a} can carry trucks."),
        ),
        Contrast(
            "firm",
            "{a} has missed {phrase} of its last eight targets for cleaner production, an auditor from {town} "
            "reported on {day}.",
            ("seven", "none"),
            ("{a} missed most of its targets.", "{a} met its targets every time."),
        ),
        Contrast(
            "person",
            "{a} recognized {phrase} at the reunion of former sailors that was held in a restaurant in {town} on "
            "{day} night.",
            ("everybody", "nobody"),
            ("All the sailors were familiar to {a}.", "The sailors were strangers to {a}."),
        ),
    ),
}
