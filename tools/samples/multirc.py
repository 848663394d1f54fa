"""Sample data for MultiRC: which answers to a question about a short story are right?

The facts of a story belong to two or three owners: people, places or months. A question asks for
the facts of one owner, and every wrong answer is a fact of another owner. No single sentence
answers a question: it gives a fact of a pronoun, or names both owners that questions ask about.

The labels are exactly crossed. Within a passage, an answer that is right for one question is wrong
for exactly one other question. Passages are made in twins, which have the same words with the
owners exchanged. An answer to a question that is right in one twin is wrong in the other. A rule
that does not combine passage, question and answer is right on half of the rows.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from tools.samples.crossing import Deck, Row
from tools.samples.multirc_lexicon import LEXICONS
from tools.samples.multirc_stories import Fact, Kind, Lexicon, Pronoun, Story

__all__ = ["VERSION", "Owner", "Plan", "render_passage", "render_questions", "rows"]

VERSION = 1

Question = tuple[str, tuple[tuple[str, int], ...]]
"""The text of a question, and its answers with their labels."""

# Limit on the words of a passage. Longer passages are drawn again.
MAX_WORDS = 120
# Number of facts of each owner. A question has the answers of two adjacent owners, which are three to five.
SIZES = {
    2: ((1, 2), (2, 1), (2, 2), (2, 2), (2, 3), (3, 2), (1, 3), (3, 1)),
    3: ((1, 2, 2), (2, 1, 2), (2, 2, 1), (2, 2, 2), (2, 2, 2), (1, 2, 3)),
}
# Sentences that give a fact with the name of its owner and of the other owner that a question names.
CONTRASTS: dict[Kind, tuple[str, ...]] = {
    "person": (
        "{other} had offered to {base}, but in the end {owner} did it.",
        "Everyone expected {other} to {base}, but it was {owner} who did.",
        "It was {owner}, not {other}, who {past}.",
        "{other} was supposed to {base} but had no time, so {owner} did it instead.",
    ),
    "place": (
        "They had meant to {base} in {other}, but they did so in {owner} instead.",
        "It was in {owner}, not in {other}, that they {past}.",
        "{other} gave them no chance to {base}, but {owner} did, and they took it.",
    ),
    "month": (
        "The plan was to {base} in {other}, but that was moved to {owner}.",
        "It was in {owner}, not in {other}, that they {past}.",
        "They had hoped to {base} in {other}, but they did so in {owner} instead.",
    ),
}
# Parts of a single sentence that gives one fact of each owner.
CLAUSES: dict[Kind, str] = {
    "person": "{owner} {past}",
    "place": "in {owner} they {past}",
    "month": "in {owner} they {past}",
}
# Sentences that name an owner. The facts follow in sentences about a pronoun.
LEADS: dict[Kind, tuple[str, ...]] = {
    "person": (
        "There was plenty to do for {owner}.",
        "{owner} did not stand idly by.",
        "Nobody had to ask {owner} twice.",
        "{owner} hardly sat down.",
        "{owner} was a great help.",
    ),
    "place": (
        "They stayed two nights in {owner}.",
        "{owner} was livelier than they had imagined.",
        "The weather was kind to them in {owner}.",
        "Some of them would have liked to stay in {owner} for good.",
        "They had looked forward to {owner} for weeks.",
    ),
    "month": (
        "There was no lack of work in {owner}.",
        "{owner} went by quickly.",
        "Nobody was bored in {owner}.",
        "{owner} had one free Saturday after the other.",
        "They had set aside most of {owner}.",
    ),
}
QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "person": (
        "What did {owner} do {setting}?",
        "Which jobs did {owner} do {setting}?",
        "How did {owner} lend a hand {setting}?",
    ),
    "place": (
        "What did {actors} do in {owner}?",
        "How did {actors} spend their time in {owner}?",
        "What did {actors} do while they were in {owner}?",
    ),
    "month": (
        "What did {actors} do in {owner}?",
        "What did {actors} get done in {owner}?",
        "What kept {actors} busy in {owner}?",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The owner of a fact: a person, a place or a month."""

    name: str
    pronoun: Pronoun
    """The pronoun of the owner, or that of the actors where the owner is not a person."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Parts of a pair of twin passages, without the assignment of groups of facts to owners."""

    story: Story
    owners: tuple[Owner, ...]
    """The owners, in the order in which the passage names them."""

    groups: tuple[tuple[Fact, ...], ...]
    """Groups of facts that have the same owner. There are as many groups as owners."""

    clauses: tuple[Fact, ...]
    """The first fact of every group, for a single sentence; empty if the passage has no such sentence."""

    contrasts: tuple[tuple[int, Fact, str], ...]
    """Facts whose sentence names both owners, each as its group, the fact and the sentence's frame."""

    leads: tuple[str, ...]
    questions: tuple[str, ...]
    is_mixed_first: bool

    def owner(self, group: int, turn: int) -> Owner:
        """Return the owner of a group of facts in the first (turn 0) or the second (turn 1) twin passage."""
        return self.owners[(group - turn) % len(self.owners)]

    def other(self, group: int, turn: int) -> Owner:
        """Return the owner of a group of facts in the other twin passage. There, the facts answer other questions."""
        return self.owner(group, 1 - turn)


