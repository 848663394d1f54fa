"""Sample data for WSC: does a pronoun refer to a given one of two noun phrases?

A sentence has two participants and a cue, which determines the participant that the pronoun refers
to. Every sentence gives eight rows: two cues, two participants in question, and two orders of
mention. The labels are balanced over each of the three and over any two of them. A rule that
ignores the cue, or does not know its meaning for the participants, is right on four of the eight
rows. No schema is in both splits.
"""

import random
from itertools import product

from tools.samples.wsc_lexicon import LEXICONS, Lexicon
from tools.samples.wsc_schemas import Schema

__all__ = ["NUM_ROWS_OF_TELLING", "VERSION", "rows"]

VERSION = 1

NUM_ROWS_OF_TELLING = 8
"""Number of rows of a schema and its participants: two orders of mention, two cues, two participants in question."""

Row = dict[str, object]
# The noun phrases for {a} and {b}, and the pronoun that may refer to either of them.
Cast = tuple[str, str, str]


def rows(seed: int, *, num_train: int = 624, num_val: int = 288) -> dict[str, list[Row]]:
    """Make the rows of the two splits in the official schema.

    Each size is rounded up to a multiple of 8. Half of the rows are true. A split depends only on the
    seed and its own size.

    Raises:
        ValueError: A split is asked for more rows than its word lists can make.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def _casts(schema: Schema, lexicon: Lexicon) -> list[Cast]:
    if schema.number == "person":
        return lexicon.pairs()
    pronoun = {"thing": "it", "group": "they"}[schema.number]
    return [(a, b, pronoun) for a, b in product(*schema.fillers)]


def _row(frame: str, words: dict[str, str], asked: str, label: bool) -> Row:
    """Return the row that asks whether the pronoun of a frame refers to its slot `asked`."""
    tokens: list[str] = []
    index: dict[str, int] = {}
    for part in frame.split():
        if part.startswith("{"):
            index[part[1 : part.index("}")]] = len(tokens)
        tokens += part.format(**words).split()
    tokens[0] = f"{tokens[0][0].upper()}{tokens[0][1:]}"
    # Tokens of the text include punctuation, and spans do not.
    spans = {
        slot: " ".join(tokens[index[slot] : index[slot] + len(words[slot].split())]).rstrip(",.")
        for slot in (asked, "pronoun")
    }
    return {
        "text": " ".join(tokens),
        "target": {
            "span1_index": index[asked],
            "span1_text": spans[asked],
            "span2_index": index["pronoun"],
            "span2_text": spans["pronoun"],
        },
        "label": label,
    }


def _telling_rows(schema: Schema, cast: Cast) -> list[Row]:
    a, b, pronoun = cast
    frames, cues = (schema.a_first, schema.b_first), {"a": schema.cue_a, "b": schema.cue_b}
    return [
        _row(frame, {"a": a, "b": b, "pronoun": pronoun, "cue": cues[meant]}, asked, asked == meant)
        for frame, meant, asked in product(frames, "ab", "ab")
    ]


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"wsc/{split}/{seed}")
    lexicon = LEXICONS[split]
    decks = [_casts(schema, lexicon) for schema in lexicon.schemas]
    shuffled = [rng.sample(deck, len(deck)) for deck in decks]
    tellings: list[tuple[Schema, Cast]] = []
    # A round uses every schema once. The schema with the fewest fillers sets the number of rounds.
    for casts in zip(*shuffled, strict=False):
        one_round = list(zip(lexicon.schemas, casts, strict=True))
        tellings += rng.sample(one_round, len(one_round))
    num_tellings = -(-size // NUM_ROWS_OF_TELLING)
    if num_tellings > len(tellings):
        most = len(tellings) * NUM_ROWS_OF_TELLING
        raise ValueError(f"num_{split} = {size}: WSC's word lists make {most} rows. Ask for at most as many.")
    made = [row for telling in tellings[:num_tellings] for row in _telling_rows(*telling)]
    rng.shuffle(made)
    return [{**row, "idx": idx} for idx, row in enumerate(made)]
