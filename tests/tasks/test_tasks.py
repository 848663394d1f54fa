"""Tasks make examples of rows and answers of written texts, and refuse a damaged row with its file and line."""

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
    """Build the task for one of its formats, as `rpt.build` does."""
    config, form = CONFIGS[name], FORMATS[name, family]
    module, _, reader = config.reader.rpartition(".")
    framing = "choice" if isinstance(form, PairFormat) else form.framing
    options = {"name": name, "fields": config.fields, "labels": config.labels}
    return getattr(importlib.import_module(module), reader)(**options, choices=form.choices, framing=framing)


@cache
def sample_examples(name, family):
    rows = ((f"f:{line}", row) for line, row in enumerate(sample_rows(CONFIGS[name].folder)["val"], 1))
    return list(task_of(name, family).examples(rows))


# Tests of reading rows


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
def test_a_wrong_field_is_refused_with_its_line(change, reason):
    rows = [("f:1", {**ROW, "idx": 1}), ("f:2", {**ROW, **change})]
    with pytest.raises(DataError) as caught:
        list(TASK.examples(rows))
    assert str(caught.value) == f"f:2: {reason}"


def test_an_idx_may_be_a_text_as_in_the_diagnostic_sets():
    task = Task(name="axb", fields=("sentence1",), labels=("entailment", "not_entailment"), choices=("yes", "no"))
    rows = [{"sentence1": "Rain.", "idx": idx, "label": "entailment"} for idx in ("0", "1", 1)]
    examples = task.examples((f"f:{line}", row) for line, row in enumerate(rows))
    assert [example.idx for example in examples] == ["0", "1", 1]
    with pytest.raises(DataError, match=r"^f:2: idx 0 was already used at f:1; each must be unique\.$"):
        list(task.examples([("f:1", rows[0]), ("f:2", rows[0])]))


@pytest.mark.parametrize("field", ["premise", "hypothesis", "idx", "label"])
def test_a_missing_field_is_refused_with_its_line(field):
    row = {key: value for key, value in ROW.items() if key != field}
    with pytest.raises(DataError) as caught:
        list(TASK.examples([("f:1", row)]))
    assert str(caught.value) == f"f:1: lacks the field '{field}'; a cb row has premise, hypothesis, idx, label."


def test_the_label_true_is_not_the_label_1():
    task = Task(name="t", fields=(), labels=(0, 1), choices=("no", "yes"))
    with pytest.raises(DataError, match=r"^f:1: unknown label True; allowed are 0, 1\.$"):
        list(task.examples([("f:1", {"idx": 0, "label": True})]))


def test_a_row_with_two_equal_choices_is_refused():
    task = Task(name="t", fields=("a", "b"), labels=(0, 1), choices=("{a}", "{b}"))
    row = {"a": "Rain.", "b": " rain.", "idx": 0, "label": 0}
    with pytest.raises(DataError, match=r"^f:1: its choices must differ from each other; they are Rain\.,  rain\.\.$"):
        list(task.examples([("f:1", row)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framing": "joined"}, "framing = joined: task=cb supports only choice. Set the format's framing to choice."),
        (
            {"labels": None},
            "task.labels = null: task=cb needs one for each label; free text needs "
            "task.reader=rpt.tasks.written.Written.",
        ),
        (
            {"choices": None},
            "task.choices = null: task=cb needs one for each label; free text needs "
            "task.reader=rpt.tasks.written.Written.",
        ),
    ],
)
def test_options_of_a_task_that_the_reader_does_not_allow_are_refused(change, message):
    with pytest.raises(ConfigError) as caught:
        Task(**{**OPTIONS, **change})
    assert str(caught.value) == message


# Tests of reading written answers


@pytest.mark.parametrize(("text", "choice"), [("maybe", 2), (" MAYBE\n", 2), ("maybe.", None), ("", None)])
def test_a_written_text_is_read_as_a_choice_or_as_none(text, choice):
    [made] = TASK.examples([("f:1", ROW)])
    assert TASK.read(made, text) == Answer(choice, text)


def test_the_majority_answer_is_the_most_frequent_label_and_the_first_one_of_a_tie():
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


def test_tags_are_removed_and_a_line_break_becomes_a_space():
    assert without_tags('<b>One</b><br/>two<BR>three <a href="x">four</a>, 1 < 2 > 0') == (
        "One two three four, 1 < 2 > 0"
    )


# Tests of every task in every format


def test_every_task_of_the_benchmark_has_a_configuration():
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
    for example in (row for row in examples if task.framing in ("choice", "positives") or row.target):
        written = example.answers[0] if task.framing == "joined" else example.gold
        assert is_right(example, task.read(example, f" {written.upper()} "))


@each_format
def test_an_answer_that_matches_no_choice_is_wrong(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    # In WSC's referent framing, words other than the phrase mean that the pronoun does not refer to the phrase. They
    # are the right answer to a negative row.
    asked = [example for example in examples if task.framing != "referent" or example.target == 1]
    assert not any(is_right(example, task.read(example, "xyzzy plugh")) for example in asked)
    if task.framing in ("choice", "joined"):
        assert all(task.read(example, "xyzzy plugh").choice is None for example in examples)


@each_format
def test_training_examples_are_unique_and_have_right_answers_of_the_rows(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    trained = task.training(examples)
    right = {example.gold for example in examples} | {answer for example in examples for answer in example.answers}
    assert len({example.idx for example in trained}) == len(trained)
    assert {example.gold for example in trained} <= right


@each_format
def test_the_majority_answer_to_each_row_is_one_of_its_choices(name, family):
    task, examples = task_of(name, family), sample_examples(name, family)
    answers = task.majority(examples)
    pairs = zip(examples, answers, strict=True)
    assert all(answer.choice in range(len(example.choices)) for example, answer in pairs)


@each_format
def test_only_formats_of_t5_have_a_prefix_and_a_field_to_cut_is_in_the_source(name, family):
    form = FORMATS[name, family]
    if isinstance(form, PairFormat):
        assert family == "encoder"
        return
    assert form.prefix.startswith(name) == (family in ("seq2seq", "referent"))
    assert form.cut is None or f"{{{form.cut}}}" in form.source


# Tests of the official release


@pytest.mark.slow
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


@pytest.mark.slow  # reading the rows takes about 5 s
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
