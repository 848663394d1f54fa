"""The stories of the MultiRC validation split."""

from tools.samples.multirc_stories import Story, fact

__all__ = ["STORIES"]

STORIES: tuple[Story, ...] = (
    Story(
        kind="person",
        intro="Before the wedding of a cousin, {owners} got the barn behind the house ready.",
        setting="before the wedding",
        asides=(
            "Nobody had set foot in it since the cows were sold.",
            "The forecast spoke of sun, but the grass was still wet.",
        ),
        ending="When the music began, nobody would have guessed that it had ever been a barn.",
        facts=(
            fact("sweep", "swept", "the hayloft", "Got the dust out from under the roof"),
            fact("lay", "laid", "a dance floor", "Prepared a surface for dancing"),
            fact("pick", "picked", "wildflowers for the tables", "Brought in something that blooms"),
            fact("wire", "wired", "the loudspeakers", "Connected the sound system"),
            fact("roast", "roasted", "two lambs", "Cooked the meat"),
            fact("iron", "ironed", "the tablecloths", "Took the creases out of the linen"),
            fact("print", "printed", "the menus", "Made copies of the list of dishes"),
            fact("fix", "fixed", "the squeaking gate", "Stopped a noise at the entrance"),
            fact("rehearse", "rehearsed", "a speech", "Practiced saying a few words"),
        ),
    ),
    Story(
        kind="person",
        intro="The mountain rescue team of {owners} set out before dawn, because two skiers were missing.",
        setting="during the rescue",
        asides=(
            "Fresh snow had fallen all night, and the cable car was closed.",
            "The helicopter had to stay on the ground.",
        ),
        ending="At noon the two skiers were drinking hot chocolate in the valley.",
        facts=(
            fact("study", "studied", "the avalanche report", "Read up on the danger of slides"),
            fact("lead", "led", "the search dog", "Handled an animal with a fine nose"),
            fact("radio", "radioed", "the valley station", "Kept in touch with those below"),
            fact("carry", "carried", "the stretcher", "Transported a bed for the injured"),
            fact("cut", "cut", "steps into the ice", "Made it possible to walk on a frozen slope"),
            fact("follow", "followed", "the tracks to a ravine", "Went where the footprints led"),
            fact("dig", "dug", "a snow cave", "Built a shelter"),
            fact("splint", "splinted", "a broken ankle", "Gave first aid to a limb"),
            fact("brew", "brewed", "tea on a gas burner", "Prepared something hot"),
        ),
    ),
    Story(
        kind="person",
        intro="The theater had lost its stage crew to the flu, so {owners} kept the last show of the season alive.",
        setting="at the theater",
        asides=(
            "None of them had ever worked behind a curtain.",
            "All of the tickets had been sold weeks before.",
        ),
        ending="The applause lasted for ten minutes, and the director had tears in his eyes.",
        facts=(
            fact("operate", "operated", "the lights", "Made the stage bright or dark"),
            fact("whisper", "whispered", "lines to the actors", "Helped those who forgot their words"),
            fact("powder", "powdered", "the wigs", "Prepared the false hair"),
            fact("beat", "beat", "a drum for the thunder", "Made the sound of a storm"),
            fact("raise", "raised", "the curtain", "Let the audience see the stage"),
            fact("glue", "glued", "the broken crown", "Restored the headgear of the king"),
            fact("seat", "seated", "the latecomers", "Showed people to their places"),
            fact("reload", "reloaded", "the fog machine", "Kept up the supply of mist"),
            fact("pin", "pinned", "up the hem of a gown", "Shortened a dress"),
        ),
    ),
    Story(
        kind="place",
        intro="A class of young architects traveled south for three weeks and stopped in {owners}.",
        actors="the architects",
        asides=(
            "Their professor had been there forty years earlier with a sketchbook.",
            "The train was late more often than not, which nobody minded.",
        ),
        ending="A book about the journey is going to appear next spring.",
        facts=(
            fact("sketch", "sketched", "the fish market", "Drew a place where seafood is sold"),
            fact("measure", "measured", "a Roman arch", "Found out how large an ancient monument is"),
            fact("consult", "consulted", "a city planner", "Asked an official for advice"),
            fact("build", "built", "a model of the harbor", "Made a small copy of the port"),
            fact("sleep", "slept", "in a convent", "Spent the night with nuns"),
            fact("explore", "explored", "the cellars of a palace", "Went underground"),
            fact("sail", "sailed", "around a lighthouse", "Went out in a boat"),
            fact("eat", "ate", "at the home of a famous designer", "Shared a meal with a celebrity"),
            fact("attend", "attended", "a lecture on concrete", "Heard a talk about a material"),
        ),
    ),
    Story(
        kind="month",
        intro="The new hiking trail was made by volunteers, who gave up their weekends in {owners}.",
        actors="the trail builders",
        asides=(
            "It runs for eleven miles along the ridge above the lake.",
            "The county paid for the tools, and lunch came from a nearby farm.",
        ),
        ending="Some two thousand people have walked it since.",
        facts=(
            fact("mark", "marked", "the route with yellow dots", "Showed walkers which way to go"),
            fact("bridge", "bridged", "the gorge", "Made it possible to cross a deep gap"),
            fact("haul", "hauled", "away a fallen pine", "Removed a tree"),
            fact("set", "set", "up benches at the viewpoint", "Provided places to sit"),
            fact("survey", "surveyed", "the ridge", "Examined the terrain"),
            fact("train", "trained", "six guides", "Taught people to show others around"),
            fact("drain", "drained", "the swampy meadow", "Dried out a wet piece of land"),
            fact("publish", "published", "a map", "Brought out a plan of the area"),
            fact("fence", "fenced", "off the nesting sites", "Protected the birds"),
        ),
    ),
)
