"""Tasks with one sentence and one template, and tasks whose answers are free text."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.data.prepare import build_task
from rpt.errors import ConfigError, DataError, ReaderError
from rpt.report.__main__ import main as report
from rpt.runs import train
from rpt.tasks.example import Answer, Example
from rpt.tasks.task import Task
from rpt.tasks.written import Written
from tests.support.composed import compose

SENTENCE = {
    "name": "mood",
    "version": 1,
    "folder": "Mood",
    "reader": "rpt.tasks.task.Task",
    "fields": ["text"],
    "labels": [False, True],
    "metrics": ["accuracy"],
    "formats": {"encoder": {"first": "{text}"}},
}
CAPITALS = {
    "name": "capitals",
    "version": 1,
    "folder": "Capitals",
    "reader": "rpt.tasks.written.Written",
    "fields": ["country"],
    "metrics": ["em", "f1"],
    "formats": {
        "causal": {"source": "The capital of {country} is", "framing": "written"},
        "seq2seq": {"source": "capital: {country}", "cut": "country", "framing": "written"},
    },
}
PLACES = [("France", "Paris"), ("Italy", ["Rome", "Roma"]), ("Spain", "Madrid"), ("Japan", "Tokyo")]
WRITTEN = Written(name="capitals", fields=("country",), labels=None, choices=None, framing="written")


class OutputOnly(Task):
    """A user's reader whose examples have an output text, and neither choices nor a target."""

    has_own_choices = True
    framings = ("written",)

    def read_row(self, row):
        """Yield the example of a row."""
        yield Example(idx=row.idx(), fields={"country": row.text("country")}, choices=(), target=None, output="Rome")


class WithoutAnswers(OutputOnly):
    """A reader whose examples have no answer."""

    def read_row(self, row):
        """Yield the example of a row."""
        yield Example(idx=row.idx(), fields={"country": row.text("country")}, choices=(), target=None)


