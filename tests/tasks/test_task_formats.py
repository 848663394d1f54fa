"""Input and output texts for one row of each task, in T5's own format and in the published code's format."""

import importlib
from pathlib import Path

import pytest
import yaml

from rpt.config.check import check
from rpt.config.schema import TaskConfig
from tests.support.composed import compose

ARTICLE = "Ann met Bob.\n@highlight\nBob left\n@highlight\nAnn stayed"
ROWS = {
    "boolq": {"passage": "It rained.", "question": "was it wet", "label": True},
    "cb": {"premise": "It rained.", "hypothesis": "it was wet", "label": "neutral"},
    "copa": {"premise": "It rained.", "choice1": "I got wet.", "choice2": "Sun.", "question": "effect", "label": 0},
    "multirc": {
        "passage": {
            "text": "It <b>rained</b>.",
            "questions": [{"question": "What fell?", "idx": 1, "answers": [{"text": "Rain", "idx": 2, "label": 1}]}],
        }
    },
    "record": {
        "passage": {"text": ARTICLE, "entities": [{"start": 8, "end": 10}, {"start": 0, "end": 2}]},
        "qas": [{"query": "@placeholder went.", "idx": 1, "answers": [{"text": "Bob"}, {"text": "Ann"}]}],
    },
    "rte": {"premise": "It rained.", "hypothesis": "It was wet.", "label": "not_entailment"},
    "wic": {
        "word": "bank",
        "sentence1": "A bank.",
        "sentence2": "The banks.",
        "start1": 2,
        "end1": 6,
        "start2": 4,
        "end2": 9,
        "label": False,
    },
    "wsc": {
        "text": "The cat ran because it could.",
        "target": {"span1_index": 0, "span1_text": "The cat", "span2_index": 4, "span2_text": "it"},
        "label": True,
    },
}
T5 = {
    "boolq": ("boolq passage: It rained. question: was it wet", "True"),
    "cb": ("cb hypothesis: it was wet premise: It rained.", "neutral"),
    "copa": ("copa choice1: I got wet. choice2: Sun. premise: It rained. question: effect", "choice1"),
    "multirc": ("multirc question: What fell? answer: Rain paragraph: It rained.", "True"),
    "record": (
        "record query: @placeholder went. entities: Ann, Bob passage: Ann met Bob. Bob left. Ann stayed",
        "Bob",
    ),
    "rte": ("rte hypothesis: It was wet. premise: It rained.", "not_entailment"),
    "wic": ("wic sentence1: A bank. sentence2: The banks. word: bank", "False"),
    "wsc": ("wsc: The cat ran because *it* could.", "The cat"),
}
PUBLISHED = {
    "boolq": ("passage: It rained. question: was it wet", "true"),
    "cb": ("premise: It rained. hypothesis: it was wet", "neutral"),
    "copa": ("choice1: I got wet. choice2: Sun. premise: It rained. question: effect", "false"),
    "multirc": ("question: What fell? answer: Rain paragraph: It rained.", "true"),
    "record": (f"passage : {ARTICLE} query: @placeholder went. entities: Ann; Bob", "Ann; Bob"),
    "rte": ("premise: It rained. hypothesis: It was wet.", "not_entailment"),
    "wic": ("start1: 2 end1: 6 sentence1: A bank. start2: 4 end2: 9 sentence2: The banks. word: bank", "false"),
    "wsc": ("The cat ran because *it* could.", "The"),
}
each_task = pytest.mark.parametrize("name", ROWS)


def rendered(name, config, form):
    module, _, reader = config.reader.rpartition(".")
    options = {"name": name, "fields": config.fields, "labels": config.labels}
    task = getattr(importlib.import_module(module), reader)(**options, choices=form.choices, framing=form.framing)
    [example] = task.examples([("f:1", {"idx": 0, **ROWS[name]})])
    return form.prefix + form.source.format_map(example.fields), example.gold


def config_of(name):
    text = (Path(__file__).parents[2] / "conf" / "task" / f"{name}.yaml").read_text()
    return TaskConfig.model_validate(yaml.safe_load(text))


@each_task
def test_the_texts_for_t5_have_the_format_of_its_pretraining(name):
    config = config_of(name)
    assert rendered(name, config, config.formats.referent or config.formats.seq2seq) == T5[name]


@each_task
def test_the_texts_under_the_papers_protocol_have_the_published_codes_format(name):
    config = config_of(name)
    assert rendered(name, config, config.paper.seq2seq) == PUBLISHED[name]


def test_tasks_list_the_habits_of_the_published_code():
    counts = {name: len(config_of(name).paper.habits) for name in ROWS}
    assert {name: count for name, count in counts.items() if count} == {"cb": 1, "multirc": 2, "record": 4, "wsc": 3}


@each_task
def test_the_configuration_of_every_task_passes_the_check(name):
    assert check(compose([f"task={name}"])).task == config_of(name)
