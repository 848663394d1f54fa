"""Circles of events for the COPA sample data: those of the val and test splits."""

from rpt.data.samples.copa_circles import Circle

__all__ = ["TEST", "VAL"]

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

TEST: tuple[Circle, ...] = (
    Circle(
        "{they} watered the flowers every hour.",
        "{they} stopped watering the flowers.",
        "The soil in {who}'s pots was a swamp.",
        "The soil in {who}'s pots was as dry as dust.",
    ),
    Circle(
        "{they} fell out with the band.",
        "{they} began a solo career.",
        "{who} was suddenly without fellow musicians.",
        "{who}'s fellow musicians felt betrayed.",
    ),
    Circle(
        "{they} lowered the saddle.",
        "{they} raised the saddle.",
        "{who}'s knees hit the handlebars.",
        "{who}'s feet no longer reached the pedals.",
    ),
    Circle(
        "{they} enlarged the photograph.",
        "{they} shrank the photograph.",
        "The photograph no longer fit on {who}'s page.",
        "Nobody could recognize the tiny faces on {who}'s page.",
    ),
    Circle(
        "{they} moved closer to the campfire.",
        "{they} moved away from the campfire.",
        "Sparks landed on {who}'s sleeve.",
        "{who} felt the cold night air.",
    ),
    Circle(
        "{they} planted a vegetable garden.",
        "{they} gave up meat.",
        "{who} had more beans and carrots than anyone could eat.",
        "{who} needed fresh produce.",
    ),
    Circle(
        "{they} scratched {their} arm.",
        "{their} skin became inflamed.",
        "Dirt got into {who}'s open wound.",
        "{who} felt a terrible itch.",
    ),
    Circle(
        "{they} turned down every invitation to speak.",
        "{they} became nervous in front of audiences.",
        "{who} never got any practice as a speaker.",
        "{who} dreaded stammering on stage.",
    ),
    Circle(
        "{they} practiced the violin for months.",
        "{they} won a music prize.",
        "{who}'s playing became brilliant.",
        "Famous orchestras asked {who} to play solos.",
    ),
    Circle(
        "{they} went on a reading tour.",
        "{their} poems sold well.",
        "Large audiences got to know {who}'s work.",
        "Bookstores everywhere were eager to invite {who}.",
    ),
    Circle(
        "{they} sent an angry email.",
        "{they} was criticized at the meeting.",
        "{who}'s tone shocked everyone.",
        "{who} felt humiliated by colleagues.",
    ),
    Circle(
        "{they} skipped practice.",
        "{they} was dropped from the squad.",
        "{who} no longer seemed committed.",
        "{who} saw no point in training anymore.",
    ),
    Circle(
        "{they} undercut the diner across the street.",
        "The diner across the street undercut {them}.",
        "{who} took customers from the diner across the street.",
        "{who} lost customers to the diner across the street.",
    ),
    Circle(
        "{they} bought a sailboat.",
        "{they} spent every weekend at the lake.",
        "{who} wanted to sail as often as possible.",
        "{who} was tired of watching other people sail.",
    ),
    Circle(
        "A university was founded.",
        "Modern firms settled in the area.",
        "{who} had many young engineers.",
        "{who}'s employers were desperate for graduates.",
        "town",
    ),
    Circle(
        "The newspaper warned of a food shortage.",
        "Shoppers emptied the supermarkets.",
        "People in {who} feared going hungry.",
        "There was suddenly no flour to be had in {who}.",
        "town",
    ),
)
