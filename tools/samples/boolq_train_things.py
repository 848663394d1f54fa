"""Animals and devices of the training split of the BoolQ sample data."""

from tools.samples.boolq_lexicon import Contrast, Subject, Swap

__all__ = ["SUBJECTS"]

_HERON = Subject(
    names=("Ashen", "Calder", "Marbled", "Pelham", "Sable", "Tallis"),
    title="{name} heron",
    intro="The {name} heron is a large wading bird of marshes and shallow lakes in the tropics.",
    facts=(
        Swap(
            "exception",
            "It breeds all year round except in {a}, and in {b} each pair builds a second nest.",
            ("October", "November", "December", "January"),
            "does the {name} heron stop breeding in {a}",
            "does the {name} heron breed in {a}",
        ),
        Swap(
            "number",
            "A nest contains up to six eggs in the {a} and up to four in the {b}.",
            ("highlands", "lowlands", "delta"),
            "does the {name} heron lay more eggs in the {a} than in the {b}",
            "does the {name} heron lay fewer eggs in the {a} than in the {b}",
        ),
        Swap(
            "order",
            "At the breeding grounds the {a} arrive about two weeks before the {b}.",
            ("males", "females"),
            "do the {a} of the {name} heron reach the breeding grounds earlier than the {b}",
            "do the {a} of the {name} heron reach the breeding grounds later than the {b}",
        ),
        Swap(
            "attribute",
            "In an adult bird the {a} is yellow and the {b} is gray.",
            ("bill", "neck", "crown", "tail"),
            "does an adult {name} heron have a yellow {a}",
            "does an adult {name} heron have a gray {a}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its known colonies lie inside nature reserves.",
            ("All", "Fewer than half"),
            (
                "does every known colony of the {name} heron lie in a nature reserve",
                "are most known colonies of the {name} heron outside nature reserves",
            ),
        ),
        Contrast(
            "rule",
            "Hunting it is {phrase}.",
            ("against the law everywhere", "legal with a permit"),
            (
                "is there a complete ban on hunting the {name} heron",
                "can you get permission to hunt the {name} heron",
            ),
        ),
        Contrast(
            "degree",
            "It reaches about {phrase} the height of the common stork.",
            ("twice", "half"),
            ("is the {name} heron taller than the common stork", "is the {name} heron shorter than the common stork"),
        ),
    ),
)

_CAMERA = Subject(
    names=("Optara", "Pixelon", "Novacam", "Claritex", "Fotora", "Mirvo"),
    title="{name}",
    intro="The {name} is a pocket camera that was sold in the late 1990s.",
    facts=(
        Swap(
            "exception",
            "The warranty lasts five years, but the {a} is excluded and the {b} is covered for ten.",
            ("lens", "shutter", "flash", "screen"),
            "is the {a} of the {name} left out of the warranty",
            "is the {a} of the {name} under warranty",
        ),
        Swap(
            "number",
            "In {a} mode a battery lasts for 300 pictures, and in {b} mode for 450.",
            ("night", "sport", "portrait"),
            "does a battery of the {name} last for fewer pictures in {a} mode than in {b} mode",
            "does a battery of the {name} last for more pictures in {a} mode than in {b} mode",
        ),
        Swap(
            "order",
            "It came out in {a} in 1997 and in {b} in 1999.",
            ("black", "silver", "red", "blue"),
            "could you buy the {name} in {a} before {b}",
            "could you buy the {name} in {a} only after {b}",
        ),
        Swap(
            "attribute",
            "The {a} can be removed for cleaning, but the {b} is fixed.",
            ("viewfinder", "grip", "filter", "eyecup"),
            "can you take off the {a} of the {name}",
            "is the {a} of the {name} permanently attached",
        ),
        Swap(
            "agent",
            "The body is made in {a} and the optics are made in {b}.",
            ("Japan", "Germany", "Hungary", "Malaysia"),
            "does the body of the {name} come from {a}",
            "do the optics of the {name} come from {a}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its nine buttons can be given a new function.",
            ("Each", "Just one"),
            (
                "can you change the function of every button on the {name}",
                "do most buttons on the {name} have a function that cannot be changed",
            ),
        ),
        Contrast(
            "rule",
            "To connect it to a computer, an adapter {phrase}.",
            ("is required", "is superfluous"),
            (
                "do you need an adapter to connect the {name} to a computer",
                "can you connect the {name} to a computer without an adapter",
            ),
        ),
        Contrast(
            "degree",
            "With a full battery it weighs {phrase} four hundred grams.",
            ("a little over", "a little under"),
            ("is the {name} heavier than four hundred grams", "is the {name} lighter than four hundred grams"),
        ),
    ),
)

SUBJECTS = (_HERON, _CAMERA)
