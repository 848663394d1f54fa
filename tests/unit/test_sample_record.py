"""ReCoRD's sample rows: their form, what is crossed in them, and the answers that a careful reader would give."""

import re
from collections import Counter, defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpt.data.samples import record
from rpt.data.samples.record_lexicon import LEXICONS

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def rows():
    return record.rows(0)


def mentions(row):
    """Start of every mention, and the longest name of its entity."""
    text = row["passage"]["text"]
    spans = [(span["start"], text[span["start"] : span["end"] + 1]) for span in row["passage"]["entities"]]
    names = {name for _, name in spans}
    return [(start, max((full for full in names if full.endswith(name)), key=len)) for start, name in spans]


def competitors(row):
    """Mentions of the three that compete: the scenery is mentioned once and never the answer."""
    counts = Counter(name for _, name in mentions(row))
    return [(start, name) for start, name in mentions(row) if counts[name] > 1]


def answers(query):
    return {answer["text"] for answer in query["answers"]}


def queries(rows):
    return [(row, query) for row in rows for query in row["qas"]]


def triplet_key(row):
    """Equal for the three articles that name the same entities at the same places."""
    return (*(name for _, name in mentions(row)), row["passage"]["text"].split("\n@highlight\n")[1])


def read(split, row, query):
    """The full name and the short one of who the query speaks of, told from the sentence of its event."""
    text = row["passage"]["text"]
    (event, role) = next(
        (event, role)
        for topic in LEXICONS[split].topics
        for event in topic.events
        for role in range(3)
        if event.queries[role] == query["query"]
    )
    for frame in event.frames:
        pattern = re.sub(r"\\\{(\d)\\\}", r"(?P<role\1>[A-Z]\\w+(?: [A-Z]\\w+)?)", re.escape(frame))
        found = re.search(pattern, text)
        if found:
            name = found[f"role{role}"]
            return {full for _, full in mentions(row) if full.endswith(name)}
    raise AssertionError(f"no sentence tells the event of: {query['query']}")


def test_rows_follow_the_official_schema(rows):
    assert tuple(rows) == SPLITS
    for split in SPLITS:
        for idx, row in enumerate(rows[split]):
            assert list(row) == ["source", "passage", "qas", "idx"]
            assert row["idx"] == idx
            assert row["source"] in LEXICONS[split].sources
            assert list(row["passage"]) == ["text", "entities"]
            assert len(row["qas"]) in (2, 3)
            for span in row["passage"]["entities"]:
                assert list(span) == ["start", "end"]
            for query in row["qas"]:
                assert list(query) == ["query"] + ["answers"] * (split != "test") + ["idx"]
                assert query["query"].count("@placeholder") == 1
                for answer in query.get("answers", ()):
                    assert list(answer) == ["start", "end", "text"]


def test_queries_are_numbered_over_the_whole_split(rows):
    for split in SPLITS:
        numbers = [query["idx"] for _, query in queries(rows[split])]
        assert numbers == [*range(len(numbers))]
        assert len(numbers) >= (400 if split == "train" else 200)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (1, 3), (3, 3), (100, 102)])
def test_sizes_are_rounded_up_to_whole_triplets(asked, given):
    rows = record.rows(0, num_train=asked, num_val=asked, num_test=asked)
    assert {split: len(rows[split]) for split in SPLITS} == dict.fromkeys(SPLITS, given)


def test_rows_depend_on_the_seed_alone(rows):
    assert record.rows(0) == rows
    assert record.rows(0, num_train=3)["val"] == rows["val"]
    for split in SPLITS:
        assert record.rows(1)[split] != rows[split]


def test_triplets_are_shuffled(rows):
    keys = [triplet_key(row) for row in rows["train"]]
    assert sum(a == b == c for a, b, c in zip(keys[::3], keys[1::3], keys[2::3], strict=True)) < len(keys) / 30


def test_no_article_occurs_twice():
    rows = record.rows(0, num_train=900, num_val=900, num_test=900)
    texts = Counter(row["passage"]["text"] for split in SPLITS for row in rows[split])
    assert texts.most_common(1)[0][1] == 1
    for split in SPLITS:
        for row in rows[split]:
            assert len({query["query"] for query in row["qas"]}) == len(row["qas"])