@pytest.fixture
def values(tmp_path):
    """Write rows to files, and compose a configuration whose task is given as a dictionary."""

    def make(task, rows, *overrides):
        folder = tmp_path / "rows" / task["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        for split in ("train", "val"):
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        places = [f"data.root={tmp_path / 'rows'}", f"output_dir={tmp_path / 'runs'}"]
        few = ["trainer.epochs=1", "prompt.length=2", "trainer.batch_size=4"]
        return {**compose(["data=jsonl", *places, *few, *overrides]), "task": task}

    return make


def moods():
    return [
        {"idx": f"m{idx}", "text": f"Day {idx} is {'good' if idx % 2 else 'bad'}.", "label": idx % 2 == 1}
        for idx in range(16)
    ]


def capitals():
    return [
        {"idx": idx, "country": f"{PLACES[idx % 4][0]} {idx // 4}", "answer": PLACES[idx % 4][1]} for idx in range(16)
    ]


def test_a_task_needs_a_format_for_the_chosen_backbone_only(values, tiny_bert, capsys):
    config = check(values(SENTENCE, moods(), *tiny_bert))
    [outcome] = train([config])
    lines = [json.loads(line) for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]
    assert {line["predicted"] for line in lines} <= {"true", "false"}  # the texts of the labels
    assert [line["idx"] for line in lines] == [f"m{idx}" for idx in range(16)]
    assert outcome.record.data.rows.model_dump(exclude_none=True) == {"train": 12, "held_out": 4, "reported": 16}


def test_a_long_sentence_is_cut_and_counted(values, tiny_bert):
    rows = [{**row, "text": row["text"] + " again" * 20} for row in moods()]
    [outcome] = train([check(values(SENTENCE, rows, *tiny_bert, "backbone.text_limit=8"))])
    assert outcome.record.data.cut == {"train": 12, "held_out": 4, "reported": 16}


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tiny_llama", "tiny_t5"])
def test_free_text_is_trained_predicted_and_reported(backbone, values, request, tmp_path, capsys):
    tiny = request.getfixturevalue(backbone)
    configs = [check(values(CAPITALS, capitals(), *tiny, f"seed={seed}", "lr=0.01")) for seed in (0, 1)]
    assert {config.scorer.name for config in configs} == {"generate"}
    for outcome in [train([config])[0] for config in configs]:
        lines = [json.loads(line) for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]
        assert lines[1]["target"] == ["Rome", "Roma"]
        assert {(line["choice"], line["target_choice"]) for line in lines} == {(None, None)}
        assert outcome.record.off_label_share is None
        assert not any("off label" in warning for warning in outcome.record.warnings)
        # The majority answer is the most frequent text. Four texts are equally frequent, and the first is taken.
        assert outcome.record.majority == {"em": 0.25, "f1": 0.25, "score": 0.25}
    assert report([str(tmp_path / "runs")]) == 0
    assert "capitals: Capitals from jsonl" in (tmp_path / "runs" / "report" / "index.html").read_text()


def test_case_punctuation_and_articles_of_a_written_text_do_not_matter():
    [example] = WRITTEN.examples([("f:1", {"idx": 0, "country": "Italy", "answer": ["Rome", "the City"]})])
    from rpt.tasks.metrics import evaluate

    for text, right in (("rome.", 1.0), ("a city", 1.0), ("Milan", 0.0), ("", 0.0)):
        assert evaluate(["em"], [example], [WRITTEN.read(example, text)])["em"] == right
    assert WRITTEN.majority([example]) == [Answer(None, "Rome")]


@pytest.mark.parametrize("answer", ["", " ", [], ["Rome", " "], 7, None, ["Rome", 7]])
def test_an_answer_that_is_no_text_is_refused_with_its_line(answer):
    with pytest.raises(DataError, match=r"^f:1: answer = .* is neither a text nor a list of one text or more\.$"):
        list(WRITTEN.examples([("f:1", {"idx": 0, "country": "Italy", "answer": answer})]))


def test_a_users_reader_needs_only_an_output_text(values, tiny_llama):
    task = {**CAPITALS, "reader": f"{__name__}.OutputOnly"}
    [outcome] = train([check(values(task, capitals(), *tiny_llama))])
    assert outcome.record.majority["em"] == 1.0  # the right answer to every row is the same text


@pytest.mark.parametrize(
    ("change", "overrides", "message"),
    [
        ({}, ["scorer=rank"], "scorer.name = rank: this task has no choices to rank. Set scorer=generate."),
        (
            {"metrics": ["em", "accuracy"]},
            [],
            "task.metrics = ['em', 'accuracy']: accuracy compares labels, and this task's answers are free text. "
            "Set task.metrics=[em,f1].",
        ),
        (
            {"formats": {"seq2seq": CAPITALS["formats"]["seq2seq"]}},
            [],
            "task.formats.causal = null: task=capitals does not say how a backbone of family causal reads a row. "
            "Write this format, or choose a backbone of family seq2seq.",
        ),
    ],
)
def test_scorers_metrics_and_formats_that_free_text_does_not_allow_are_refused(
    change, overrides, message, values, tiny_llama
):
    with pytest.raises(ConfigError) as caught:
        check(values({**CAPITALS, **change}, capitals(), *tiny_llama, *overrides))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "backbone.prompt_layer=1",
            "backbone.prompt_layer = 1: does not go with scorer=generate in a decoder, where the layers below and "
            "above the prompt count positions differently. Set backbone.prompt_layer=0.",
        ),
        (
            "backbone.prompt_at=end",
            "backbone.prompt_at = end: does not go with scorer=generate, which this task needs. "
            "Set backbone.prompt_at=front.",
        ),
    ],
)
def test_free_text_of_a_decoder_is_refused_with_a_prompt_elsewhere_than_in_front(override, message, values, tiny_llama):
    with pytest.raises(ConfigError) as caught:
        check(values(CAPITALS, capitals(), *tiny_llama, "scorer=auto", override))
    assert str(caught.value) == message


def test_a_task_without_a_paper_section_is_refused_under_the_papers_protocol(values, tiny_t5):
    with pytest.raises(
        ConfigError, match=r"^protocol = paper: needs task\.paper, .* task=capitals has none\. Set protocol"
    ):
        check(values(CAPITALS, capitals(), *tiny_t5, "protocol=paper"))


