"""The word lists of the WiC sample data: ambiguous words, each with contexts for two of its senses.

Each paragraph is a word: its lemma, and then its contexts. A context follows the number of its
sense, and has the word in brackets. All contexts of a word use the same form and part of speech. Two
contexts of one sense share no other content word. No word is in both splits.
"""

from dataclasses import dataclass

from tools.samples.wic_lexicon_held_out import VAL

__all__ = ["LEXICONS", "Context", "Word"]


@dataclass(frozen=True)
class Context:
    """A sentence, and the word in it as a range of characters."""

    sentence: str
    start: int
    end: int
    """Position after the last character of the word."""


@dataclass(frozen=True)
class Word:
    """An ambiguous word with the contexts of its first and of its second sense."""

    lemma: str
    senses: tuple[tuple[Context, ...], tuple[Context, ...]]


def _context(marked: str) -> Context:
    before, form, after = marked.replace("[", "]").split("]")
    return Context(f"{before}{form}{after}", len(before), len(before) + len(form))


def _words(text: str) -> tuple[Word, ...]:
    words = []
    for paragraph in text.strip().split("\n\n"):
        lemma, *lines = paragraph.splitlines()
        first, second = (tuple(_context(line[2:]) for line in lines if line[0] == sense) for sense in "12")
        words.append(Word(lemma, (first, second)))
    return tuple(words)


