"""Circles of events for the val split of the COPA sample data."""

from tools.samples.copa_circles import Circle

__all__ = ["VAL"]

VAL: tuple[Circle, ...] = (
    Circle(
        "{they} quarreled with the family.",
        "{they} stayed at the office until midnight.",
        "{who} did not feel like going home.",
        "{who} missed {their} daughter's birthday party.",
    ),
    Circle(
        "{they} put on weight.",
        "{they} stopped playing football.",
        "Running left {who} short of breath.",
        "{who} got hardly any exercise.",
    ),
    Circle(
        "{they} won the championship.",
        "{they} hired a famous coach.",
        "Sponsors paid {who} huge sums of money.",
        "{who}'s technique became perfect.",
    ),
    Circle(
        "{they} stopped wearing glasses.",
        "{they} suffered from headaches.",
        "{who} had to strain {their} eyes to read.",
        "{who} suspected that the lenses were too strong.",
    ),
    Circle(
        "{they} stepped on the brake.",
        "{they} stepped on the gas.",
        "{who}'s truck slowed to a crawl.",
        "{who}'s truck was far above the speed limit.",
    ),
    Circle(
        "{they} poured in more water.",
        "{they} mixed in more flour.",
        "{who}'s dough was runny.",
        "{who}'s dough was dry and crumbly.",
    ),
    Circle(
        "{they} tightened {their} belt.",
        "{they} loosened {their} belt.",
        "{who} could hardly breathe.",
        "{who}'s pants began to slide down.",
    ),
    Circle(
        "{they} took up photography.",
        "{they} traveled all over the world.",
        "{who} wanted pictures of faraway places.",
        "{who} wanted to keep a record of so many trips.",
    ),
    Circle(
        "{they} learned Spanish.",
        "{they} moved to Madrid.",
        "{who} found a position in Spain.",
        "{who} did not understand the locals.",
    ),
    Circle(
        "{they} took a long nap.",
        "{they} could not fall asleep at night.",
        "{who} was wide awake when bedtime came.",
        "{who} was drowsy all afternoon.",
    ),
    Circle(
        "{they} ate a bag of salted peanuts.",
        "{they} drank several glasses of beer.",
        "{who} became very thirsty.",
        "{who} craved savory snacks.",
    ),
    Circle(
        "{they} gave the waiter a generous tip.",
        "The waiter brought {them} a free dessert.",
        "The waiter was pleased with {who}.",
        "{who} was pleased with the waiter.",
    ),
    Circle(
        "{they} argued with the teacher.",
        "The teacher gave {them} a poor grade.",
        "The teacher began to dislike {who}.",
        "{who} felt that the essay had been judged unfairly.",
    ),
    Circle(
        "{they} skipped lunch.",
        "{they} fell behind with the paperwork.",
        "{who} was too hungry to concentrate.",
        "{who} had no time for a break at noon.",
    ),
    Circle(
        "New hotels were built.",
        "Great numbers of tourists arrived.",
        "{who} had beds for ten thousand visitors.",
        "Every guest room in {who} was booked for the summer.",
        "town",
    ),
    Circle(
        "The school was closed.",
        "Young couples moved away.",
        "Children from {who} had to travel an hour to class.",
        "Hardly any children were left in {who}.",
        "town",
    ),
)