def test_texts_are_clean(rows):
    for split in SPLITS:
        for row in rows[split]:
            body, *highlights = row["passage"]["text"].split("\n@highlight\n")
            assert re.fullmatch(r"([A-Z][\w ,:;'-]+\. )+[A-Z][\w ,:;'-]+\.", body)
            assert len(highlights) in (1, 2)
            for highlight in highlights:
                assert re.fullmatch(r"[A-Z][\w ,:;'-]+", highlight)
            assert 60 <= len(row["passage"]["text"].split()) <= 120
            for query in row["qas"]:
                assert re.fullmatch(r"[\w ,:'@-]+\.", query["query"])


def test_spans_line_up_with_the_text(rows):
    for split in SPLITS:
        for row in rows[split]:
            text, spans = row["passage"]["text"], row["passage"]["entities"]
            assert spans == sorted(spans, key=lambda span: span["start"])
            for earlier, later in pairwise(spans):
                assert earlier["end"] < later["start"]
            for span in spans:
                assert re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)?", text[span["start"] : span["end"] + 1])
            # Every mention of every name counts, and nothing else: names are no other words.
            surnames = {name.split()[-1] for _, name in mentions(row)}
            assert sum(word in surnames for word in re.findall(r"\w+", text)) == len(spans)


def test_answers_are_all_mentions_of_one_competitor(rows):
    for split in ("train", "val"):
        for row, query in queries(rows[split]):
            for answer in query["answers"]:
                assert row["passage"]["text"][answer["start"] : answer["end"] + 1] == answer["text"]
                assert {"start": answer["start"], "end": answer["end"]} in row["passage"]["entities"]
            (name,) = {name for _, name in competitors(row) if name in answers(query)}
            assert [answer["start"] for answer in query["answers"]] == [
                start for start, full in competitors(row) if full == name
            ]


def test_people_are_answers_by_two_names_and_places_by_one(rows):
    for split in ("train", "val"):
        numbers = Counter(len(answers(query)) for _, query in queries(rows[split]))
        assert set(numbers) == {1, 2}
        assert min(numbers.values()) > numbers.total() / 5


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_word_list_entry(first, second):
    both = [LEXICONS[first], LEXICONS[second]]
    for field in ("first_names", "surnames", "places", "sources"):
        assert not set(getattr(both[0], field)) & set(getattr(both[1], field))
    texts = [
        {text for topic in lexicon.topics for text in (topic.intro, topic.aside, topic.headline)}
        | {text for topic in lexicon.topics for event in topic.events for text in (*event.frames, *event.queries)}
        | {text for texts in lexicon.remarks.values() for text in texts}
        for lexicon in both
    ]
    assert not texts[0] & texts[1]


@pytest.mark.parametrize("split", SPLITS)
def test_frames_name_the_roles_in_rotation(split):
    seen = Counter()
    for topic in LEXICONS[split].topics:
        for event in topic.events:
            seen.update(event.queries)
            for index, frame in enumerate(event.frames):
                assert [int(role) for role in re.findall(r"\{(\d)\}", frame)] == [(index + k) % 3 for k in range(3)]
    assert seen.most_common(1)[0][1] == 1


@pytest.mark.parametrize("split", SPLITS)
def test_names_are_no_other_words(split):
    lexicon = LEXICONS[split]
    names = {*lexicon.first_names, *lexicon.surnames, *lexicon.places}
    assert len(names) == len(lexicon.first_names) + len(lexicon.surnames) + len(lexicon.places)
    for topic in lexicon.topics:
        texts = [topic.intro, topic.aside, topic.headline]
        texts += [text for event in topic.events for text in (*event.frames, *event.queries)]
        texts += lexicon.remarks[topic.kind]
        assert not names & {word for text in texts for word in re.findall(r"\w+", text)}


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_competitor_of_a_triplet_is_the_answer_once(rows, split):
    golds = defaultdict(Counter)
    for row, query in queries(rows[split]):
        (gold,) = {name for _, name in competitors(row) if name in answers(query)}
        golds[triplet_key(row), query["query"]][gold] += 1
    assert all(len(counts) == 3 and len(set(counts.values())) == 1 for counts in golds.values())


