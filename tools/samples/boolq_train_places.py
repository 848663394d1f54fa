"""Places and lines of the training split of the BoolQ sample data."""

from tools.samples.boolq_lexicon import Contrast, Subject, Swap

__all__ = ["SUBJECTS"]

_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")

_MUSEUM = Subject(
    names=("Brandell", "Corvane", "Eastry", "Holmgate", "Lindqvist", "Marlow"),
    title="{name} Museum",
    intro="The {name} Museum is a museum of glass and porcelain in a former brewery.",
    facts=(
        Swap(
            "exception",
            "It is open daily except on {a}, and on {b} it stays open until ten.",
            _DAYS,
            "is the {name} museum closed all day on {a}",
            "can you visit the {name} museum on {a}",
        ),
        Swap(
            "number",
            "Its rooms hold about 320 {a} and 140 {b}, most of them given by collectors.",
            ("vases", "bowls", "goblets", "plates"),
            "are there more {a} than {b} in the {name} museum",
            "are there fewer {a} than {b} in the {name} museum",
        ),
        Swap(
            "order",
            "The {a} was built eleven years after the {b}, and a glass bridge joins the two.",
            ("north wing", "garden wing", "clock tower", "workshop"),
            "is the {a} of the {name} museum newer than the {b}",
            "is the {a} of the {name} museum older than the {b}",
        ),
        Swap(
            "attribute",
            "Visitors may photograph the {a}, while the {b} may only be sketched.",
            ("furnaces", "mirrors", "lamps", "windows"),
            "is it allowed to take pictures of the {a} at the {name} museum",
            "are photos of the {a} forbidden at the {name} museum",
        ),
        Swap(
            "agent",
            "The building was designed by {a}, and the collection was begun by {b}.",
            ("Agnes Rowntree", "Basil Corrie", "Minna Halvard", "Otis Kendrick"),
            "did {a} draw the plans of the {name} museum",
            "did {a} start the collection of the {name} museum",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its four floors can be reached by elevator.",
            ("All", "Only two"),
            (
                "can you get to every floor of the {name} museum by elevator",
                "are there floors of the {name} museum without an elevator",
            ),
        ),
        Contrast(
            "rule",
            "Large bags {phrase}.",
            ("must be checked on arrival", "may be carried around"),
            (
                "do you have to give up your large bag at the {name} museum",
                "can you keep your large bag with you at the {name} museum",
            ),
        ),
        Contrast(
            "degree",
            "A ticket costs {phrase} as one for the nearby zoo.",
            ("half as much", "twice as much"),
            ("is the {name} museum cheaper than the zoo", "is the {name} museum more expensive than the zoo"),
        ),
    ),
)

_FERRY = Subject(
    names=("Aldersund", "Corrigan", "Haverly", "Kestle", "Ronsay", "Tarbeck"),
    title="{name} Ferry",
    intro="The {name} Ferry is a car ferry across a narrow strait in the north.",
    facts=(
        Swap(
            "exception",
            "Bicycles travel free except in {a}, and in {b} they also get a deck of their own.",
            ("May", "June", "July", "August"),
            "do you have to pay for a bicycle on the {name} ferry in {a}",
            "can you take a bicycle for free on the {name} ferry in {a}",
        ),
        Swap(
            "number",
            "There is room for 140 people on the {a} and for 90 on the {b}.",
            ("upper deck", "main deck", "rear deck"),
            "does the {a} of the {name} ferry hold more people than the {b}",
            "does the {a} of the {name} ferry hold fewer people than the {b}",
        ),
        Swap(
            "order",
            "On its way out it stops at {a}, and forty minutes later at {b}.",
            ("Skarra", "Linsay", "Morrow Bay", "Ostby"),
            "on its way out does the {name} ferry get to {a} before {b}",
            "on its way out does the {name} ferry get to {a} after {b}",
        ),
        Swap(
            "attribute",
            "The {a} is heated, and the {b} has a roof but no heating.",
            ("lounge", "gallery", "cafe", "reading room"),
            "is it warm in the {a} of the {name} ferry even in winter",
            "does the {a} of the {name} ferry lack a heater",
        ),
        Swap(
            "agent",
            "It was built by {a} and is now run by {b}.",
            ("Norvik", "Halsey", "Drummond", "Pascoe"),
            "did {a} build the {name} ferry",
            "does {a} operate the {name} ferry",
        ),
        Contrast(
            "quantifier",
            "On a normal trip {phrase} of the five crew members speak English.",
            ("all", "two"),
            (
                "does everyone in the crew of the {name} ferry speak english",
                "are there usually crew members on the {name} ferry who do not speak english",
            ),
        ),
        Contrast(
            "rule",
            "Dogs {phrase} during the crossing.",
            ("must remain inside their cars", "may accompany their owners on deck"),
            (
                "do dogs have to wait in the car during a trip with the {name} ferry",
                "can dogs leave the car during a trip with the {name} ferry",
            ),
        ),
        Contrast(
            "degree",
            "In winter the crossing takes {phrase} as in summer.",
            ("twice as long", "exactly as long"),
            (
                "does the {name} ferry need more time in winter than in summer",
                "is the {name} ferry equally quick in winter and summer",
            ),
        ),
    ),
)

_TOWN = Subject(
    names=("Ellingford", "Hartsbury", "Kenmoor", "Loxham", "Pennwick", "Tarrant"),
    title="{name}",
    intro="{name} is a small town on a slow river, known far and wide for its apples.",
    facts=(
        Swap(
            "exception",
            "The market is held daily except on {a}, and on {b} it is twice the usual size.",
            _DAYS,
            "is {name} without its market on {a}",
            "can you go to the market in {name} on {a}",
        ),
        Swap(
            "number",
            "It has 5 {a} and 14 {b}, all of them described in a popular guide.",
            ("mills", "chapels", "inns", "bakeries"),
            "does {name} have fewer {a} than {b}",
            "does {name} have more {a} than {b}",
        ),
        Swap(
            "order",
            "The {a} opened in 1954 and the {b} in 1968, both in the same street.",
            ("library", "cinema", "swimming pool", "hospital"),
            "did {name} have a {a} before it had a {b}",
            "is the {a} of {name} newer than the {b}",
        ),
        Swap(
            "attribute",
            "The {a} is made of granite, while brick was used for the {b}.",
            ("town hall", "gatehouse", "station", "grain store"),
            "is the {a} of {name} a granite building",
            "is the {a} of {name} a brick building",
        ),
        Swap(
            "agent",
            "It was founded by {a} and rebuilt after a fire by {b}.",
            ("salt merchants", "weavers", "miners", "fishermen"),
            "did {a} found the town of {name}",
            "was it {a} who rebuilt {name} after a fire",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its bridges can be used by trucks.",
            ("Both", "Just one"),
            (
                "can trucks cross every bridge in {name}",
                "is there a bridge in {name} that trucks cannot cross",
            ),
        ),
        Contrast(
            "rule",
            "Shops {phrase} on public holidays.",
            ("have to close", "have permission to open"),
            (
                "are shops in {name} forced to shut on public holidays",
                "are shops in {name} allowed to do business on public holidays",
            ),
        ),
        Contrast(
            "degree",
            "Since 1990 its population has {phrase}.",
            ("roughly doubled", "fallen by a third"),
            ("has {name} grown since 1990", "has {name} become smaller since 1990"),
        ),
    ),
)

SUBJECTS = (_MUSEUM, _FERRY, _TOWN)
