"""Clause-embedding predicates for the CB sample data, and the operators that each may be embedded under.

*Factive*: the speaker presupposes that the clause is true, whatever the operator above the predicate.
*Non-factive*: under an operator, the speaker leaves the truth of the clause open.
A predicate lists only operators under which the sentence has a single reading.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FACTIVE", "NON_FACTIVE", "OPERATORS", "Operator", "Predicate"]

Operator = Literal["negation", "question", "modal", "conditional"]
Kind = Literal["verb", "adjective"]

OPERATORS: tuple[Operator, ...] = ("negation", "question", "modal", "conditional")


@dataclass(frozen=True)
class Predicate:
    """A predicate that takes a that-clause. An adjective has a single form."""

    kind: Kind
    base: str
    past: str
    participle: str
    operators: tuple[Operator, ...] = OPERATORS


def _verb(base: str, past: str, participle: str, *operators: Operator) -> Predicate:
    return Predicate("verb", base, past, participle, operators or OPERATORS)


def _adjective(form: str, *operators: Operator) -> Predicate:
    return Predicate("adjective", form, form, form, operators or OPERATORS)


# Semi-factives (notice, realize, grasp ...) presuppose their clause under negation. In an `if`
# clause they may instead report what the speaker wonders about. Verbs of discovery (discover,
# find out, learn) may also do so in a question or under a modal.
FACTIVE: dict[str, tuple[Predicate, ...]] = {
    "train": (
        _verb("know", "knew", "known"),
        _verb("regret", "regretted", "regretted"),
        _verb("forget", "forgot", "forgotten"),
        _verb("hide", "hid", "hidden"),
        _verb("hate", "hated", "hated"),
        _verb("take into account", "took into account", "taken into account"),
        _verb("realize", "realized", "realized", "negation", "question", "modal"),
        _verb("notice", "noticed", "noticed", "negation", "question", "modal"),
        _verb("grasp", "grasped", "grasped", "negation", "question", "modal"),
        _verb("find out", "found out", "found out", "negation"),
        _adjective("aware"),
        _adjective("glad"),
        _adjective("sorry"),
        _adjective("annoyed"),
        _adjective("surprised"),
        _adjective("relieved"),
    ),
    "val": (
        _verb("remember", "remembered", "remembered"),
        _verb("resent", "resented", "resented"),
        _verb("overlook", "overlooked", "overlooked"),
        _verb("conceal", "concealed", "concealed"),
        _verb("keep in mind", "kept in mind", "kept in mind"),
        _verb("discover", "discovered", "discovered", "negation"),
        _adjective("happy"),
        _adjective("conscious"),
        _adjective("disappointed"),
    ),
}

# Two kinds of verbs are left out: verbs of neg-raising (think, believe, expect), and verbs of
# speech that suggest a true clause (mention, announce, warn, admit). "Did not suspect that",
# "never had a hunch that" and, more weakly, "did not fear that" also suggest a true clause.
NON_FACTIVE: dict[str, tuple[Predicate, ...]] = {
    "train": (
        _verb("say", "said", "said"),
        _verb("claim", "claimed", "claimed"),
        _verb("hope", "hoped", "hoped"),
        _verb("argue", "argued", "argued"),
        _verb("insist", "insisted", "insisted"),
        _verb("suggest", "suggested", "suggested"),
        _verb("swear", "swore", "sworn"),
        _verb("speculate", "speculated", "speculated"),
        _verb("spread the rumor", "spread the rumor", "spread the rumor"),
        _verb("suspect", "suspected", "suspected", "modal", "conditional"),
        _adjective("sure"),
        _adjective("convinced"),
        _adjective("hopeful"),
        _adjective("adamant"),
        _adjective("persuaded"),
        _adjective("afraid", "question", "modal", "conditional"),
    ),
    "val": (
        _verb("allege", "alleged", "alleged"),
        _verb("maintain", "maintained", "maintained"),
        _verb("bet", "bet", "bet"),
        _verb("whisper", "whispered", "whispered"),
        _verb("fear", "feared", "feared", "question", "modal", "conditional"),
        _verb("have a hunch", "had a hunch", "had a hunch", "question", "modal", "conditional"),
        _adjective("certain"),
        _adjective("optimistic"),
        _adjective("emphatic"),
    ),
}
