"""The topics of the ReCoRD training split."""

from tools.samples.record_events import Topic, event

__all__ = ["TOPICS"]

TOPICS: tuple[Topic, ...] = (
    Topic(
        kind="person",
        intro="It has been an eventful spring for {a}, {b} and {c}, three members of the sailing club in {scenery}.",
        aside="The club was founded a century ago and has some two hundred boats.",
        headline="Sailing club has seen an eventful spring",
        events=(
            event(
                (
                    "{0} bought an old wooden yacht from {1} after outbidding {2} by a few hundred dollars",
                    "Neighbors say that @placeholder now spends every evening sanding the deck.",
                ),
                (
                    "{1} turned down an offer from {2} and sold an old wooden yacht to {0}",
                    "With the money, @placeholder plans to travel for a year, on dry land for once.",
                ),
                (
                    "{2} hesitated too long, and {0} got the old wooden yacht that {1} had put up for sale",
                    "For the time being, @placeholder will have to go on searching for a suitable boat.",
                ),
            ),
            event(
                (
                    "{0} was declared the winner of the regatta because {1} had been disqualified, as {2} had demanded",
                    "The silver cup now stands on a shelf in the living room of @placeholder.",
                ),
                (
                    "{1} came in first but lost the regatta when a complaint by {2} handed the victory to {0}",
                    "Having been robbed of the title, @placeholder called the decision a bad joke.",
                ),
                (
                    "{2} filed the complaint that gave {0} the regatta, although {1} had come in first",
                    "The jury agreed with @placeholder, who had reported a broken rule.",
                ),
            ),
            event(
                (
                    "{0} jumped into the sea during a storm to save {1}, whose cries for help had been heard by {2}",
                    "The brave swimmer, @placeholder, refused to be called a hero.",
                ),
                (
                    "{1} fell into the sea during a storm but was heard by {2} and pulled out by {0}",
                    "A night in the hospital was enough for @placeholder to get warm again.",
                ),
                (
                    "{2} heard cries for help during a storm, and {0} jumped into the sea to save {1}",
                    "Without the sharp ears of @placeholder, nobody would have noticed a thing.",
                ),
            ),
        ),
    ),
    Topic(
        kind="person",
        intro="In the orchestra of {scenery}, the talk is of little else but {a}, {b} and {c}.",
        aside="The next concert is in three weeks, and there are only a few tickets left.",
        headline="Orchestra between flu and fame",
        events=(
            event(
                (
                    "{0} will play the solo in place of {1}, who has the flu, at the suggestion of {2}",
                    "Only a few days are left for @placeholder to learn the difficult part.",
                ),
                (
                    "{1} has the flu, and {2} suggested that {0} should play the solo instead",
                    "From a sickbed, @placeholder wished everyone good luck.",
                ),
                (
                    "{2} suggested {0} for the solo when {1} came down with the flu",
                    "It was a wise piece of advice that @placeholder gave to the conductor.",
                ),
            ),
            event(
                (
                    "{0} left a precious violin on a tram, where {1} found it while the police were questioning {2}",
                    "Now and then @placeholder is careless even with valuable instruments.",
                ),
                (
                    "{1} found a precious violin on a tram while {2} was being accused of stealing it from {0}",
                    "As a reward, @placeholder asked for nothing but a private concert.",
                ),
                (
                    "{2} was accused of theft when {0} missed a precious violin, which {1} then found on a tram",
                    "An officer has apologized to @placeholder for the wrong suspicion.",
                ),
            ),
            event(
                (
                    "{0} has been named concertmaster to follow {1}, who is retiring, although {2} had applied as well",
                    "From next season on, the first chair will belong to @placeholder.",
                ),
                (
                    "{1} is retiring as concertmaster, and {2} lost the vote for the post to {0}",
                    "After thirty years, @placeholder would like to spend more time in the garden.",
                ),
                (
                    "{2} had hoped for the post, but {0} was chosen to follow {1} as concertmaster",
                    "Friends of @placeholder speak of a bitter disappointment.",
                ),
            ),
        ),
    ),
    Topic(
        kind="person",
        intro="Three people have kept the village council of {scenery} busy this year: {a}, {b} and {c}.",
        aside="The next election is due in the autumn.",
        headline="Village council has had a turbulent year",
        events=(
            event(
                (
                    "{0} proposed a toll for the bridge, {1} fought it to the last, and {2} was absent from the vote",
                    "The idea had come to @placeholder on a trip to Norway.",
                ),
                (
                    "{1} fought the bridge toll in vain: {2} was absent from the vote, and the proposal by {0} passed",
                    "Drivers must not be punished, said @placeholder, and announced a lawsuit.",
                ),
                (
                    "{2} was absent from the vote, so a bridge toll proposed by {0} passed in spite of {1}",
                    "Critics want to know where @placeholder spent that evening.",
                ),
            ),
            event(
                (
                    "{0} lent a large sum to {1}, as {2} revealed in a letter to the press",
                    "By the end of the year, the money should be back in the account of @placeholder.",
                ),
                (
                    "{1} had debts, as {2} revealed in a letter to the press, and the lender was {0}",
                    "To pay everything back, @placeholder may have to sell a house.",
                ),
                (
                    "{2} revealed in a letter to the press that {0} had lent a large sum to {1}",
                    "Nobody knows how @placeholder got hold of the documents.",
                ),
            ),
            event(
                (
                    "{0} was fined for a terrier that had bitten {1}, after {2} had told a judge about it",
                    "From now on @placeholder will keep the animal on a leash.",
                ),
                (
                    "{1} was bitten by a terrier, and what {2} told a judge led to a fine for its owner, {0}",
                    "The wound on the hand of @placeholder has healed well.",
                ),
                (
                    "{2} told a judge about a terrier, and its owner, {0}, was fined because it had bitten {1}",
                    "As a witness, @placeholder had watched it all from a bench in the park.",
                ),
            ),
        ),
    ),
    Topic(
        kind="place",
        intro="Three towns, {a}, {b} and {c}, keep the region talking, says {scenery}, who has lived there for years.",
        aside="All of them lie on the same road, half an hour apart.",
        headline="Neighboring towns have had a remarkable year",
        events=(
            event(
                (
                    "{0} will host the folk festival that {1} can no longer afford, although {2} had applied first",
                    "All hotels in @placeholder are already booked for the week of the music.",
                ),
                (
                    "{1} can no longer afford the folk festival, which passed over {2} and is moving to {0}",
                    "With its budget in the red, @placeholder has to do without the musicians.",
                ),
                (
                    "{2} applied first, but {0} will host the folk festival that {1} can no longer afford",
                    "The rejection came as a shock to the people of @placeholder.",
                ),
            ),
            event(
                (
                    "{0} is getting the workshops of the furniture factory in {1}, while its offices are moving to {2}",
                    "Two hundred carpenters will be welcome in @placeholder.",
                ),
                (
                    "{1} is losing its furniture factory: the offices are moving to {2} and the workshops to {0}",
                    "There will soon be a huge empty building in @placeholder.",
                ),
                (
                    "{2} is getting the offices and {0} the workshops of the furniture factory in {1}",
                    "Mostly bookkeepers and salespeople will be looking for apartments in @placeholder.",
                ),
            ),
            event(
                (
                    "{0} sent a fire engine to {1}, where a school was burning, as the one from {2} had broken down",
                    "The crew from @placeholder was thanked with a big dinner.",
                ),
                (
                    "{1} had a burning school and no fire engine: the one from {2} broke down, and one came from {0}",
                    "For the time being, children in @placeholder are taught in the library.",
                ),
                (
                    "{2} had a broken fire engine, so it was {0} that sent one to the burning school in {1}",
                    "The mechanics of @placeholder blame a worn-out pump for the embarrassment.",
                ),
            ),
        ),
    ),
    Topic(
        kind="place",
        intro="The football season held surprises for {a}, {b} and {c}, writes {scenery}, a fan of the lower leagues.",
        aside="All of the clubs depend on volunteers and the sale of sausages.",
        headline="Small clubs look back on a season of surprises",
        events=(
            event(
                (
                    "{0} beat {1} in the cup final, which was played in {2}",
                    "In the streets of @placeholder, people danced until dawn with the trophy.",
                ),
                (
                    "{1} lost the cup final in {2} to a late goal by {0}",
                    "The coach of @placeholder blamed the referee for the defeat.",
                ),
                (
                    "{2} saw a cup final in which {0} scored late against {1}",
                    "The stadium of @placeholder had never before been full of fans from elsewhere.",
                ),
            ),
            event(
                (
                    "{0} signed the goalkeeper of {1}, who had been expected to go to {2}",
                    "The new man will stand between the posts for @placeholder in August.",
                ),
                (
                    "{1} let its goalkeeper go, not to {2}, as most people had expected, but to {0}",
                    "Somebody else will have to stop the shots at @placeholder, which lost its best player.",
                ),
                (
                    "{2} had counted on a new goalkeeper, but {0} was quicker and signed him from {1}",
                    "An unused shirt with a name on it is all that @placeholder has left of the plan.",
                ),
            ),
            event(
                (
                    "{0} is moving up a division and {1} is going down, while a draw was enough for {2} to stay",
                    "Next year @placeholder will face much stronger teams.",
                ),
                (
                    "{1} is going down a division, {2} is staying thanks to a draw, and {0} is moving up",
                    "Relegation has already made three players leave @placeholder.",
                ),
                (
                    "{2} is staying in its division thanks to a draw, {0} is moving up, and {1} is going down",
                    "A single point was enough for @placeholder to avoid the worst.",
                ),
            ),
        ),
    ),
)
