"""The ambiguous words of the val split of the WiC sample data, written as in `wic_lexicon`."""

__all__ = ["VAL"]

VAL = """
mouse
1 The cat was playing with a dead [mouse].
1 A [mouse] had gnawed a hole in the cheese.
1 The owl swooped down and seized a [mouse].
1 She set a trap for the [mouse] in the pantry.
2 Click the left button of the [mouse].
2 My [mouse] needs new batteries.
2 He connected a keyboard and a [mouse] to the laptop.
2 The pointer follows the [mouse] across the screen.

chest
1 He felt a sharp pain in his [chest].
1 The nurse listened to the child's [chest] with a stethoscope.
1 She folded her arms across her [chest].
1 A bullet had hit the officer in the [chest].
2 The pirates buried a [chest] full of gold.
2 Grandmother kept the blankets in a wooden [chest].
2 The lid of the [chest] was locked.
2 There was a [chest] with old toys in the attic.

crane
1 A [crane] stood on one leg in the marsh.
1 The [crane] spread its wings and flew away.
1 We saw the nest of a [crane] among the reeds.
1 With its long beak the [crane] caught a frog.
2 The [crane] lifted steel beams to the top of the tower.
2 A construction worker climbed up into the [crane].
2 The ship was unloaded with a giant [crane].
2 They needed a [crane] to get the piano onto the balcony.

file
1 She [filed] the invoices by date.
1 All letters are [filed] in the gray cabinet.
1 The secretary [filed] my application under the wrong name.
1 He copied the reports and [filed] them away.
2 She [filed] her nails while watching television.
2 The locksmith [filed] the key until it fit.
2 The prisoner secretly [filed] through an iron bar.
2 Rough edges have to be [filed] smooth.

jam
1 She spread strawberry [jam] on her toast.
1 We made [jam] from the plums in our garden.
1 The doughnuts were filled with [jam].
1 He opened a new jar of [jam] for breakfast.
2 We sat in a traffic [jam] for two hours.
2 The accident caused a [jam] on the highway.
2 Every evening there is a [jam] at this intersection.
2 Three ambulances were stuck in the [jam].

note
1 He left a [note] for his wife on the table.
1 A [note] on the door said that the shop was closed.
1 The teacher found a [note] that was passed around in class.
1 I scribbled a short [note] to thank the hosts.
2 The singer could not reach the highest [note].
2 Her flute was out of tune on every [note].
2 The trumpet held the last [note] for a long time.
2 Each key of the piano plays a different [note].

palm
1 He held the coin in his [palm].
1 The fortune teller read the lines of my [palm].
1 A splinter was stuck in her [palm].
1 Sweat made his [palm] slippery.
2 A monkey climbed up the [palm] for a coconut.
2 We lay under a [palm] at noon.
2 The hurricane had bent the [palm] to the ground.
2 Dates grow on this [palm].

deck
1 The passengers stood on [deck] and watched the coast.
1 A sailor was scrubbing the [deck].
1 The captain called all hands on [deck].
1 Waves washed over the [deck] during the storm.
2 She shuffled the [deck] and dealt five cards to everyone.
2 There are four aces in a [deck].
2 He drew the queen of hearts from the [deck].
2 You cannot play poker without a complete [deck].

catch
1 The goalkeeper [caught] the ball with both hands.
1 The dog jumped up and [caught] the stick.
1 He dropped a plate, but she [caught] it.
1 The acrobat was safely [caught] by her partner.
2 She [caught] a bad cold on the trip.
2 Half of the class [caught] the flu.
2 Many settlers [caught] malaria and died.
2 My little brother [caught] the measles at kindergarten.

ring
1 He gave her a [ring] with a diamond.
1 The widow still wore her wedding [ring].
1 A gold [ring] shone on his finger.
1 The jeweler made the [ring] smaller.
2 The boxer climbed into the [ring].
2 He left the [ring] with a broken nose.
2 The crowd cheered as the champion entered the [ring].
2 Two heavyweights faced each other in the [ring].

star
1 The brightest [star] in the sky is Sirius.
1 Astronomers discovered a [star] with seven planets.
1 Sailors found their way by that [star].
1 The light of this [star] takes years to reach us.
2 The movie made her a [star] overnight.
2 Fans asked the [star] for an autograph.
2 The [star] of the show arrived in a limousine.
2 Every reporter wanted an interview with the [star].

bill
1 The duck held a snail in its [bill].
1 A pelican can carry fish in its [bill].
1 The toucan has a large, colorful [bill].
1 The little bird opened its [bill] and chirped.
2 The waiter brought us the [bill].
2 Our electricity [bill] was higher than last month.
2 He paid the hotel [bill] by credit card.
2 The dentist sent me a [bill] for three hundred dollars.

cell
1 The prisoner was alone in his [cell].
1 The guard locked the [cell] for the night.
1 There was only a tiny window in her [cell].
1 The burglar spent two years in a [cell].
2 The biologist studied how a [cell] divides.
2 Every [cell] in the body contains DNA.
2 A virus can enter a [cell] and destroy it.
2 An egg starts out as one single [cell].

cast
1 The fishermen [cast] their nets into the sea.
1 He [cast] the line far out over the lake.
1 She [cast] a pebble into the well and made a wish.
1 The empty bottles were [cast] overboard.
2 The director [cast] an unknown girl as Juliet.
2 He was [cast] as the villain in a western.
2 Nobody understood why she had been [cast] for such a small part.
2 They have not yet [cast] the role of the detective.
"""
