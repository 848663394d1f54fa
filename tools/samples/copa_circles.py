"""Circles of events for the COPA sample data: the class, and the circles of the train split.

In a circle, each of two events can cause the other through a different middle event, the link. A
reader who understands a link knows which of the two events is its cause and which is its effect.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TRAIN", "Cast", "Circle"]

Cast = Literal["person", "town"]


@dataclass(frozen=True)
class Circle:
    """`first` causes `there`, `there` causes `second`, `second` causes `back`, and `back` causes `first`.

    `{who}` is the person or town. `{they}`, `{them}` and `{their}` are its pronouns.
    """

    first: str
    second: str
    there: str
    back: str
    cast: Cast = "person"


TRAIN: tuple[Circle, ...] = (
    Circle(
        "{they} turned up the heating.",
        "{they} opened all the windows.",
        "{who}'s room became unbearably hot.",
        "{who}'s room became freezing cold.",
    ),
    Circle(
        "{they} drank strong coffee in the evening.",
        "{they} was short of sleep.",
        "{who} lay awake until dawn.",
        "{who} could barely stay awake at dinner.",
    ),
    Circle(
        "{they} took a night job.",
        "{they} failed every exam.",
        "{who} had no time left for the books.",
        "{who} lost the scholarship.",
    ),
    Circle(
        "{they} hurt {their} back.",
        "{they} gave up {their} morning swim.",
        "The doctor told {who} to avoid all sports.",
        "{who}'s muscles grew weak.",
    ),
    Circle(
        "{they} raised {their} prices.",
        "{they} lost many customers.",
        "People thought that {who}'s bread was too expensive.",
        "{who}'s bakery no longer earned enough to pay the rent.",
    ),
    Circle(
        "{they} sold {their} car.",
        "{they} lost {their} job.",
        "{who} could no longer get to work on time.",
        "{who} could no longer afford the gasoline.",
    ),
    Circle(
        "{they} got a dog.",
        "{they} made friends with the neighbors.",
        "{who} was out on the street three times a day.",
        "The old couple next door offered {who} a puppy.",
    ),
    Circle(
        "{they} moved to the country.",
        "{they} began to work from home.",
        "{who}'s daily commute took three hours.",
        "{who} no longer needed to live near an office.",
    ),
    Circle(
        "{they} wrote a bestseller.",
        "{they} quit {their} job.",
        "{who} earned huge royalties.",
        "{who} finally found time to write.",
    ),
    Circle(
        "{they} added sugar.",
        "{they} added lemon juice.",
        "{who}'s sauce was too sweet.",
        "{who}'s sauce was too sour.",
    ),
    Circle(
        "{they} turned the music up.",
        "{they} turned the music down.",
        "The neighbors banged on {who}'s wall.",
        "{who} could not make out the words of the song.",
    ),
    Circle(
        "{they} put on a thick sweater.",
        "{they} took off the sweater.",
        "{who} began to sweat.",
        "{who} began to shiver.",
    ),
    Circle(
        "{they} went on a strict diet.",
        "{they} ate a whole cake.",
        "{who} was terribly hungry.",
        "{who} felt guilty about so many calories.",
    ),
    Circle(
        "{they} closed the curtains.",
        "{they} switched on the lamp.",
        "{who} suddenly sat in the dark.",
        "People in the dark street could look right into {who}'s room.",
    ),
    Circle(
        "{they} lent the man next door a ladder.",
        "The man next door lent {them} a saw.",
        "The man next door felt obliged to {who}.",
        "{who} felt obliged to the man next door.",
    ),
    Circle(
        "{they} insulted a colleague.",
        "A colleague insulted {them}.",
        "{who} had hurt a colleague's feelings.",
        "{who} was hurt by a colleague's words.",
    ),
    Circle(
        "{they} cleaned the whole apartment.",
        "{they} invited friends for dinner.",
        "{who} was proud to have such a tidy place.",
        "{who} was expecting ten guests.",
    ),
    Circle(
        "{they} left {their} dog out in the yard for the night.",
        "{their} dog barked until morning.",
        "{who}'s dog felt abandoned.",
        "Nobody near {who}'s house could sleep.",
    ),
    Circle(
        "{they} stayed up all night.",
        "{they} overslept.",
        "{who} did not hear the alarm clock.",
        "{who} was half a day behind with an urgent report.",
    ),
    Circle(
        "{they} gambled at the casino.",
        "{they} was deep in debt.",
        "Playing roulette cost {who} ten thousand dollars.",
        "{who} saw only one way to raise money fast.",
    ),
    Circle(
        "{they} fell off the bicycle.",
        "{they} broke an arm.",
        "{who} landed hard on one elbow.",
        "{who} had to steer with one hand.",
    ),
    Circle(
        "{they} fed a stray cat.",
        "A stray cat came to {their} door every day.",
        "A stray cat learned that there was food at {who}'s house.",
        "{who} took pity on a hungry animal.",
    ),
    Circle(
        "{they} raised {their} voice.",
        "Other guests talked louder.",
        "Nobody in the restaurant could hear anyone but {who}.",
        "{who}'s words were lost in the noise of the restaurant.",
    ),
    Circle(
        "{they} threw a snowball at a friend.",
        "A friend threw a snowball at {them}.",
        "{who}'s friend wanted revenge.",
        "{who} wanted revenge on a friend.",
    ),
    Circle(
        "{they} gave up smoking.",
        "{they} took up running.",
        "{who} could breathe freely again.",
        "{who} noticed on the track how bad {their} lungs were.",
    ),
    Circle(
        "{they} put up long shelves.",
        "{they} bought several hundred books.",
        "{who} suddenly had plenty of room for new novels.",
        "Stacks of novels covered every chair in {who}'s study.",
    ),
    Circle(
        "{they} pumped air into the tires.",
        "{they} let some air out of the tires.",
        "{who}'s tires were as hard as stone.",
        "{who}'s tires were almost flat.",
    ),
    Circle(
        "The council widened the highway.",
        "More people drove to work.",
        "Driving into {who} became easy.",
        "Every road into {who} was jammed at rush hour.",
        "town",
    ),
    Circle(
        "The council raised the taxes.",
        "Many families moved to other towns.",
        "Living in {who} became too expensive.",
        "{who} took in less and less money.",
        "town",
    ),
    Circle(
        "The bus company canceled all its lines.",
        "Most people bought a car.",
        "There was no public transportation left in {who}.",
        "Hardly anyone in {who} used public transportation.",
        "town",
    ),
)
