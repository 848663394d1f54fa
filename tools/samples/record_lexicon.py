"""The word lists of the ReCoRD sample data, disjoint between the splits.

A name must not be a word of any text, because every occurrence of a name counts as a mention.
"""

from tools.samples.record_events import Lexicon
from tools.samples.record_topics_train import TOPICS as TRAIN_TOPICS
from tools.samples.record_topics_val import TOPICS as VAL_TOPICS

__all__ = ["LEXICONS"]

LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        first_names=(
            *("Maria", "Paul", "Ida", "Thomas", "Elena", "Jakob", "Sophie", "Nikolai"),
            *("Astrid", "Ramon", "Judith", "Kamal", "Agnes", "Stefan", "Lydia", "Hugo"),
        ),
        surnames=(
            *("Keller", "Moreno", "Haas", "Lindqvist", "Okafor", "Brandt", "Castillo", "Novak"),
            *("Fontaine", "Ibsen", "Mancini", "Drexler", "Pereira", "Sorensen", "Takeda", "Whitlock"),
        ),
        places=("Lindau", "Marwick", "Esterby", "Tolvane", "Brockhaven", "Cassel", "Durnford", "Ostrava"),
        sources=("Lakeside Post", "Morning Courier", "Valley Times"),
        remarks={
            "person": (
                "{x} could not be reached for comment.",
                "A portrait of {x} will appear in the weekend edition.",
                "There was nobody at the home of {x} on Monday.",
            ),
            "place": (
                "The mayor of {x} could not be reached for comment.",
                "A report from {x} will appear in the weekend edition.",
                "Our reporter drove to {x} on Monday but found the town hall closed.",
            ),
        },
        topics=TRAIN_TOPICS,
    ),
    "val": Lexicon(
        first_names=("Birgit", "Andre", "Naomi", "Viktor", "Celia", "Tarek", "Ulrike", "Mateo", "Frances"),
        surnames=(
            *("Hollander", "Quintero", "Ashdown", "Petrov", "Lemaire", "Sandoval"),
            *("Gruber", "Yamada", "Thornton", "Wallin"),
        ),
        places=("Kirkmere", "Falsted", "Aldona", "Penrith", "Zeltau", "Morvane", "Granby"),
        sources=("Evening Herald", "Northern Star"),
        remarks={
            "person": (
                "{x} did not wish to say anything on the phone.",
                "Readers have sent in dozens of questions about {x}.",
            ),
            "place": (
                "The council of {x} did not wish to say anything on the phone.",
                "Readers have sent in dozens of questions about {x}.",
            ),
        },
        topics=VAL_TOPICS,
    ),
}
