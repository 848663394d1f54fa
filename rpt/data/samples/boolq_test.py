"""The subjects of the test split of the BoolQ sample data."""

from rpt.data.samples.boolq_lexicon import Contrast, Subject, Swap

__all__ = ["SUBJECTS"]

_ARCHIVE = Subject(
    names=("Ansgar", "Dellacourt", "Okonjo", "Rosewood", "Steinmann"),
    title="{name} Archive",
    intro="The {name} Archive is the public archive of a large harbor city.",
    facts=(
        Swap(
            "exception",
            "Every study has internet access except the {a}, and the {b} also has printers.",
            ("map room", "music room", "law room", "film room"),
            "is the {a} of the {name} archive offline",
            "is there internet in the {a} of the {name} archive",
        ),
        Swap(
            "number",
            "It owns 5,000 {a} and 8,000 {b}, nearly all of them from private estates.",
            ("letters", "diaries", "posters", "recordings"),
            "does the {name} archive own fewer {a} than {b}",
            "does the {name} archive own more {a} than {b}",
        ),
        Swap(
            "order",
            "The {a} was moved to the cellar two years after the {b}.",
            ("stamp collection", "coin collection", "photo cabinet"),
            "was the {a} of the {name} archive put in the cellar later than the {b}",
            "was the {a} of the {name} archive put in the cellar earlier than the {b}",
        ),
        Swap(
            "attribute",
            "Readers may borrow {a} for a week, but {b} must stay in the building.",
            ("atlases", "dictionaries", "encyclopedias", "yearbooks"),
            "can you take {a} home from the {name} archive",
            "is it impossible to take {a} home from the {name} archive",
        ),
        Swap(
            "agent",
            "It was paid for by {a} and designed by {b}.",
            ("Delia Marchetti", "Hugo Lindemann", "Samira Nasser"),
            "did {a} give the money for the {name} archive",
            "did {a} make the plans for the {name} archive",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its documents have been scanned.",
            ("A clear majority", "A tiny minority"),
            (
                "have most documents in the {name} archive been scanned",
                "are scans of most documents in the {name} archive still missing",
            ),
        ),
        Contrast(
            "rule",
            "People from outside the city {phrase}.",
            ("are charged an annual fee", "enjoy free membership"),
            (
                "does the {name} archive cost people from outside the city money",
                "can people from outside the city join the {name} archive at no cost",
            ),
        ),
        Contrast(
            "degree",
            "Its new building has {phrase} the floor space of the old one.",
            ("three times", "a quarter of"),
            (
                "is the new building of the {name} archive bigger than the old one",
                "is the new building of the {name} archive smaller than the old one",
            ),
        ),
    ),
)

_SHIP = Subject(
    names=("Astraea", "Bellamar", "Cygnora", "Halcyra", "Norna"),
    title="{name} (ship)",
    intro="The {name} is a cargo ship that has carried grain and timber since 1987.",
    facts=(
        Swap(
            "exception",
            "It may enter every port on its route except {a}, and {b} is where it is repaired.",
            ("Santa Lidia", "Karvik", "Odesund", "Tolmera"),
            "is the port of {a} closed to the {name}",
            "can the {name} enter the port of {a}",
        ),
        Swap(
            "number",
            "The crew includes nine {a} and six {b}.",
            ("engineers", "deckhands", "electricians", "welders"),
            "are there more {a} than {b} on the {name}",
            "are there fewer {a} than {b} on the {name}",
        ),
        Swap(
            "order",
            "It belonged to {a} until 1999 and has belonged to {b} since then.",
            ("Kjeld", "Oramar", "Pacifex", "Lindhal"),
            "did {a} own the {name} before {b}",
            "did {a} own the {name} after {b}",
        ),
        Swap(
            "attribute",
            "The {a} was replaced in 2005, but the {b} is the original one.",
            ("rudder", "propeller", "anchor", "compass"),
            "did the {name} get a different {a} in 2005",
            "does the {name} still have its very first {a}",
        ),
        Swap(
            "agent",
            "It was launched by {a} and first commanded by {b}.",
            ("Admiral Reyes", "Senator Holm", "Mayor Duval", "Colonel Sorel"),
            "did {a} launch the {name}",
            "did {a} serve as first commander of the {name}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of its four cranes can lift a full container.",
            ("Three", "A single one"),
            (
                "are most cranes on the {name} strong enough for a full container",
                "are most cranes on the {name} too weak for a full container",
            ),
        ),
        Contrast(
            "rule",
            "Smoking on board is {phrase}.",
            ("punished severely", "accepted anywhere"),
            (
                "can sailors get into trouble for smoking on the {name}",
                "are sailors on the {name} free to smoke where they like",
            ),
        ),
        Contrast(
            "degree",
            "Fully loaded, it needs {phrase} nine meters of water.",
            ("noticeably more than", "noticeably less than"),
            (
                "is nine meters of water too shallow for the {name} when it is fully loaded",
                "is nine meters of water deep enough for the {name} when it is fully loaded",
            ),
        ),
    ),
)

_GAME = Subject(
    names=("Torvell", "Quixel", "Mandrano", "Zebulo", "Corsairo"),
    title="{name} (game)",
    intro="{name} is a board game of skill from the 1980s for the whole family.",
    facts=(
        Swap(
            "exception",
            "Any piece may be moved in the opening turn except the {a}, and the {b} may be moved twice.",
            ("farmer", "baker", "miller", "sailor"),
            "does the {a} have to stand still in the opening turn of {name}",
            "are you free to move the {a} in the opening turn of {name}",
        ),
        Swap(
            "number",
            "The box contains 30 {a} and 24 {b}, all made of wood.",
            ("coins", "tiles", "huts", "boats"),
            "does {name} come with more {a} than {b}",
            "does {name} come with fewer {a} than {b}",
        ),
        Swap(
            "order",
            "In each round the {a} phase is followed by the {b} phase.",
            ("trade", "harvest", "repair", "travel"),
            "does the {a} phase of {name} come before the {b} phase",
            "does the {a} phase of {name} come after the {b} phase",
        ),
        Swap(
            "attribute",
            "Players hide their {a} cards and place their {b} cards face up.",
            ("weather", "treasure", "animal", "season"),
            "do you keep your {a} cards secret in {name}",
            "can others see your {a} cards in {name}",
        ),
        Swap(
            "agent",
            "The rules were written by {a} and the pictures were drawn by {b}.",
            ("Ingo Baumann", "Leila Fontaine", "Piet Verhoeven"),
            "did {a} write the rules of {name}",
            "did {a} draw the pictures of {name}",
        ),
        Contrast(
            "quantifier",
            "{phrase} of the six expansions can be played without the original box.",
            ("The majority", "Merely a couple"),
            (
                "can most of the expansions of {name} be played alone",
                "do most of the expansions of {name} depend on the original box",
            ),
        ),
        Contrast(
            "rule",
            "Swapping pieces with a neighbor {phrase}.",
            ("counts as cheating", "counts as fair play"),
            (
                "is it against the rules of {name} to exchange pieces with a neighbor",
                "are players of {name} allowed to exchange pieces with a neighbor",
            ),
        ),
        Contrast(
            "degree",
            "With four players a game takes {phrase} an hour.",
            ("a good deal longer than", "a good deal less than"),
            (
                "do four players need over an hour for a game of {name}",
                "can four players finish a game of {name} within an hour",
            ),
        ),
    ),
)

SUBJECTS = (_ARCHIVE, _SHIP, _GAME)
