"""Stories for the RTE sample data in which the label depends on which of two names a fact is about.

*scope*: the fact is about the subject, or about a name inside a clause about the subject.
*place*: the hypothesis names the country of one of two cities.
*order*: one of the two is older, quicker or cheaper than the other.
"""

from tools.samples.rte_lexicon import Swap

__all__ = ["ORDER", "PLACE", "SCOPE"]

SCOPE: dict[str, tuple[Swap, ...]] = {
    "train": (
        Swap(
            "person",
            "{a}, the lawyer who had defended {b} in a fraud case three years ago, was arrested at {town} airport "
            "on {day} with two passports.",
            "{a} was arrested.",
            "{b} was accused of fraud.",
        ),
        Swap(
            "person",
            "A spokesman for {a} said on {day} that {b} would not be joining the government, ending weeks of "
            "speculation in {town}.",
            "{a} has a spokesman.",
            "{b} is not expected to join the government.",
        ),
        Swap(
            "person",
            "The brother of {a} was seriously hurt on {day} when a truck driven by {b} left the icy road between "
            "{town} and the coast.",
            "{a} has a brother who was injured.",
            "{b} drove a truck off the road.",
        ),
        Swap(
            "person",
            "{a} was elected mayor of {town} on {day}, narrowly beating a rival whose whole campaign had been "
            "run by {b}.",
            "{a} won an election.",
            "{b} managed a losing campaign.",
        ),
        Swap(
            "firm",
            "{a}, which shares a research center in {town} with the rapidly growing {b}, has closed its last "
            "factory and dismissed hundreds of workers.",
            "{a} laid off staff.",
            "{b} is expanding.",
        ),
    ),
    "val": (
        Swap(
            "person",
            "{a}, whose sister is married to the composer {b}, won the national prize for poetry at a ceremony in "
            "{town} on {day}.",
            "{a} was given an award.",
            "{b} writes music.",
        ),
        Swap(
            "person",
            "The bodyguard of {a} was dismissed on {day} after {b} complained about rude behavior during a "
            "reception in {town}.",
            "{a} has lost a bodyguard.",
            "{b} found fault with a bodyguard.",
        ),
        Swap(
            "firm",
            "{a}, for many years a partner of the bankrupt airline {b}, opened a new training school for pilots "
            "near {town} on {day}.",
            "{a} has started a school.",
            "{b} ran out of money.",
        ),
    ),
}

PLACE: dict[str, tuple[Swap, ...]] = {
    "train": (
        Swap(
            "city",
            "A shipping company has moved its head office from {a} to {b}, and several hundred employees were "
            "offered help with the cost of moving.",
            "The company used to have its head office in {a_land}.",
            "The company now has its head office in {b_land}.",
        ),
        Swap(
            "city",
            "Doctors in {a} have confirmed that a nurse who returned from {b} on {day} is suffering from a rare "
            "tropical fever.",
            "A case of fever has been confirmed in {a_land}.",
            "A nurse had been to {b_land}.",
        ),
        Swap(
            "city",
            "A violin maker who was born in {a} has opened a small workshop in {b}, where twelve apprentices are "
            "now learning the trade.",
            "The violin maker is a native of {a_land}.",
            "Apprentices are being trained in {b_land}.",
        ),
        Swap(
            "city",
            "Rescue workers from {a} arrived in {b} on {day} to search for people who were trapped there after the "
            "strong earthquake.",
            "The rescue workers had come from {a_land}.",
            "An earthquake struck {b_land}.",
        ),
        Swap(
            "city",
            "The police in {a} have arrested a man who is wanted in {b} for the theft of three paintings from a "
            "private collection.",
            "A man was arrested in {a_land}.",
            "A man is being sought by the authorities in {b_land}.",
        ),
    ),
    "val": (
        Swap(
            "city",
            "A pianist who grew up in {a} will give three concerts in {b} this month, the first of them on {day} "
            "evening.",
            "The pianist spent a childhood in {a_land}.",
            "The pianist will perform in {b_land}.",
        ),
        Swap(
            "city",
            "The summit that was to be held in {a} has been moved to {b} because the hotel staff have called a "
            "strike for next week.",
            "The summit had been planned for {a_land}.",
            "The summit will take place in {b_land}.",
        ),
        Swap(
            "city",
            "A cargo plane that took off from {a} was forced to land in {b} on {day} when smoke was noticed in the "
            "cockpit.",
            "The plane had departed from {a_land}.",
            "The plane ended its flight in {b_land}.",
        ),
    ),
}

ORDER: dict[str, tuple[Swap, ...]] = {
    "train": (
        Swap(
            "town",
            "The new library in {a} cost nearly twice as much as the one in {b}, although both were designed by "
            "the same architect.",
            "{a} spent more on its library than {b}.",
            "{b} has a cheaper library than {a}.",
        ),
        Swap(
            "person",
            "{a} reached the summit on {day}, two days before {b}, after bad weather had kept both climbers in "
            "{town} for a week.",
            "{a} was at the top earlier than {b}.",
            "{b} got to the top later than {a}.",
        ),
        Swap(
            "firm",
            "{a} was founded eleven years after {b}, yet the two companies now sell about the same number of cars "
            "in {town}.",
            "{a} is younger than {b}.",
            "{b} has existed longer than {a}.",
        ),
        Swap(
            "person",
            "{a} finished the marathon in {town} well behind {b} on {day}, in spite of leading for the first two "
            "hours.",
            "{a} was slower than {b}.",
            "{b} ran a better race than {a}.",
        ),
        Swap(
            "town",
            "The number of people in {a} is now far below the number in {b}, because most of the young left when the "
            "mines were closed.",
            "{a} has fewer residents than {b}.",
            "{b} has a larger population than {a}.",
        ),
    ),
    "val": (
        Swap(
            "person",
            "{a} outlived {b} by more than a decade and kept the letters that the two had once exchanged in {town} "
            "until the end.",
            "{a} died later than {b}.",
            "{b} died before {a}.",
        ),
        Swap(
            "town",
            "The harbor of {a} is no match for the harbor of {b}, which handles four times as many containers in "
            "a single week.",
            "{a} handles fewer containers than {b}.",
            "{b} has a busier harbor than {a}.",
        ),
        Swap(
            "firm",
            "{a} overtook {b} in the market for electric bicycles last year, according to figures that were "
            "published in {town} on {day}.",
            "{a} sold more electric bicycles than {b}.",
            "{b} fell behind {a}.",
        ),
    ),
}
