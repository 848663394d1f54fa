"""The topics of the ReCoRD validation split."""

from tools.samples.record_events import Topic, event

__all__ = ["TOPICS"]

TOPICS: tuple[Topic, ...] = (
    Topic(
        kind="person",
        intro="Whoever eats out in {scenery} will sooner or later hear of {a}, {b} and {c}.",
        aside="The three learned their trade at the same hotel.",
        headline="News from the best kitchens in town",
        events=(
            event(
                (
                    "{0} is opening a restaurant in a house owned by {1}, from which {2} moved out in the winter",
                    "The first guests of @placeholder can look forward to grilled fish and a free drink.",
                ),
                (
                    "{1} owns a house from which {2} moved out in the winter and in which {0} is opening a restaurant",
                    "The rent that @placeholder asks for is said to be modest.",
                ),
                (
                    "{2} moved out in the winter, and {0} is opening a restaurant in the same house, owned by {1}",
                    "By now @placeholder has got used to a new apartment across the river.",
                ),
            ),
            event(
                (
                    "{0} is said to have copied a famous dessert by {1}, and {2} has been asked for an expert opinion",
                    "Any similarity is pure coincidence, according to @placeholder.",
                ),
                (
                    "{1} has asked {2} for an expert opinion on a famous dessert that {0} is said to have copied",
                    "Ten years of work went into the original recipe, says @placeholder.",
                ),
                (
                    "{2} is to give an expert opinion on whether {0} copied a famous dessert by {1}",
                    "Both versions will have to be tasted by @placeholder before there can be a verdict.",
                ),
            ),
            event(
                (
                    "{0} rushed {1} to the hospital after an accident with a knife, and {2} took over at the stove",
                    "At the wheel of the car, @placeholder ignored two red lights.",
                ),
                (
                    "{1} cut a thumb badly, {2} took over at the stove, and {0} drove the patient to the hospital",
                    "The doctors have told @placeholder to rest the thumb for a month.",
                ),
                (
                    "{2} took over at the stove while {0} rushed {1} to the hospital after an accident with a knife",
                    "The guests noticed nothing, since @placeholder cooked as if it were any other night.",
                ),
            ),
        ),
    ),
    Topic(
        kind="person",
        intro="Every student at the university of {scenery} knows who {a}, {b} and {c} are.",
        aside="The summer term has just begun, and the lawns are full of people.",
        headline="University life is anything but dull",
        events=(
            event(
                (
                    "{0} discovered a comet for which {1} was praised until {2} pointed out the mistake",
                    "Astronomers all over the world will now call it after its finder, @placeholder.",
                ),
                (
                    "{1} was praised for the discovery of a comet until {2} pointed out that it had been made by {0}",
                    "Red in the face, @placeholder gave the flowers back.",
                ),
                (
                    "{2} pointed out that it was {0} who had discovered the comet for which {1} was being praised",
                    "Before speaking up, @placeholder had carefully gone through the logbooks.",
                ),
            ),
            event(
                (
                    "{0} was given the corner office of {1}, who has left for Chile, which angered {2}",
                    "While working, @placeholder can now see boats through two large windows.",
                ),
                (
                    "{1} has left for Chile, and it angered {2} that the corner office was given to {0}",
                    "Colleagues have already received a postcard from the Andes, signed by @placeholder.",
                ),
                (
                    "{2} is angry because {0} was given the corner office of {1}, who has left for Chile",
                    "In a long letter to the dean, @placeholder complained of unfair treatment.",
                ),
            ),
            event(
                (
                    "{0} has translated a children's book that was written by {1} and illustrated by {2}",
                    "Jokes that work in one language only gave @placeholder the most trouble.",
                ),
                (
                    "{1} has written a children's book, which was illustrated by {2} and translated by {0}",
                    "The plot was made up by @placeholder on long car rides with the family.",
                ),
                (
                    "{2} has illustrated a children's book, which {0} translated from a text by {1}",
                    "For the dragon, @placeholder used nothing but watercolors.",
                ),
            ),
        ),
    ),
    Topic(
        kind="place",
        intro="Life is changing in {a}, {b} and {c}, three villages by the lake, says {scenery}, who sells maps there.",
        aside="Each of them has fewer than three thousand inhabitants.",
        headline="Villages by the lake go through times of change",
        events=(
            event(
                (
                    "{0} is getting a railway station and {1} is losing one, while {2} has to make do with a bus",
                    "Commuters from @placeholder are looking forward to their first train.",
                ),
                (
                    "{1} is losing its railway station, {2} has to make do with a bus, and {0} is getting a station",
                    "The old waiting room in @placeholder is going to be a bakery.",
                ),
                (
                    "{2} has to make do with a bus, whereas {0} is getting a railway station and {1} is losing one",
                    "There have never been any tracks in @placeholder, and there never will be.",
                ),
            ),
            event(
                (
                    "{0} bought a forest from {1} in order to cut it down, in spite of protests from {2}",
                    "By the winter, the oaks will have been turned into planks on behalf of @placeholder.",
                ),
                (
                    "{1} ignored the protests from {2} and sold a forest to {0}, which wants to cut it down",
                    "A swimming pool is what @placeholder intends to spend the income on.",
                ),
                (
                    "{2} protested in vain when {0} wanted to cut down a forest and bought it from {1}",
                    "Banners with owls on them were hung from the windows of @placeholder.",
                ),
            ),
            event(
                (
                    "{0} was voted the prettiest village, the title went from {1} to a new holder, and {2} came last",
                    "This summer, a golden plaque will be fixed to the church of @placeholder.",
                ),
                (
                    "{1} is no longer the prettiest village: {2} came last in the vote, and the title went to {0}",
                    "After a year of glory, @placeholder had to take its sign down again.",
                ),
                (
                    "{2} came last in the vote for the prettiest village, in which {0} took the title from {1}",
                    "The experts advise @placeholder to plant some trees in its gray square.",
                ),
            ),
        ),
    ),
)
