"""The topics of the ReCoRD test split."""

from rpt.data.samples.record_events import Topic, event

__all__ = ["TOPICS"]

TOPICS: tuple[Topic, ...] = (
    Topic(
        kind="person",
        intro="At the natural history museum in {scenery}, three names come up again and again: {a}, {b} and {c}.",
        aside="Half of the building is closed for repairs until the spring.",
        headline="Museum of bones is full of life",
        events=(
            event(
                (
                    "{0} gave the museum a fossil that had been dug up by {1} and identified by {2}",
                    "Visitors owe the new showpiece to the generosity of @placeholder.",
                ),
                (
                    "{1} dug up a fossil, which {2} identified and {0} gave to the museum",
                    "It was on a muddy slope that the spade of @placeholder struck bone.",
                ),
                (
                    "{2} identified a fossil that {0} gave to the museum, years after {1} had dug it up",
                    "One look through the microscope told @placeholder what kind of beast it was.",
                ),
            ),
            event(
                (
                    "{0} is the new director, since {1} was dismissed by {2} last week",
                    "On Monday @placeholder moved into the big office.",
                ),
                (
                    "{1} was dismissed as director by {2}, who gave the post to {0}",
                    "Three more years of pay are what @placeholder is suing for.",
                ),
                (
                    "{2} has made {0} director after dismissing {1} last week",
                    "Asked for the reasons, @placeholder spoke of a hard decision about the staff.",
                ),
            ),
            event(
                (
                    "{0} locked the doors too early and shut in {1}, who was freed by {2} around midnight",
                    "With apologies for not having checked every room, @placeholder sent chocolates.",
                ),
                (
                    "{1} was shut in until {2} came around midnight, because {0} had locked the doors too early",
                    "The hours beside a stuffed bear seemed very long to @placeholder.",
                ),
                (
                    "{2} came around midnight because {0} had locked the doors too early and shut in {1}",
                    "Woken by the phone, @placeholder arrived with a spare key and a coat over pajamas.",
                ),
            ),
        ),
    ),
    Topic(
        kind="person",
        intro="On the farms around {scenery}, everybody has a story about {a}, {b} and {c}.",
        aside="The summer has been dry, but last week brought some rain.",
        headline="Farmers have plenty to talk about",
        events=(
            event(
                (
                    "{0} owns the bull that trampled the corn of {1} before it was stopped by {2}",
                    "A stronger fence is now being put up around the pasture of @placeholder.",
                ),
                (
                    "{1} lost a field of corn before {2} managed to stop a bull that belongs to {0}",
                    "For this year, the harvest of @placeholder is ruined.",
                ),
                (
                    "{2} stopped a bull that had got away from {0} and trampled the corn of {1}",
                    "Armed with nothing but an umbrella, @placeholder had shown great courage.",
                ),
            ),
            event(
                (
                    "{0} now drives the harvester for {1} and no longer for {2}",
                    "Better pay was not the only reason for the change of employer, said @placeholder.",
                ),
                (
                    "{1} offered more money than {2} and has hired {0} to drive the harvester",
                    "Thanks to the new worker, @placeholder expects to bring in the wheat early.",
                ),
                (
                    "{2} needs a new driver for the harvester because {0} has gone to work for {1}",
                    "A notice in the shop says that @placeholder is looking for staff.",
                ),
            ),
            event(
                (
                    "{0} grew the heaviest pumpkin and {1} the second heaviest, with {2} in charge of the scales",
                    "A photograph of @placeholder with the giant vegetable made the front page.",
                ),
                (
                    "{1} came second with a pumpkin, since the scales, with {2} in charge, showed more for {0}",
                    "Just two pounds were missing for @placeholder to take first place.",
                ),
                (
                    "{2} was in charge of the scales when {0} came first and {1} came second with a pumpkin",
                    "Everything was weighed twice, as @placeholder assured the crowd.",
                ),
            ),
        ),
    ),
    Topic(
        kind="place",
        intro="Three ports, {a}, {b} and {c}, are in the news again, says {scenery}, who once was a sailor.",
        aside="The coast is among the poorest parts of the country.",
        headline="Ports on the coast are in the news again",
        events=(
            event(
                (
                    "{0} is taking over the ferry line from {1} once the ships have been repaired in {2}",
                    "A new pier for passengers is being built in @placeholder.",
                ),
                (
                    "{1} is giving up the ferry line; the ships will be repaired in {2} and then sail from {0}",
                    "The gulls of @placeholder will have the empty dock to themselves.",
                ),
                (
                    "{2} is repairing the ships of the ferry line that {0} is taking over from {1}",
                    "The welders in @placeholder can expect a busy winter.",
                ),
            ),
            event(
                (
                    "{0} is showing a painting that {1} has lent and {2} wants back",
                    "Long lines have formed at the gallery in @placeholder, where the picture hangs.",
                ),
                (
                    "{1} has lent a painting, which {2} wants back, to the gallery of {0}",
                    "Allowing others to exhibit the picture was a mistake, many in @placeholder say.",
                ),
                (
                    "{2} wants back a painting that {0} is showing on loan from {1}",
                    "Lawyers for @placeholder claim that the picture was stolen long ago.",
                ),
            ),
            event(
                (
                    "{0} was flooded in a storm, {1} sent pumps, and {2} took in the families",
                    "In the houses of @placeholder, the water stood as high as the windowsills.",
                ),
                (
                    "{1} sent pumps and {2} took in the families after a storm had flooded {0}",
                    "The machines from @placeholder were still running two days later.",
                ),
                (
                    "{2} took in the families from {0} after a storm, and {1} sent pumps to the flooded town",
                    "The sports hall of @placeholder was filled with beds and blankets.",
                ),
            ),
        ),
    ),
)
