"""Stories for the RTE sample data in which the label depends on who did something to whom.

*role*: the hypothesis paraphrases the premise, or describes the action from the view of the other participant.
*converse*: the hypothesis uses the converse of a verb or noun (sell and buy, teacher and pupil).
"""

from tools.samples.rte_lexicon import Swap

__all__ = ["CONVERSE", "ROLE"]

ROLE: dict[str, tuple[Swap, ...]] = {
    "train": (
        Swap(
            "firm",
            "{a} has filed a lawsuit against {b}, claiming that parts of a popular garden tractor were copied "
            "without permission from an earlier model.",
            "{a} took {b} to court.",
            "{b} was sued by {a}.",
        ),
        Swap(
            "firm",
            "{a} has been bought by {b} in a deal worth sixty million dollars, and the two head offices will be "
            "merged before the end of the year.",
            "{a} became the property of {b}.",
            "{b} acquired {a}.",
        ),
        Swap(
            "town",
            "{a} were beaten by {b} in the semifinal of the regional cup on {day} after a goal in the last minute "
            "of extra time.",
            "{a} lost to {b}.",
            "{b} knocked {a} out of the cup.",
        ),
        Swap(
            "person",
            "{a} was interviewed by {b} for a long radio portrait that will be broadcast from {town} in three parts, "
            "beginning on {day}.",
            "{a} answered questions from {b}.",
            "{b} had a conversation with {a} and asked the questions.",
        ),
        Swap(
            "person",
            "{a} has nominated {b} for the vacant seat on the county court, a choice that surprised many lawyers "
            "in {town}.",
            "{a} proposed {b} as a judge.",
            "{b} was put forward by {a}.",
        ),
    ),
    "val": (
        Swap(
            "firm",
            "{a} has agreed to lend {b} nine million dollars so that work on the unfinished paper mill outside "
            "{town} can resume.",
            "{a} is prepared to finance {b}.",
            "{b} will get a loan from {a}.",
        ),
        Swap(
            "town",
            "{a} were thrashed by {b} in front of a record crowd on {day}, the clearest result between the two "
            "sides in twenty years.",
            "{a} suffered a heavy defeat against {b}.",
            "{b} won the match against {a}.",
        ),
        Swap(
            "person",
            "{a} was portrayed by {b} in a much praised film about the first expedition to the southern glaciers, "
            "which opened on {day}.",
            "{a} is a character in a film starring {b}.",
            "{b} played {a} on screen.",
        ),
    ),
}

CONVERSE: dict[str, tuple[Swap, ...]] = {
    "train": (
        Swap(
            "person",
            "{a} sold the old lighthouse near {town} to {b} on {day} for a price that neither of the two wished "
            "to disclose.",
            "{a} found a buyer in {b}.",
            "{b} bought a lighthouse from {a}.",
        ),
        Swap(
            "person",
            "{a} taught {b} to play the cello for almost eight years, long before either of them appeared on a "
            "concert stage in {town}.",
            "{a} gave {b} music lessons.",
            "{b} was a pupil of {a}.",
        ),
        Swap(
            "firm",
            "{a} is going to rent two warehouses in {town} from {b} starting next month, replacing a building that was "
            "damaged by fire.",
            "{a} will be a tenant of {b}.",
            "{b} will let storage space to {a}.",
        ),
        Swap(
            "person",
            "{a} has inherited the family bakery in {town} from {b}, along with a debt that nobody had known about.",
            "{a} is an heir of {b}.",
            "{b} left a bakery to {a}.",
        ),
        Swap(
            "person",
            "{a} hired {b} as a personal driver shortly after the election and praised the decision again in a "
            "speech on {day}.",
            "{a} became the employer of {b}.",
            "{b} got a job with {a}.",
        ),
    ),
    "val": (
        Swap(
            "person",
            "{a} treated {b} for a broken wrist at the clinic in {town} on {day} and advised a full month of rest.",
            "{a} gave {b} medical care.",
            "{b} was a patient of {a}.",
        ),
        Swap(
            "firm",
            "{a} supplies {b} with all of the glass that is needed for the new station roof in {town}, where work "
            "began on {day}.",
            "{a} counts {b} among its customers.",
            "{b} purchases glass from {a}.",
        ),
        Swap(
            "person",
            "{a} took over from {b} as director of the state archive on {day}, a change that the staff in {town} "
            "had long expected.",
            "{a} is the successor of {b}.",
            "{b} was replaced by {a}.",
        ),
    ),
}
