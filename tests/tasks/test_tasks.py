"""Rows become examples, and what is written becomes an answer; a damaged row is refused with its file and line."""

import importlib
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from rpt.config.schema import PairFormat, TaskConfig
from rpt.data.jsonl import read_rows
from rpt.errors import ConfigError, DataError
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import evaluate, is_right
from rpt.tasks.task import Task
from rpt.tasks.text import normalised, without_tags
from tests.support.samples import FOLDERS, sample_rows

ROW = {"premise": "It rained.", "hypothesis": "It was wet.", "idx": 0, "label": "neutral"}
OPTIONS = {
    "name": "cb",
    "fields": ("premise", "hypothesis"),
    "labels": ("entailment", "contradiction", "neutral"),
    "choices": ("yes", "no", "maybe"),
}
TASK = Task(**OPTIONS)

CONFIGS = {
    path.stem: TaskConfig.model_validate(yaml.safe_load(path.read_text()))
    for path in sorted((Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
}
FORMATS = {
    (name, family): form
    for name, config in CONFIGS.items()
    for family, form in [*dict(config.formats).items(), ("paper", config.paper.seq2seq)]
    if form is not None
}
each_format = pytest.mark.parametrize(("name", "family"), FORMATS, ids=map("-".join, FORMATS))
OFFICIAL_ROWS = {
    "boolq": {"val": 3270},
    "cb": {"train": 250, "val": 56},
    "copa": {"train": 400, "val": 100},
    "multirc": {"train": 27243, "val": 4848},
    "rte": {"train": 2490, "val": 277},
    "wsc": {"train": 554, "val": 104},
}
MAJORITY = {"boolq": 2033, "cb": 28, "copa": 55, "rte": 146, "wsc": 66}


def task_of(name, family):
    """The task as a format sees it, made as `rpt.build` does."""
    config, form = CONFIGS[name], FORMATS[name, family]
    module, _, reader = config.reader.rpartition(".")
    framing = "choice" if isinstance(form, PairFormat) else form.framing
    options = {"name": name, "fields": config.fields, "labels": config.labels}
    return getattr(importlib.import_module(module), reader)(**options, choices=form.choices, framing=framing)


@cache
def sample_examples(name, family):
    rows = ((f"f:{line}", row) for line, row in enumerate(sample_rows(CONFIGS[name].folder)["val"], 1))
    return list(task_of(name, family).examples(rows))


# Rows to examples


def test_a_row_becomes_an_example():
    [made] = TASK.examples([("f:1", {**ROW, "annotator": 7})])
    assert made == Example(
        idx=0,
        fields={"premise": "It rained.", "hypothesis": "It was wet."},
        choices=("yes", "no", "maybe"),
        target=2,
    )
    assert made.gold == "maybe"
    assert TASK.training([made]) == [made]
    assert TASK.candidate(made, 1) == {"premise": "It rained.", "hypothesis": "It was wet.", "choice": "no"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"premise": None}, "premise = None is not a text."),
        ({"hypothesis": " "}, "hypothesis = ' ' is not a text."),
        ({"idx": " "}, "idx = ' ' is neither a whole number nor a text."),
        ({"idx": True}, "idx = True is neither a whole number nor a text."),
        ({"label": "maybe"}, "unknown label 'maybe'; allowed are 'entailment', 'contradiction', 'neutral'."),
        ({"label": 2}, "unknown label 2; allowed are 'entailment', 'contradiction', 'neutral'."),
        ({"label": ["neutral"]}, "unknown label ['neutral']; allowed are 'entailment', 'contradiction', 'neutral'."),
        ({"idx": 1}, "idx 1 was already used at f:1; each must be unique."),
    ],
)
def test_a_wrong_field_is_named_with_its_line(change, reason):
    rows = [("f:1", {**ROW, "idx": 1}), ("f:2", {**ROW, **change})]
    with pytest.raises(DataError) as caught:
        list(TASK.examples(rows))
    assert str(caught.value) == f"f:2: {reason}"