_TRAIN = """
bank
1 The boys were fishing from the [bank].
1 Reeds grew thickly along the [bank].
1 After the flood, mud covered the whole [bank].
1 We pulled the canoe up onto the [bank].
2 She keeps her savings in a small [bank].
2 The [bank] refused to give him a mortgage.
2 Masked robbers got away from the [bank] with the cash.
2 He went to the [bank] to open an account.

charge
1 The hotel [charged] us for breakfast.
1 Our plumber [charged] sixty dollars an hour.
1 They were [charged] far too much for the repair.
1 No fee was [charged] at the museum door.
2 The bull lowered its horns and [charged].
2 Two thousand cavalry [charged] across the field.
2 An angry elephant [charged] the jeep.
2 When the trumpet sounded, the knights [charged].

court
1 The [court] found him guilty of fraud.
1 She had to appear in [court] as a witness.
1 His lawyer asked the [court] for more time.
1 The dispute over the inheritance ended in [court].
2 He hit the ball to the back of the [court].
2 The school is building a basketball [court].
2 Rain made the [court] too slippery for tennis.
2 Both players shook hands and left the [court].

draw
1 The child [drew] a house with a red roof.
1 He [drew] a map on the back of an envelope.
1 With a piece of chalk she [drew] a circle.
1 The architect [drew] three plans for the library.
2 The sheriff [drew] his gun.
2 She [drew] a folded letter from her pocket.
2 The pirate suddenly [drew] a long sword.
2 A magician [drew] a rabbit out of the hat.

bat
1 A [bat] hung upside down in the cave.
1 At dusk a [bat] flew over the garden.
1 The [bat] finds insects by listening to echoes.
1 Something with leathery wings, a [bat], was asleep in the attic.
2 He swung the [bat] and hit a home run.
2 Her brother got a wooden [bat] and a glove.
2 The player broke his [bat] in the third inning.
2 She leaned her baseball [bat] against the fence.

run
1 He [ran] down the stairs to catch the bus.
1 The deer turned and [ran] into the woods.
1 She [ran] the marathon in under four hours.
1 The children [ran] across the playground.
2 His grandmother [ran] a hotel for thirty years.
2 For a while he [ran] an airline with two planes.
2 She [ran] the election campaign of the senator.
2 They [ran] a small farm together.

seal
1 A [seal] was sunning itself on the rocks.
1 The [seal] dived under the ice for fish.
1 At the zoo a [seal] balanced a ball on its nose.
1 Polar bears had killed a young [seal].
2 The king pressed his [seal] into the hot wax.
2 The letter bore the [seal] of the bishop.
2 Without an official [seal] the document is worthless.
2 The duke's ring was also used as a [seal].

match
1 He struck a [match] and lit the candle.
1 A burning [match] fell on the carpet.
1 Someone had started the fire with a single [match].
1 She took the last [match] from the box.
2 Our team lost the [match] by two goals.
2 The tennis [match] lasted five hours.
2 The referee stopped the [match] because of fog.
2 Thousands of fans came to see the [match].

fire
1 The manager [fired] three employees on Friday.
1 He was [fired] for stealing office supplies.
1 She got [fired] from her first job.
1 The new owner [fired] the entire kitchen staff.
2 The soldiers [fired] over the heads of the crowd.
2 A shot was [fired] from a passing car.
2 The hunter aimed carefully and [fired].
2 Both cannons were [fired] at noon.

plant
1 The [plant] makes engines for trucks.
1 Eight hundred workers lost their jobs when the [plant] closed.
1 Smoke rose from the chimneys of the [plant].
1 The steel company built a second [plant] in Ohio.
2 This [plant] needs very little water.
2 She put the [plant] on a sunny windowsill.
2 A rare [plant] with blue flowers grows in these hills.
2 The leaves of the [plant] had turned yellow.

bark
1 The [bark] of the birch is white.
1 Beetles had eaten their way under the [bark].
1 Lovers had carved their names into the [bark].
1 The oak has thick, rough [bark].
2 The old hound gave a short, hoarse [bark].
2 A loud [bark] came from the kennel.
2 The puppy's [bark] woke the baby.
2 With an angry [bark] the terrier ran after the mailman.

spring
1 The garden is most beautiful in [spring].
1 The birds return from the south every [spring].
1 Last [spring] the tulips came early.
1 They plan to get married in the [spring].
2 The [spring] in the old mattress was broken.
2 The clock stopped because its [spring] had snapped.
2 A metal [spring] pushes the lid open.
2 The mechanic replaced a rusty [spring] under the car.

letter
1 She wrote a long [letter] to her sister.
1 The mailman brought a [letter] from the tax office.
1 He forgot to put a stamp on the [letter].
1 Her lawyer sent the landlord an angry [letter].
2 The word begins with a capital [letter].
2 Q is the rarest [letter] in English.
2 My son can already read every [letter] of the alphabet.
2 One [letter] on the shop sign was missing.

pitch
1 We [pitched] our tent by the lake.
1 The scouts [pitched] camp before dark.
1 A circus had been [pitched] on the meadow.
1 They [pitched] a large canopy for the wedding.
2 She [pitched] the ball straight over the plate.
2 He [pitched] nine innings without a mistake.
2 The rookie [pitched] better than anyone else on the team.
2 My uncle once [pitched] for the Yankees.

nail
1 He hammered a [nail] into the wall.
1 The picture hung from a rusty [nail].
1 The flat tire was caused by a [nail].
1 Hand me the hammer and another [nail].
2 She bit her [nail] nervously during the exam.
2 The [nail] on his little toe was infected.
2 Polish was peeling off her [nail].
2 With small scissors she trimmed every broken [nail].

trunk
1 An elephant can drink through its [trunk].
1 The calf picked up a peanut with its [trunk].
1 The huge animal lifted a log with its [trunk].
1 The mammoth had curved tusks and a hairy [trunk].
2 We put a suitcase into the [trunk].
2 Where is the key to your [trunk]?
2 His [trunk] was full of stolen paintings.
2 She slammed the [trunk] shut and drove off.

raise
1 He [raised] his glass and made a toast.
1 The crane [raised] the beam to the fifth floor.
1 A pupil in the front row [raised] her hand.
1 The sailors [raised] the anchor at sunrise.
2 My grandparents [raised] six children.
2 She was [raised] by her aunt in Texas.
2 He [raised] his daughter alone after the divorce.
2 The twins were born in Rome but [raised] in Boston.

organ
1 The liver is the largest [organ] inside the body.
1 The surgeon removed the damaged [organ].
1 Doctors were waiting for a donor [organ].
1 The heart is an [organ] that pumps blood.
2 She plays the [organ] in church on Sundays.
2 The pipes of the [organ] were covered with dust.
2 Bach wrote many pieces for the [organ].
2 The wedding began with music from the [organ].

miss
1 The arrow [missed] the target by an inch.
1 He [missed] the last train and took a taxi.
1 The striker [missed] an empty goal.
1 The stone just [missed] my head.
2 She [missed] her parents when she lived abroad.
2 The old sailor [missed] the sea.
2 We all [missed] you at the party, so come back soon.
2 After the move, the boy [missed] his friends terribly.

scale
1 The butcher put the meat on the [scale].
1 The parcel is too heavy for the [scale].
1 He weighs himself on a bathroom [scale].
1 A kitchen [scale] is useful for baking.
2 The snake had lost a [scale].
2 A silvery [scale] from the trout stuck to the knife.
2 Under the microscope lay the [scale] of a butterfly.
2 The fossil shows every [scale] of the fish.
"""

LEXICONS: dict[str, tuple[Word, ...]] = {"train": _words(_TRAIN), "val": _words(VAL)}
