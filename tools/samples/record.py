"""Sample data for ReCoRD: which entity of an article is missing in a statement about it?

An article reports three events. Each event has three roles, which the same three people or places
have, and one sentence names all three. A query paraphrases what follows for one of the roles.

Articles are made in triplets. All three name the same entities in the same order and equally
often, while the roles rotate, so that each entity is the answer to the same query once. A rule that
uses the order, place or number of mentions is right on a third of the queries. So is a rule that
finds the sentence of an event, and does not know which entity has which role in it.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from tools.samples.crossing import Deck, Row
from tools.samples.record_events import Lexicon, Topic
from tools.samples.record_lexicon import LEXICONS

__all__ = ["VERSION", "Entity", "Plan", "Scene", "render_text", "rows"]

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A person with full name and surname, or a place, whose two names are equal."""

    name: str
    short: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The order of names in an event's sentence, and the entity with the first role in the first article."""

    event: int
    first_named: int
    first_player: int

    def player(self, role: int, turn: int) -> int:
        """Return the index of the entity that has a role."""
        return (role + self.first_player + turn) % 3

    def frame(self, turn: int) -> int:
        """Return the index of the sentence that names the entities in the order of all three articles."""
        return (self.first_named - self.first_player - turn) % 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Parts of a triplet of articles, without the assignment of roles."""

    source: str
    topic: Topic
    competitors: tuple[Entity, Entity, Entity]
    introduced: tuple[int, ...]
    """The entities in the order of the introduction."""

    scenery: Entity
    scenes: tuple[Scene, ...]
    has_event_highlight: bool
    """Whether the last event is reported by a highlight, with full names, rather than in the body."""

    remark: str
    remarked: int
    asked: tuple[tuple[int, int], ...]
    """For each query, its scene and its role."""


def rows(seed: int, *, num_train: int = 201, num_val: int = 102) -> dict[str, list[Row]]:
    """Make the articles of the two splits in the official schema.

    Each size is a number of articles and is rounded up to whole triplets. An article has two or
    three queries. A split depends only on the seed and its own size.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def render_text(plan: Plan, turn: int) -> str:
    """Return the text of one article of a triplet, with its highlights."""
    topic = plan.topic
    intro = topic.intro.format(
        **{slot: plan.competitors[index].name for slot, index in zip("abc", plan.introduced, strict=True)},
        scenery=plan.scenery.name,
    )
    body = plan.scenes[:-1] if plan.has_event_highlight else plan.scenes
    sentences = [f"{_told(plan, scene, turn, is_short=True)}." for scene in body]
    remark = plan.remark.format(x=plan.competitors[plan.remarked].short)
    paragraph = " ".join([intro, sentences[0], topic.aside, *sentences[1:], remark])
    highlights = [topic.headline]
    if plan.has_event_highlight:
        highlights.append(_told(plan, plan.scenes[-1], turn, is_short=False))
    return paragraph + "".join(f"\n@highlight\n{highlight}" for highlight in highlights)


def _told(plan: Plan, scene: Scene, turn: int, *, is_short: bool) -> str:
    players = [plan.competitors[scene.player(role, turn)] for role in range(3)]
    frame = plan.topic.events[scene.event].frames[scene.frame(turn)]
    return frame.format(*(player.short if is_short else player.name for player in players))


def _mentions(text: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Return start and inclusive end of every mention in the order of the text.

    A surname inside a full name is no mention of its own.
    """
    longest_first = sorted(names, key=len, reverse=True)
    pattern = rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b"
    return [(match.start(), match.end() - 1) for match in re.finditer(pattern, text)]


def _row(plan: Plan, turn: int, idx: int, query_numbers: Iterator[int]) -> Row:
    """Return one article in the official schema."""
    text = render_text(plan, turn)
    entities = (*plan.competitors, plan.scenery)
    mentions = _mentions(text, sorted({name for entity in entities for name in (entity.name, entity.short)}))
    queries: list[Row] = []
    for index, role in plan.asked:
        scene = plan.scenes[index]
        player = plan.competitors[scene.player(role, turn)]
        answers = [
            {"start": start, "end": end, "text": text[start : end + 1]}
            for start, end in mentions
            if text[start : end + 1] in (player.name, player.short)
        ]
        query = plan.topic.events[scene.event].queries[role]
        queries.append({"query": query, "answers": answers, "idx": next(query_numbers)})
    passage = {"text": text, "entities": [{"start": start, "end": end} for start, end in mentions]}
    return {"source": plan.source, "passage": passage, "qas": queries, "idx": idx}


class _Planner:
    """Plans the triplets of one split, and uses its topics, queries and names equally often."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self._lexicon = lexicon
        self._rng = rng
        self._topics = Deck(lexicon.topics, rng)
        self._roles = {topic.headline: [Deck((0, 1, 2), rng) for _ in topic.events] for topic in lexicon.topics}

    def plan(self) -> Plan:
        rng, topic = self._rng, self._topics.deal()
        people = [
            Entity(name=f"{first_name} {surname}", short=surname)
            for first_name, surname in zip(
                rng.sample(self._lexicon.first_names, 3), rng.sample(self._lexicon.surnames, 3), strict=True
            )
        ]
        places = [Entity(name=name, short=name) for name in rng.sample(self._lexicon.places, 3)]
        first, second, third = people if topic.kind == "person" else places
        scenes = tuple(
            Scene(event=event, first_named=rng.randrange(3), first_player=rng.randrange(3))
            for event in rng.sample(range(3), 3)
        )
        asked = rng.sample(range(3), rng.choice((2, 3)))
        return Plan(
            source=rng.choice(self._lexicon.sources),
            topic=topic,
            competitors=(first, second, third),
            introduced=tuple(rng.sample(range(3), 3)),
            scenery=rng.choice(places if topic.kind == "person" else people),
            scenes=scenes,
            has_event_highlight=rng.random() < 0.5,
            remark=rng.choice(self._lexicon.remarks[topic.kind]),
            remarked=rng.randrange(3),
            asked=tuple((index, self._roles[topic.headline][scenes[index].event].deal()) for index in asked),
        )


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"record/{split}/{seed}")
    planner = _Planner(LEXICONS[split], rng)
    made: list[tuple[Plan, int]] = []
    written: set[str] = set()
    while len(made) < size:
        plan = planner.plan()
        texts = {render_text(plan, turn) for turn in range(3)}
        if not texts & written:
            written |= texts
            made += [(plan, turn) for turn in range(3)]
    rng.shuffle(made)
    query_numbers = count()
    return [_row(plan, turn, idx, query_numbers) for idx, (plan, turn) in enumerate(made)]
