"""The subjects of the validation split of the BoolQ sample data."""

from tools.samples.boolq_lexicon import Contrast, Subject, Swap

__all__ = ["SUBJECTS"]

_CABLEWAY = Subject(
    names=("Grauhorn", "Silberjoch", "Monteverro", "Pizalto", "Taldura"),
    title="{name} Cableway",
    intro="The {name} Cableway is a mountain cableway that opened in 1962.",
    facts=(
        Swap(
            "exception",
            "Children ride free except on {a}, and on {b} they also receive a small flag.",
            ("Easter Sunday", "Labor Day", "Christmas Eve", "Midsummer Day"),
            "do children need a ticket for the {name} cableway on {a}",
            "do children ride the {name} cableway without paying on {a}",
        ),
        Swap(
            "number",
            "Its {a} cabin carries 24 passengers and its {b} cabin carries 36.",
            ("green", "orange", "purple", "white"),
            "does the {a} cabin of the {name} cableway hold fewer passengers than the {b} cabin",
            "does the {a} cabin of the {name} cableway hold more passengers than the {b} cabin",
        ),
        Swap(
            "order",
            "On the way up it passes the {a} about three minutes after the {b}.",
            ("waterfall", "quarry", "shelter", "gorge"),
            "going up on the {name} cableway do you see the {a} later than the {b}",
            "going up on the {name} cableway do you see the {a} earlier than the {b}",
        ),
        Swap(
            "attribute",
            "There is a ramp to the {a}, but only steep stairs lead to the {b}.",
            ("terrace", "restaurant", "ticket hall", "exhibition"),
            "is the {a} of the {name} cableway accessible by wheelchair",
            "do you need to climb stairs in order to see the {a} of the {name} cableway",
        ),
        Swap(
            "agent",
            "The cables were supplied by {a}, and the motors were delivered by {b}.",
            ("Wendt", "Aubry", "Kallio", "Stanik"),
            "did the cables of the {name} cableway come from {a}",
            "did the motors of the {name} cableway come from {a}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its pylons stand on private land.",
            ("None", "Several"),
            (
                "are the pylons of the {name} cableway all on public land",
                "do some pylons of the {name} cableway stand on private land",
            ),
        ),
        Contrast(
            "rule",
            "Skis {phrase} in both cabins.",
            ("are forbidden", "are permitted"),
            (
                "do skiers have to leave their skis behind on the {name} cableway",
                "can skiers bring their skis with them on the {name} cableway",
            ),
        ),
        Contrast(
            "degree",
            "For reasons of safety the ride down is {phrase} the ride up.",
            ("considerably slower than", "at the same speed as"),
            (
                "does the {name} cableway need more time for the ride down",
                "does the {name} cableway need equal time for the ride down and the ride up",
            ),
        ),
    ),
)

_CASTLE = Subject(
    names=("Arnwald", "Belmere", "Dunrossan", "Falkenau", "Trevanion"),
    title="{name} Castle",
    intro="{name} Castle is a ruined castle on a hill above a wide valley.",
    facts=(
        Swap(
            "exception",
            "Guided tours are given all year except in {a}, and in {b} there are two a day.",
            ("February", "March", "April", "September"),
            "is {name} castle without guided tours in {a}",
            "can you join a guided tour of {name} castle in {a}",
        ),
        Swap(
            "number",
            "The {a} is 18 meters high, while the {b} rises to 31 meters.",
            ("watchtower", "keep", "granary", "belfry"),
            "is the {a} of {name} castle lower than the {b}",
            "is the {a} of {name} castle taller than the {b}",
        ),
        Swap(
            "order",
            "It was besieged by the {a} in 1280 and by the {b} in 1411.",
            ("Danes", "Swedes", "Saxons", "Bavarians"),
            "did the {a} attack {name} castle before the {b}",
            "did the {a} attack {name} castle after the {b}",
        ),
        Swap(
            "attribute",
            "The {a} is still roofed, but only the bare walls of the {b} remain.",
            ("great hall", "kitchen", "armory", "stable block"),
            "does the {a} of {name} castle have a roof",
            "has the {a} of {name} castle lost its roof",
        ),
        Swap(
            "agent",
            "It was begun by {a} and completed by {b}.",
            ("Bishop Ortwin", "Count Rainald", "Duke Albrecht", "Abbot Fulk"),
            "did {a} start the construction of {name} castle",
            "did {a} finish the construction of {name} castle",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its five gates has survived.",
            ("Every one", "Not one"),
            (
                "are all five gates of {name} castle still standing",
                "have the five gates of {name} castle completely disappeared",
            ),
        ),
        Contrast(
            "rule",
            "Climbing the outer tower is {phrase}.",
            ("strictly prohibited", "officially tolerated"),
            (
                "can you get into trouble for climbing the outer tower of {name} castle",
                "may visitors of {name} castle climb the outer tower",
            ),
        ),
        Contrast(
            "degree",
            "In an average year it attracts {phrase} fifty thousand visitors.",
            ("far in excess of", "well short of"),
            (
                "do over fifty thousand people go to {name} castle in an average year",
                "do under fifty thousand people go to {name} castle in an average year",
            ),
        ),
    ),
)

_SKINK = Subject(
    names=("Banda", "Corlis", "Mottled", "Mawson", "Satin"),
    title="{name} skink",
    intro="The {name} skink is a small lizard of open forests and stony slopes.",
    facts=(
        Swap(
            "exception",
            "It lives on every island of the chain except {a}, while {b} has the most animals.",
            ("Tarua", "Kelimo", "Velo", "Marani"),
            "is the {name} skink absent from the island of {a}",
            "does the {name} skink occur on the island of {a}",
        ),
        Swap(
            "number",
            "It lays about nine eggs in a {a} year and about five in a {b} year.",
            ("wet", "hot", "cold"),
            "does the {name} skink lay more eggs in a {a} year than in a {b} year",
            "does the {name} skink lay fewer eggs in a {a} year than in a {b} year",
        ),
        Swap(
            "order",
            "In young animals the spots on the {a} fade weeks before those on the {b}.",
            ("back", "shoulders", "flanks", "head"),
            "do the spots on the {a} of a {name} skink fade earlier than those on the {b}",
            "do the spots on the {a} of a {name} skink fade later than those on the {b}",
        ),
        Swap(
            "attribute",
            "The {a} is bright pink, while the {b} is of a dull brown.",
            ("throat", "belly", "tongue", "chin"),
            "does the {name} skink have a pink {a}",
            "does the {name} skink have a brown {a}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its young survive the first winter.",
            ("Nearly all", "Very few"),
            (
                "do most young of the {name} skink live through the first winter",
                "do most young of the {name} skink die before the end of the first winter",
            ),
        ),
        Contrast(
            "rule",
            "Keeping one as a pet {phrase}.",
            ("calls for an official license", "is completely unregulated"),
            (
                "do you need a permit before you can buy a {name} skink as a pet",
                "can you keep a {name} skink as a pet without a permit",
            ),
        ),
        Contrast(
            "degree",
            "In captivity it can reach {phrase} ten years of age.",
            ("upward of", "at most"),
            (
                "can a {name} skink in captivity grow older than ten years",
                "is ten years the highest age of a {name} skink in captivity",
            ),
        ),
    ),
)

SUBJECTS = (_CABLEWAY, _CASTLE, _SKINK)
