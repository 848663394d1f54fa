"""The classes of stories of the RTE sample data, and the word lists that all stories use.

No entry is in both splits, except the days of the week, on which no label depends. People, firms
and towns are invented. Cities are real, because a hypothesis may name the country of a city.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DAYS", "DIRECTIONS", "LANDS", "LEXICONS", "Contrast", "Direction", "Kind", "Lexicon", "Swap"]

Kind = Literal["person", "firm", "town", "city"]
Direction = Literal["forward", "backward"]

DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Swap:
    """A sentence that names {a} and then {b}, and two hypotheses that it entails.

    With the names exchanged, the sentence must entail neither hypothesis.
    """

    kind: Kind
    text: str

    forward: str
    """Hypothesis that names only {a}, or {a} first. The country of a city counts as the name of the city."""

    backward: str
    """Hypothesis that names only {b}, or {b} first, so that the order of names does not predict the label."""


@dataclass(frozen=True)
class Contrast:
    """A sentence about {a} with a slot for one of two phrases, and the hypothesis that each phrase entails.

    No phrase may be compatible with the hypothesis of the other phrase.
    """

    kind: Kind
    text: str
    phrases: tuple[str, str]
    hypotheses: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    names: dict[Kind, tuple[str, ...]]
    """Subjects of stories."""

    towns: tuple[str, ...]
    """Places in which a story may happen."""

    contexts: dict[Kind, tuple[str, ...]]
    """Sentences that may follow any story about names of a kind, and do not change its meaning."""


_CITIES = {
    "train": {
        "Lyon": "France",
        "Osaka": "Japan",
        "Munich": "Germany",
        "Toronto": "Canada",
        "Naples": "Italy",
        "Seville": "Spain",
        "Krakow": "Poland",
        "Melbourne": "Australia",
        "Cairo": "Egypt",
        "Lima": "Peru",
        "Gothenburg": "Sweden",
        "Mumbai": "India",
    },
    "val": {
        "Antwerp": "Belgium",
        "Bergen": "Norway",
        "Porto": "Portugal",
        "Graz": "Austria",
        "Nairobi": "Kenya",
        "Bogota": "Colombia",
        "Shanghai": "China",
        "Istanbul": "Turkey",
    },
}

LANDS = {city: land for lands in _CITIES.values() for city, land in lands.items()}

LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        names={
            "person": (
                "Clara Whitfield",
                "Dennis Okafor",
                "Elena Petrov",
                "Frank Delaney",
                "Gina Morales",
                "Howard Lindgren",
                "Irene Castell",
                "Jakob Steiner",
                "Karen Mwangi",
                "Leon Fischer",
                "Monica Tran",
                "Nigel Barrow",
                "Olga Sandoval",
                "Paul Renner",
            ),
            "firm": (
                "Norvane",
                "Beltrix",
                "Castlemere",
                "Pelmora",
                "Quandra",
                "Tessaly",
                "Vantrel",
                "Orbisol",
                "Hallmere",
                "Zephyra",
            ),
            "town": (
                "Harwick",
                "Dunfold",
                "Eastmoor",
                "Calderby",
                "Pinford",
                "Rosmere",
                "Stavely",
                "Thornham",
                "Wickley",
                "Brenholt",
            ),
            "city": tuple(_CITIES["train"]),
        },
        towns=("Ferrand", "Milbrook", "Castine", "Dellwood", "Portway", "Aldersham", "Gorley"),
        contexts={
            "person": (
                "The story was first reported by a local radio station.",
                "Many people in the region had been following the matter for months.",
                "A longer article on the subject is expected in the weekend edition.",
                "The news spread quickly, and several newspapers put it on their front pages.",
            ),
            "firm": (
                "Analysts said the news would have little effect on the wider market.",
                "Investors discussed it for hours after the stock exchange had closed for the day.",
                "Trade magazines had been writing about the possibility since early spring.",
                "A fuller statement is expected at the annual meeting of shareholders next month.",
            ),
            "town": (
                "Local newspapers gave the subject several pages in their weekend editions.",
                "People in the neighboring villages have talked about little else for weeks.",
                "A regional television channel will broadcast a report on the matter next week.",
                "The mayor of a nearby community called the news remarkable in a short speech.",
            ),
            "city": (
                "The report was confirmed by two news agencies in the course of the afternoon.",
                "Readers in both cities have shown a great deal of interest in the news.",
                "Few other details were known when this newspaper went to press.",
                "A government source described the news as important but not unexpected.",
            ),
        },
    ),
    "val": Lexicon(
        names={
            "person": (
                "Stella Novak",
                "Rupert Hayes",
                "Tamara Quist",
                "Ulrich Brandt",
                "Vera Castillo",
                "Wesley Grady",
                "Yasmin Haddad",
                "Anton Kowal",
                "Bridget Farrow",
                "Cedric Nolan",
            ),
            "firm": ("Lumetra", "Drayson", "Kestrix", "Faldane", "Ardenta", "Solvique", "Mirandel", "Corbyte"),
            "town": ("Ashcombe", "Fallowby", "Grenmouth", "Kilverton", "Lowbrook", "Marfield", "Netherby", "Ovington"),
            "city": tuple(_CITIES["val"]),
        },
        towns=("Rundle", "Hexley", "Orsett", "Tilbrook", "Brackley"),
        contexts={
            "person": (
                "A short note about it was published on the website of a daily paper.",
                "More about the background can be read in a magazine out this week.",
                "It was the most discussed topic of the morning on several channels.",
            ),
            "firm": (
                "A spokeswoman confirmed the information in a brief message to the press.",
                "Experts had predicted such a development in an interview last autumn.",
                "The industry has seen a number of surprising changes in recent years.",
            ),
            "town": (
                "The governor of the province mentioned it during a visit to the coast.",
                "Citizens were informed of the facts at a crowded public hearing.",
                "Outside the province the news has hardly been noticed so far.",
            ),
            "city": (
                "The information was released by the foreign ministry without further explanation.",
                "According to diplomats, the matter will not affect relations between the countries.",
                "Our correspondents are trying to obtain additional statements from those involved.",
            ),
        },
    ),
}
