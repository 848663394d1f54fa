"""The word lists of the CB sample data: names, contexts, issues and consequents.

No entry is in both splits. Both clauses of an issue must be things that a person may know, hide,
hope or regret. They must not both be true.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["LEXICONS", "Lexicon"]

Pronoun = Literal["she", "he"]


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The word lists of one split."""

    names: tuple[tuple[str, Pronoun], ...]

    contexts: tuple[str, ...]
    """First sentences of a premise. A pronoun follows a first sentence that contains {name}."""

    issues: tuple[tuple[str, str], ...]
    """Pairs of clauses that contradict each other."""

    consequents: tuple[str, ...]
    """Main clauses after an `if` clause. They imply nothing about the issue, whether they are true or false."""


LEXICONS: dict[str, Lexicon] = {
    "train": Lexicon(
        names=(
            ("Maria", "she"),
            ("Anna", "she"),
            ("Helen", "she"),
            ("Julia", "she"),
            ("Nora", "she"),
            ("Ruth", "she"),
            ("Priya", "she"),
            ("Emma", "she"),
            ("Laura", "she"),
            ("Sofia", "she"),
            ("Tom", "he"),
            ("David", "he"),
            ("Peter", "he"),
            ("Karl", "he"),
            ("Samuel", "he"),
            ("Henry", "he"),
            ("Omar", "he"),
            ("Luis", "he"),
            ("Martin", "he"),
            ("George", "he"),
        ),
        contexts=(
            "{name} had come back from a week in the mountains.",
            "{name} spent most of Saturday with a few old friends.",
            "{name} was in the middle of a long phone call.",
            "{name} had just finished dinner with the neighbors.",
            "{name} sat down at the kitchen table with a cup of tea.",
            "{name} had worked in the same office for almost ten years.",
            "{name} walked slowly across the square toward the station.",
            "{name} had been away from the town since early spring.",
            "{name} looked through the mail before leaving for work.",
            "{name} was waiting for the train with two heavy bags.",
            "{name} had slept badly and was up before six.",
            "{name} stood at the window and watched the street.",
            "The evening was warm, and the windows were wide open.",
            "It had been a long week for everyone in the house.",
            "Half of the guests had already gone home by then.",
            "Rain had been falling on the town all morning.",
            "The conversation at lunch turned to local affairs.",
            "A radio was playing somewhere on the floor above.",
            "There was plenty to discuss at the family dinner.",
            "The office was almost empty that afternoon.",
        ),
        issues=(
            ("the museum was open on Mondays", "the museum was closed on Mondays"),
            ("the bridge had been repaired", "the bridge was still broken"),
            ("the concert was on Thursday", "the concert was on Friday"),
            ("the rent had gone up", "the rent had stayed the same"),
            ("the bakery had a new owner", "the bakery still had its old owner"),
            ("the ferry left in the morning", "the ferry left in the evening"),
            ("the piano was in tune", "the piano was out of tune"),
            ("the meeting had been canceled", "the meeting had gone ahead"),
            ("the soup was made with meat", "the soup was made without meat"),
            ("the fence belonged to the school", "the fence belonged to the church"),
            ("the exam was harder than last year", "the exam was easier than last year"),
            ("the package had arrived", "the package was still on its way"),
            ("the pool was heated", "the pool was unheated"),
            ("the front door had been painted red", "the front door had been painted green"),
            ("the dentist was on vacation", "the dentist was back at work"),
            ("the tickets were free", "the tickets cost ten dollars"),
            ("the manager had been replaced", "the manager was still in charge"),
            ("the hotel welcomed dogs", "the hotel turned dogs away"),
            ("the lecture was in French", "the lecture was in German"),
            ("the lake was frozen", "the lake was free of ice"),
            ("the new teacher lived in the village", "the new teacher lived in the city"),
            ("the gym opened at six", "the gym opened at nine"),
            ("the jury had reached a verdict", "the jury was still undecided"),
            ("the diner served lunch all day", "the diner served lunch only until two"),
            ("the team had won the final", "the team had lost the final"),
            ("the statue was made of bronze", "the statue was made of marble"),
            ("the mountain road was passable", "the mountain road was blocked"),
            ("the flight was on time", "the flight was delayed"),
        ),
        consequents=(
            "that would explain the long letter to {possessive} brother",
            "that may be why {pronoun} left the party so early",
            "{pronoun} was not the only one in the building",
            "it made little difference to the others",
            "that would explain the phone call last night",
            "the diary is silent about it",
        ),
    ),
    "val": Lexicon(
        names=(
            ("Ingrid", "she"),
            ("Chloe", "she"),
            ("Fatima", "she"),
            ("Rosa", "she"),
            ("Alice", "she"),
            ("Mei", "she"),
            ("Bruno", "he"),
            ("Victor", "he"),
            ("Hassan", "he"),
            ("Edward", "he"),
            ("Jonas", "he"),
            ("Kenji", "he"),
        ),
        contexts=(
            "{name} had lived on the island for most of the winter.",
            "{name} drove into town right after breakfast.",
            "{name} was busy with the accounts until midnight.",
            "{name} had taught history at the college for years.",
            "{name} put down the newspaper and poured some coffee.",
            "{name} returned from a business trip on Tuesday.",
            "{name} was sitting alone at the back of the bus.",
            "{name} had grown up only a few streets away.",
            "{name} was packing a suitcase for the weekend.",
            "The children were already asleep upstairs.",
            "Snow lay thick on the roofs of the village.",
            "The committee met twice during that month.",
            "Everybody was tired after the long journey.",
            "The last visitors left shortly before sunset.",
        ),
        issues=(
            ("the market had moved to the harbor", "the market had stayed by the river"),
            ("the cottage was empty", "the cottage was occupied"),
            ("the gardener had quit", "the gardener was still employed"),
            ("the play was sold out", "the play still had seats left"),
            ("the recipe was a family secret", "the recipe had been published"),
            ("the wedding was in June", "the wedding was in August"),
            ("the lighthouse was in use", "the lighthouse was abandoned"),
            ("the cheese was made from goat milk", "the cheese was made from cow milk"),
            ("the farmer had sold the tractor", "the farmer still owned the tractor"),
            ("the contract ran for two years", "the contract ran for five years"),
            ("the bishop had accepted the invitation", "the bishop had declined the invitation"),
            ("the printer was working again", "the printer was still out of order"),
        ),
        consequents=(
            "that would explain {possessive} sudden trip to the coast",
            "that may be the reason for {possessive} strange mood",
            "{pronoun} was in good company that summer",
            "it did not change the course of the evening",
            "{possessive} colleagues paid no attention",
        ),
    ),
}