def test_an_idx_may_be_a_text_as_in_the_diagnostic_sets():
    task = Task(name="axb", fields=("sentence1",), labels=("entailment", "not_entailment"), choices=("yes", "no"))
    rows = [{"sentence1": "Rain.", "idx": idx, "label": "entailment"} for idx in ("0", "1", 1)]
    assert [one.idx for one in task.examples((f"f:{at}", row) for at, row in enumerate(rows))] == ["0", "1", 1]
    with pytest.raises(DataError, match=r"^f:2: idx 0 was already used at f:1; each must be unique\.$"):
        list(task.examples([("f:1", rows[0]), ("f:2", rows[0])]))


@pytest.mark.parametrize("field", ["premise", "hypothesis", "idx", "label"])
def test_a_missing_field_is_named_with_its_line(field):
    row = {key: value for key, value in ROW.items() if key != field}
    with pytest.raises(DataError) as caught:
        list(TASK.examples([("f:1", row)]))
    assert str(caught.value) == f"f:1: lacks the field '{field}'; a cb row has premise, hypothesis, idx, label."


def test_a_yes_is_not_taken_for_a_one():
    task = Task(name="t", fields=(), labels=(0, 1), choices=("no", "yes"))
    with pytest.raises(DataError, match=r"^f:1: unknown label True; allowed are 0, 1\.$"):
        list(task.examples([("f:1", {"idx": 0, "label": True})]))