def rows(seed: int, *, num_train: int = 100, num_val: int = 40) -> dict[str, list[Row]]:
    """Make the passages of the two splits in the official schema.

    Each size is a number of passages and is rounded up to whole pairs of twins. A passage has seven
    to ten answers on average. A split depends only on the seed and its own size.
    """
    sizes = {"train": num_train, "val": num_val}
    return {split: _split_rows(seed, split, size) for split, size in sizes.items()}


def render_passage(plan: Plan, turn: int) -> str:
    """Return the text of the first (turn 0) or the second (turn 1) twin passage."""
    story = plan.story
    ranked = sorted(range(len(plan.groups)), key=lambda group: plan.owners.index(plan.owner(group, turn)))
    told = {id(item) for item in (*plan.clauses, *(item for _, item, _ in plan.contrasts))}
    blocks: list[str] = []
    for group in ranked:
        left = [item for item in plan.groups[group] if id(item) not in told]
        if left:
            blocks.append(_block(plan.leads[len(blocks)], plan.owner(group, turn), left))
    mixed = [_clauses(plan, ranked, turn)] if plan.clauses else []
    mixed += [
        frame.format(
            owner=plan.owner(group, turn).name, other=plan.other(group, turn).name, base=item.base, past=item.past
        )
        for group, item, frame in plan.contrasts
    ]
    body = [*mixed, *blocks] if plan.is_mixed_first else [*blocks, *mixed]
    intro = story.intro.format(owners=_listed([owner.name for owner in plan.owners]))
    # A passage of three or four facts has two asides, a passage of five facts has one, and longer passages have none.
    asides = story.asides[: max(0, 6 - sum(map(len, plan.groups)))]
    return " ".join([intro, *asides, *body, story.ending])


def render_questions(plan: Plan, turn: int) -> list[Question]:
    """Return the questions about the first (turn 0) or second (turn 1) twin passage: one for every owner, in order."""
    questions = []
    for position, owner in enumerate(plan.owners):
        # The owner has one of these two groups in this twin, and the other group in the other twin.
        answers = tuple(
            (item.answer, int(plan.owner(group, turn) == owner))
            for group in (position, (position + 1) % len(plan.owners))
            for item in plan.groups[group]
        )
        text = plan.questions[position].format(owner=owner.name, actors=plan.story.actors, setting=plan.story.setting)
        questions.append((text, answers))
    return questions


def _block(lead: str, owner: Owner, facts: Sequence[Fact]) -> str:
    """Return a sentence that names the owner, followed by sentences that give the facts with the owner's pronoun."""
    pronoun = owner.pronoun.capitalize()
    text = f"{lead.format(owner=owner.name)} {pronoun} {' and '.join(item.past for item in facts[:2])}."
    return text + "".join(f" {pronoun} also {item.past}." for item in facts[2:])