@settings(max_examples=10)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_answers_follow_from_the_sentence_of_the_event(seed):
    for split, rows in record.rows(seed, num_train=30, num_val=30, num_test=0).items():
        for row, query in queries(rows):
            (name,) = read(split, row, query)
            assert answers(query) == {name, name.split()[-1]}


# Written by hand: a sentence of an article, a query, and who a careful reader says it speaks of.
READ_BY_HAND = """
train | Haas bought an old wooden yacht from Novak after outbidding Ibsen by a few hundred dollars | \
With the money, @placeholder plans to travel for a year, on dry land for once. | Novak
train | Haas hesitated too long, and Novak got the old wooden yacht that Ibsen had put up for sale | \
For the time being, @placeholder will have to go on searching for a suitable boat. | Haas
train | Haas fell into the sea during a storm but was heard by Novak and pulled out by Ibsen | \
The brave swimmer, @placeholder, refused to be called a hero. | Ibsen
train | Haas has the flu, and Novak suggested that Ibsen should play the solo instead | \
Only a few days are left for @placeholder to learn the difficult part. | Ibsen
train | Haas was accused of theft when Novak missed a precious violin, which Ibsen then found on a tram | \
An officer has apologized to @placeholder for the wrong suspicion. | Haas
train | Haas was absent from the vote, so a bridge toll proposed by Novak passed in spite of Ibsen | \
Drivers must not be punished, said @placeholder, and announced a lawsuit. | Ibsen
train | Haas had debts, as Novak revealed in a letter to the press, and the lender was Ibsen | \
To pay everything back, @placeholder may have to sell a house. | Haas
train | Marwick can no longer afford the folk festival, which passed over Lindau and is moving to Esterby | \
All hotels in @placeholder are already booked for the week of the music. | Esterby
train | Marwick let its goalkeeper go, not to Lindau, as most people had expected, but to Esterby | \
An unused shirt with a name on it is all that @placeholder has left of the plan. | Lindau
val | Gruber was praised for the discovery of a comet until Yamada pointed out that it had been made by Petrov | \
Red in the face, @placeholder gave the flowers back. | Gruber
val | Gruber is angry because Yamada was given the corner office of Petrov, who has left for Chile | \
Colleagues have already received a postcard from the Andes, signed by @placeholder. | Petrov
val | Gruber has written a children's book, which was illustrated by Yamada and translated by Petrov | \
For the dragon, @placeholder used nothing but watercolors. | Yamada
val | Zeltau ignored the protests from Aldona and sold a forest to Granby, which wants to cut it down | \
Banners with owls on them were hung from the windows of @placeholder. | Aldona
test | Bauer was dismissed as director by Ortega, who gave the post to Achebe | \
On Monday @placeholder moved into the big office. | Achebe
test | Bauer lost a field of corn before Ortega managed to stop a bull that belongs to Achebe | \
A stronger fence is now being put up around the pasture of @placeholder. | Achebe
test | Skelby took in the families from Tarnow after a storm, and Quillan sent pumps to the flooded town | \
In the houses of @placeholder, the water stood as high as the windowsills. | Tarnow
"""


@pytest.mark.parametrize("line", READ_BY_HAND.strip().splitlines())
def test_answers_are_those_of_a_careful_reader(line):
    split, sentence, query, expected = line.split(" | ")
    named = [
        word for word in re.findall(r"\w+", sentence) if word in (*LEXICONS[split].surnames, *LEXICONS[split].places)
    ]
    topic, event, role = next(
        (topic, index, event.queries.index(query))
        for topic in LEXICONS[split].topics
        for index, event in enumerate(topic.events)
        if query in event.queries
    )
    first, second, third = (record.Entity(name=f"Name {name}", short=name) for name in named)
    tellings = []
    for first_player in range(3):
        scene = record.Scene(event=event, first_named=0, first_player=first_player)
        plan = record.Plan(
            source="",
            topic=topic,
            competitors=(first, second, third),
            introduced=(2, 0, 1),
            scenery=record.Entity(name="Nowhere", short="Nowhere"),
            scenes=(scene,),
            has_event_highlight=False,
            remark="{x} was silent.",
            remarked=1,
            asked=((0, role),),
        )
        if f" {sentence}. " in record.render_text(plan, 0):
            tellings.append(named[scene.player(role, 0)])
    assert tellings == [expected]