def test_choices_that_a_row_makes_equal_are_refused():
    task = Task(name="t", fields=("a", "b"), labels=(0, 1), choices=("{a}", "{b}"))
    row = {"a": "Rain.", "b": " rain.", "idx": 0, "label": 0}
    with pytest.raises(DataError, match=r"^f:1: its choices must differ from each other; they are Rain\.,  rain\.\.$"):
        list(task.examples([("f:1", row)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framing": "joined"}, "framing = joined: task=cb knows choice. Set framing=choice."),
        (
            {"labels": None},
            "task.labels = null: task=cb needs them, in label order; free text has reader rpt.tasks.written.Written.",
        ),
        (
            {"choices": None},
            "task.choices = null: task=cb needs them, in label order; free text has reader rpt.tasks.written.Written.",
        ),
    ],
)
def test_a_description_that_does_not_fit_the_reader_is_refused(change, message):
    with pytest.raises(ConfigError) as caught:
        Task(**{**OPTIONS, **change})
    assert str(caught.value) == message


# Texts to answers


@pytest.mark.parametrize(("text", "choice"), [("maybe", 2), (" MAYBE\n", 2), ("maybe.", None), ("", None)])
def test_what_is_written_is_a_choice_or_none(text, choice):
    [made] = TASK.examples([("f:1", ROW)])
    assert TASK.read(made, text) == Answer(choice, text)


def test_the_majority_is_the_most_frequent_label_and_the_first_of_several():
    rows = [{**ROW, "idx": idx, "label": label} for idx, label in enumerate(("neutral", "contradiction"))]
    made = list(TASK.examples((f"f:{row['idx']}", row) for row in rows))
    assert TASK.majority(made) == [Answer(1, "no")] * 2
    assert TASK.majority([*made, made[0]]) == [Answer(2, "maybe")] * 3


@pytest.mark.parametrize(
    ("text", "plain"),
    [("The  U.S.\nNavy", "us navy"), ("a man, an ant & the end", "man ant end"), ("Theatre", "theatre"), ("The", "")],
)
def test_normalising_drops_case_punctuation_articles_and_space(text, plain):
    assert normalised(text) == plain


def test_tags_go_and_a_line_break_leaves_a_space():
    assert without_tags('<b>One</b><br/>two<BR>three <a href="x">four</a>, 1 < 2 > 0') == (
        "One two three four, 1 < 2 > 0"
    )


# What every task keeps, in every format


def test_every_task_of_the_benchmark_is_there():
    assert (
        sorted(CONFIGS)
        == ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"]
        == sorted(map(str.lower, FOLDERS))
    )


@each_format
def test_examples_fill_every_template_and_are_unique(name, family):
    form, task, examples = FORMATS[name, family], task_of(name, family), sample_examples(name, family)
    known = {*CONFIGS[name].fields, *CONFIGS[name].derived, "choice"}
    assert len({example.idx for example in examples}) == len(examples) > 100
    for example in examples:
        for index in range(len(example.choices)):
            texts = task.candidate(example, index)
            assert set(texts) <= known | {"most_mentioned"}
            templates = (form.first, form.second) if isinstance(form, PairFormat) else (form.source,)
            assert all(template.format_map(texts).strip() for template in templates)


@each_format
def test_the_gold_text_is_read_as_the_right_answer(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    for example in (one for one in examples if task.framing in ("choice", "positives") or one.target):
        written = example.answers[0] if task.framing == "joined" else example.gold
        assert is_right(example, task.read(example, f" {written.upper()} "))


@each_format
def test_an_answer_of_none_of_the_choices_is_wrong(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    # Under WSC's referent framing other words than the phrase's say that the pronoun does not stand for it.
    asked = [one for one in examples if task.framing != "referent" or one.target == 1]
    assert not any(is_right(one, task.read(one, "xyzzy plugh")) for one in asked)
    if task.framing in ("choice", "joined"):
        assert all(task.read(one, "xyzzy plugh").choice is None for one in examples)


@each_format
def test_training_keeps_the_lines_and_their_right_answers(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    trained = task.training(examples)
    assert len({one.idx for one in trained}) == len(trained)
    assert {one.gold for one in trained} <= {one.gold for one in examples} | {a for e in examples for a in e.answers}


@each_format
def test_the_majority_is_an_answer_to_each_row(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    answers = task.majority(examples)
    assert all(answer.choice in range(len(one.choices)) for one, answer in zip(examples, answers, strict=True))


@each_format
def test_a_prefix_is_t5s_alone_and_a_cut_field_is_in_the_source(name, family):
    form = FORMATS[name, family]
    if isinstance(form, PairFormat):
        assert family == "encoder"
        return
    assert form.prefix.startswith(name) == (family in ("seq2seq", "referent"))
    assert form.cut is None or f"{{{form.cut}}}" in form.source


# The official release


@pytest.mark.shared
@pytest.mark.parametrize(("name", "split"), [(name, split) for name, of in OFFICIAL_ROWS.items() for split in of])
def test_the_official_rows_become_examples_in_every_framing(name, split, shared_dir):
    path = shared_dir / "superglue" / CONFIGS[name].folder / f"{split}.jsonl"
    readers = {task.framing: task for task in (task_of(name, family) for of, family in FORMATS if of == name)}
    for task in readers.values():
        examples = list(task.examples(read_rows(path)))
        positives = {"train": 259, "val": 38}[split] if task.framing == "positives" else None
        assert len(examples) == (positives or OFFICIAL_ROWS[name][split])
        if split == "val" and name in MAJORITY and task.framing != "positives":
            right = evaluate(["accuracy"], examples, task.majority(examples))["accuracy"] * len(examples)
            assert right == pytest.approx(MAJORITY[name])


@pytest.mark.slow  # about 5 s of reading
@pytest.mark.shared
def test_the_official_release_has_the_published_questions_and_passages(shared_dir):
    task = task_of("multirc", "encoder")
    for split, passages, questions in (("train", 456, 5131), ("val", 83, 953)):
        examples = list(task.examples(read_rows(shared_dir / "superglue" / "MultiRC" / f"{split}.jsonl")))
        groups = {example.group for example in examples}
        assert (len({passage for passage, _ in groups}), len(groups)) == (passages, questions)
        assert Counter(not example.fields["answer"] for example in examples)[True] == (3 if split == "train" else 0)


@pytest.mark.shared
@pytest.mark.parametrize(("split", "queries", "trained"), [("train", 82, 117), ("val", 11, 14)])
def test_official_articles_become_examples(split, queries, trained, shared_dir):
    task = task_of("record", "seq2seq")
    examples = list(task.examples(read_rows(shared_dir / "superglue" / "ReCoRD" / f"{split}.partial.jsonl")))
    assert (len(examples), len(task.training(examples))) == (queries, trained)
    assert all(set(example.answers) <= set(example.choices) for example in examples)
    assert not any(re.search("@highlight", example.fields["passage"]) for example in examples)