@pytest.mark.parametrize("template", ["{text:>9}", "{text!r}", "{text:{text}}"])
def test_a_template_with_a_format_specification_is_refused(template, values, tiny_bert):
    task = {**SENTENCE, "formats": {"encoder": {"first": template}}}
    with pytest.raises(ConfigError, match=r"holds a format specification\. Write \{FIELD\} alone\.$"):
        check(values(task, moods(), *tiny_bert))


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        ("rpt.tasks.none.None", r"cannot be imported \(ModuleNotFoundError: No module named 'rpt\.tasks\.none'\)"),
        ("rpt.tasks.task.Tusk", r"cannot be imported \(AttributeError: "),
        ("Task", r"cannot be imported \(ValueError: Empty module name\)"),
        ("rpt.tasks.row.Row", r"is no subclass of rpt\.tasks\.task\.Task"),
    ],
)
def test_a_name_that_is_no_reader_is_refused(reader, reason, values, tiny_bert):
    with pytest.raises(ConfigError, match=rf"^task\.reader = {reader}: {reason}"):
        build_task(check(values({**SENTENCE, "reader": reader}, moods(), *tiny_bert)))


def test_the_error_of_a_reader_without_labels_names_the_reader_for_free_text(values, tiny_llama):
    task = {**CAPITALS, "reader": "rpt.tasks.task.Task", "framing": "choice"}
    task.pop("framing")
    task["formats"] = {"causal": {"source": "The capital of {country} is"}}
    with pytest.raises(
        ConfigError, match=r"^task\.labels = null: .* needs task\.reader=rpt\.tasks\.written\.Written\.$"
    ):
        build_task(check(values(task, capitals(), *tiny_llama)))


def test_an_example_without_an_answer_is_refused_with_its_line():
    task = WithoutAnswers(name="t", fields=("country",), labels=None, choices=None, framing="written")
    with pytest.raises(DataError, match=r"^f:1: the task's reader gives idx 0 neither a target nor an output\.$"):
        list(task.examples([("f:1", {"idx": 0, "country": "Italy"})]))


class Careless(Task):
    """A reader with a bug: it converts a text to a number."""

    def derived(self, row, texts):
        return {"length": str(int(texts["text"]))}


def test_an_error_inside_a_users_reader_names_the_row():
    task = Careless(name="mood", fields=("text",), labels=(False, True), choices=("no", "yes"))
    rows = [(f"rows:{line}", {"idx": line, "text": text, "label": True}) for line, text in ((1, "7"), (2, "seven"))]
    with pytest.raises(ReaderError) as caught:
        list(task.examples(rows))
    reason = "raised ValueError: invalid literal for int() with base 10: 'seven'"
    assert str(caught.value) == f"rows:2: the task's reader {__name__}.Careless {reason}."
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.slow
def test_the_command_names_the_row_and_then_prints_the_traceback_of_the_reader(tiny_bert, tmp_path):
    body = "    def read_row(self, row):\n        raise KeyError(row.place[-2:])\n"
    (tmp_path / "careless.py").write_text(f"from rpt.tasks.task import Task\n\n\nclass Careless(Task):\n{body}")
    task = {**SENTENCE, "reader": "careless.Careless"}
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mood.yaml").write_text(json.dumps(task))
    (tmp_path / "Mood").mkdir()
    for split in ("train", "val"):
        (tmp_path / "Mood" / f"{split}.jsonl").write_text('{"idx": 0, "text": "fine", "label": true}\n')
    root = Path(__file__).parents[2]
    overrides = ["task=mood", "data=jsonl", f"data.root={tmp_path}", f"output_dir={tmp_path / 'runs'}", *tiny_bert]
    command = [sys.executable, root / "run.py", "--config-dir", str(tmp_path), *overrides, "logger=[]"]
    paths = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=paths)
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith(("Traceback", str(tmp_path)))]
    assert lines[0].endswith(".jsonl:1: the task's reader careless.Careless raised KeyError: ':1'.")
    assert lines[1].startswith("Traceback")
    assert "raise KeyError(row.place[-2:])" in ended.stderr
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
