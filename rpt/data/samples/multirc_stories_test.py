"""The stories of the MultiRC test split."""

from rpt.data.samples.multirc_stories import Story, fact

__all__ = ["STORIES"]

STORIES: tuple[Story, ...] = (
    Story(
        kind="person",
        intro="On the day of the village marathon, {owners} looked after the runners from early morning on.",
        setting="on the day of the marathon",
        asides=(
            "More than six hundred people had signed up, twice as many as expected.",
            "It was the hottest day of the month.",
        ),
        ending="The last runner crossed the line at dusk, to loud cheers.",
        facts=(
            fact("pour", "poured", "water into paper cups", "Got the drinks ready"),
            fact("slice", "sliced", "oranges", "Cut up the fruit"),
            fact("massage", "massaged", "tired legs", "Loosened the muscles of the runners"),
            fact("time", "timed", "the leaders", "Took down how fast the best ones were"),
            fact("block", "blocked", "the highway", "Kept the traffic out"),
            fact("tape", "taped", "numbers to the shirts", "Gave each runner a number"),
            fact("polish", "polished", "the trophies", "Made the prizes shine"),
            fact("comfort", "comforted", "a lost child", "Was kind to a youngster who was alone"),
            fact("announce", "announced", "the winners", "Read out the results"),
        ),
    ),
    Story(
        kind="person",
        intro="With the cook on strike, {owners} took over the kitchen of the mountain hotel for a week.",
        setting="at the hotel",
        asides=(
            "The house was full, and a hiking group had booked dinner for thirty.",
            "A thick book of recipes lay on the counter, mostly in Italian.",
        ),
        ending="The guests gave them five stars and asked for the recipes.",
        facts=(
            fact("peel", "peeled", "a sack of potatoes", "Prepared the vegetables"),
            fact("knead", "kneaded", "the bread dough", "Worked with flour and yeast"),
            fact("haggle", "haggled", "with the butcher", "Tried to get meat for less"),
            fact("sharpen", "sharpened", "the knives", "Made the blades cut better"),
            fact("unclog", "unclogged", "the sink", "Got the water to run off again"),
            fact("whip", "whipped", "the cream", "Beat something sweet and white"),
            fact("rewrite", "rewrote", "the menu", "Changed what was on offer"),
            fact("smoke", "smoked", "a dozen trout", "Preserved the fish"),
            fact("wait", "waited", "on the hikers", "Served the walkers at their tables"),
        ),
    ),
    Story(
        kind="person",
        intro="{owners} put together the last issue of the student newspaper in a single night.",
        setting="on the night before the deadline",
        asides=(
            "A cable had failed, and the office was lit by two desk lamps.",
            "The printing house wanted everything by seven in the morning.",
        ),
        ending="The paper came out on time and was gone within an hour.",
        facts=(
            fact("draw", "drew", "a cartoon of the dean", "Made a funny picture"),
            fact("check", "checked", "the spelling", "Looked for mistakes"),
            fact("phone", "phoned", "a witness", "Got in touch with somebody who had seen it"),
            fact("translate", "translated", "a poem from Polish", "Put verses into another language"),
            fact("crop", "cropped", "the photos", "Trimmed the images"),
            fact("rescue", "rescued", "a lost file", "Recovered some data"),
            fact("review", "reviewed", "a concert", "Gave an opinion on music"),
            fact("invent", "invented", "a crossword puzzle", "Thought up a word game"),
            fact("heat", "heated", "up some noodles", "Provided a warm meal"),
        ),
    ),
    Story(
        kind="place",
        intro="The circus was on the road all summer, and its young acrobats grew fond of {owners}.",
        actors="the acrobats",
        asides=(
            "They traveled in nine wagons, with a brass band at the head.",
            "Their tent held eight hundred people and leaked in only one corner.",
        ),
        ending="Now the wagons are back in their winter quarters.",
        facts=(
            fact("juggle", "juggled", "on the roof of the library", "Threw things into the air above the books"),
            fact("teach", "taught", "handstands to schoolchildren", "Gave lessons to boys and girls"),
            fact("adopt", "adopted", "a stray donkey", "Took in an animal without a home"),
            fact("walk", "walked", "a rope across the canal", "Crossed the water high above it"),
            fact("pose", "posed", "for a painter", "Let an artist make a portrait"),
            fact("dye", "dyed", "the costumes", "Changed the color of the clothes"),
            fact("enter", "entered", "a talent contest", "Took part in a competition"),
            fact("march", "marched", "in a parade", "Joined a procession"),
            fact("mend", "mended", "the trapeze", "Repaired a swing"),
        ),
    ),
    Story(
        kind="month",
        intro="The islanders now make their own power, thanks to all that they did in {owners}.",
        actors="the islanders",
        asides=(
            "Until then every gallon of fuel had come by boat.",
            "There are only ninety of them, and most are over sixty.",
        ),
        ending="For the first time, the lights stay on all night.",
        facts=(
            fact("found", "founded", "a company", "Set up a business"),
            fact("anchor", "anchored", "a turbine in the bay", "Fixed a machine to the bottom of the sea"),
            fact("bury", "buried", "the cables", "Put wires under the ground"),
            fact("vote", "voted", "on the price", "Decided what the power would cost"),
            fact("blast", "blasted", "a trench in the rock", "Used explosives"),
            fact("hire", "hired", "an engineer", "Gave a job to a specialist"),
            fact("cover", "covered", "the school with solar panels", "Used the sunlight that falls on a roof"),
            fact("scrap", "scrapped", "the diesel engine", "Threw out the old motor"),
            fact("show", "showed", "a minister around", "Were hosts to a member of the government"),
        ),
    ),
)
