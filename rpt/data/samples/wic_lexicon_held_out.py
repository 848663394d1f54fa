"""The ambiguous words of the val and test splits of the WiC sample data, written as in `wic_lexicon`."""

__all__ = ["TEST", "VAL"]

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

TEST = """
club
1 She joined a chess [club] at the university.
1 The members of the [club] meet every Tuesday.
1 He is the president of the local sailing [club].
1 Our hiking [club] celebrates its anniversary in May.
2 The caveman carried a heavy [club].
2 The giant swung his [club] at the dragon.
2 He was knocked down with a wooden [club].
2 The guards were armed with a [club] each.

port
1 The ship left the [port] at dawn.
1 Hundreds of containers are unloaded in the [port] every day.
1 The storm forced the ferry to return to [port].
1 Rotterdam has the biggest [port] in Europe.
2 After dinner they drank a glass of [port].
2 He opened a bottle of old [port] for the guests.
2 The cook added some [port] to the sauce.
2 Cheese goes well with [port].

racket
1 She broke a string of her tennis [racket].
1 He threw his [racket] on the ground after losing the point.
1 The champion signed a [racket] for the girl.
1 You need good shoes and a light [racket] for badminton.
2 The neighbors were making a terrible [racket].
2 I could not sleep because of the [racket] in the street.
2 What a [racket] those children make!
2 The old washing machine stopped with an awful [racket].

sentence
1 The judge gave him a [sentence] of ten years.
1 She served her [sentence] in a prison near Chicago.
1 His lawyer hoped for a milder [sentence].
1 The thief received a suspended [sentence].
2 The first [sentence] of the novel is famous.
2 There is a comma missing in this [sentence].
2 He could not finish a [sentence] without stammering.
2 Translate the following [sentence] into Latin.

tank
1 The [tank] rolled over the barricade.
1 The army lost a [tank] in the battle.
1 Soldiers were riding on top of a [tank].
1 A shell hit the [tank] and destroyed its gun.
2 The fish swam around in their [tank].
2 He filled the [tank] with gas before the journey.
2 Rainwater is collected in a [tank] behind the barn.
2 The oil [tank] in the basement was leaking.

mole
1 A [mole] had dug tunnels under the lawn.
1 The [mole] is almost blind.
1 We saw heaps of earth left by a [mole].
1 The gardener tried to drive away the [mole].
2 She has a small [mole] on her cheek.
2 The doctor looked at the [mole] and said it was harmless.
2 He had a [mole] removed from his shoulder.
2 Too much sun can change the color of a [mole].

pipe
1 Grandfather lit the [pipe] and leaned back.
1 He smoked a [pipe] after every meal.
1 The detective always had a [pipe] between his teeth.
1 Tobacco was glowing in the [pipe].
2 Water was dripping from a [pipe] under the sink.
2 A [pipe] burst in the basement during the frost.
2 The plumber replaced the rusty [pipe].
2 Natural gas flows through the [pipe] to the city.

fan
1 He is a great [fan] of the Beatles.
1 Every [fan] in the stadium was singing.
1 A [fan] asked the actress for an autograph.
1 My sister has been a [fan] of the team since childhood.
2 It was so hot that we switched on the [fan].
2 The [fan] in the computer is very noisy.
2 A [fan] was turning slowly on the ceiling.
2 The lady cooled her face with a paper [fan].

settle
1 Her ancestors [settled] in Kansas.
1 Many Germans [settled] along the river.
1 After years of traveling he [settled] in a village near Lyon.
1 The island was first [settled] by Vikings.
2 The two companies [settled] their dispute out of court.
2 We [settled] the question by tossing a coin.
2 The strike was [settled] after long negotiations.
2 The brothers finally [settled] their quarrel.

cover
1 Snow [covered] the roofs of the town.
1 She [covered] the table with a cloth.
1 His arms were [covered] with tattoos.
1 Dust [covered] everything in the abandoned house.
2 The journalist [covered] the war for a newspaper.
2 Our station [covered] the trial from the first day.
2 She has [covered] three Olympic Games as a reporter.
2 The election was [covered] by media from all over the world.

serve
1 Dinner is [served] in the garden.
1 The waitress [served] us coffee and cake.
1 Fish should be [served] with white wine.
1 They [served] soup to the homeless.
2 My uncle [served] in the navy.
2 He had [served] as an officer in Korea.
2 Both sons [served] with the same regiment.
2 She [served] two years in the air force.

ruler
1 The [ruler] of the empire was only twelve years old.
1 The people rose up against their cruel [ruler].
1 He was the last [ruler] of an independent kingdom.
1 A wise [ruler] listens to the poor.
2 She drew a straight line with a [ruler].
2 The [ruler] is exactly a foot long.
2 Bring a pencil and a [ruler] to the geometry lesson.
2 He measured the width of the page with his [ruler].

temple
1 The ancient [temple] was dedicated to Apollo.
1 Monks were praying in the [temple].
1 The pilgrims left their shoes outside the [temple].
1 Only two columns of the [temple] are still standing.
2 A vein throbbed in his [temple].
2 She pressed a finger to her [temple] and thought.
2 The stone struck him on the [temple].
2 Gray hair was showing at his right [temple].

strike
1 The dockers [struck] for higher wages.
1 The nurses have not [struck] since the new contract.
1 Drivers and conductors [struck] for a shorter week.
1 The miners had [struck] for months without success.
2 The ball [struck] him in the face.
2 Lightning [struck] the church tower.
2 The car had [struck] a lamppost at high speed.
2 She [struck] the table with her fist.
"""
