"""The word lists of the MultiRC sample data: people, places, months and the stories of each split.

No entry is in both splits. Every fact of a story must be something that a person or group may
plan, offer or put off. Facts must differ clearly, so that the answer of one fact is not right for
another fact.
"""

from tools.samples.multirc_stories import Lexicon
from tools.samples.multirc_stories_train import STORIES as TRAIN_STORIES
from tools.samples.multirc_stories_val import STORIES as VAL_STORIES

__all__ = ["LEXICONS"]

LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        people=(
            ("Marta", "she"),
            ("Hanna", "she"),
            ("Olivia", "she"),
            ("Sonja", "she"),
            ("Grace", "she"),
            ("Leila", "she"),
            ("Paula", "she"),
            ("Irene", "she"),
            ("Tobias", "he"),
            ("Simon", "he"),
            ("Rashid", "he"),
            ("Anton", "he"),
            ("Philip", "he"),
            ("Marco", "he"),
            ("Daniel", "he"),
            ("Joseph", "he"),
        ),
        places=("Verona", "Lisbon", "Bergen", "Krakow", "Seville", "Ghent", "Basel", "Dublin"),
        months=("January", "February", "March", "April"),
        stories=TRAIN_STORIES,
    ),
    "val": Lexicon(
        people=(
            ("Clara", "she"),
            ("Noemi", "she"),
            ("Esther", "she"),
            ("Vera", "she"),
            ("Lucia", "she"),
            ("Adrian", "he"),
            ("Mikhail", "he"),
            ("Robert", "he"),
            ("Yusuf", "he"),
            ("Leon", "he"),
        ),
        places=("Turin", "Porto", "Aarhus", "Prague", "Cadiz", "Bruges"),
        months=("May", "June", "July", "August"),
        stories=VAL_STORIES,
    ),
}