def _clauses(plan: Plan, ranked: Sequence[int], turn: int) -> str:
    clause = CLAUSES[plan.story.kind]
    clauses = [clause.format(owner=plan.owner(group, turn).name, past=plan.clauses[group].past) for group in ranked]
    sentence = f"{', '.join(clauses[:-1])}, and {clauses[-1]}."
    return sentence[0].upper() + sentence[1:]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


class _Planner:
    """Plans the twin passages of one split, and uses all stories of the split equally often."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self._lexicon = lexicon
        self._rng = rng
        self._stories = Deck(lexicon.stories, rng)
        self._sizes = {num_owners: Deck(sizes, rng) for num_owners, sizes in SIZES.items()}

    def plan(self) -> Plan:
        story = self._stories.deal()
        sizes = self._sizes[self._rng.choice((2, 3))].deal()
        facts = iter(self._rng.sample(story.facts, sum(sizes)))
        groups = tuple(tuple(next(facts) for _ in range(size)) for size in sizes)
        clauses = tuple(group[0] for group in groups) if self._rng.random() < 0.5 else ()
        frames = Deck(CONTRASTS[story.kind], self._rng)
        # A contrast takes the last fact of a group, unless the sentence of first facts already has it.
        candidates = [group for group, items in enumerate(groups) if len(items) > bool(clauses)]
        contrasted = self._rng.sample(candidates, min(len(candidates), self._rng.choice((1, 2))))
        return Plan(
            story=story,
            owners=self._owners(story.kind, len(sizes)),
            groups=groups,
            clauses=clauses,
            contrasts=tuple((group, groups[group][-1], frames.deal()) for group in contrasted),
            leads=tuple(self._rng.sample(LEADS[story.kind], len(sizes))),
            questions=tuple(self._rng.choice(QUESTIONS[story.kind]) for _ in sizes),
            is_mixed_first=self._rng.random() < 0.5,
        )

    def _owners(self, kind: Kind, num_owners: int) -> tuple[Owner, ...]:
        if kind == "person":
            people = self._rng.sample(self._lexicon.people, num_owners)
            return tuple(Owner(name=name, pronoun=pronoun) for name, pronoun in people)
        names = self._lexicon.places if kind == "place" else self._lexicon.months
        chosen = self._rng.sample(names, num_owners)
        if kind == "month":
            chosen.sort(key=names.index)
        return tuple(Owner(name=name, pronoun="they") for name in chosen)


def _split_rows(seed: int, split: str, size: int) -> list[Row]:
    # A string seed gives the same numbers on every platform, and other numbers for each split.
    rng = random.Random(f"multirc/{split}/{seed}")
    planner = _Planner(LEXICONS[split], rng)
    made: dict[str, list[Question]] = {}
    while len(made) < size:
        plan = planner.plan()
        twins = {render_passage(plan, turn): render_questions(plan, turn) for turn in (0, 1)}
        if not twins.keys() & made.keys() and all(len(text.split()) <= MAX_WORDS for text in twins):
            made |= twins
    passages = list(made.items())
    rng.shuffle(passages)
    return _numbered(passages, rng)


def _numbered(passages: Sequence[tuple[str, list[Question]]], rng: random.Random) -> list[Row]:
    """Return rows in the official schema, with shuffled questions and answers that are numbered over all rows."""
    question_numbers, answer_numbers = count(), count()
    numbered: list[Row] = []
    for idx, (text, asked) in enumerate(passages):
        questions: list[Row] = []
        for question, labeled in rng.sample(asked, len(asked)):
            answers: list[Row] = [
                {"text": answer, "idx": next(answer_numbers), "label": label}
                for answer, label in rng.sample(labeled, len(labeled))
            ]
            questions.append({"question": question, "answers": answers, "idx": next(question_numbers)})
        numbered.append({"idx": idx, "version": 1.1, "passage": {"text": text, "questions": questions}})
    return numbered
