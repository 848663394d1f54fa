"""Predictions of a finished run equal those in its folder, for every backbone, for mixed runs and for broken input."""

import io
import json
import sys
from math import exp, log
from pathlib import Path

import pytest
import yaml

import rpt
import rpt.predict.predictor as predictor_module
from rpt.config.paths import search_path
from rpt.data.evaluation import EvalPasses
from rpt.errors import ConfigError, DataError
from rpt.predict.__main__ import main
from rpt.predict.answers import answer_lines
from rpt.predict.lines import placed
from rpt.predict.predictor import Predictor
from rpt.system.writing import read_json_lines
from tests.support.composed import checked
from tests.support.samples import FOLDER_OF, sample_rows, unlabelled_rows
from tests.support.trained_runs import trained_folder

SHORT = ["data.max_rows=24", "trainer.epochs=1", "encoder=plain", "lr=0.3", "head_lr=0.3", "trainer.progress=false"]
OWN_KEYS = ("run", "label", "log_probabilities")


@pytest.fixture
def trained(request, tmp_path):
    """Train a run on a tiny backbone, and return its folder."""

    def train(backbone, *overrides):
        tiny = request.getfixturevalue(backbone)
        return trained_folder(tmp_path / "runs", *tiny, *SHORT, "prompt.length=3", *overrides)

    return train


def rows_of(task="cb", count=24):
    return sample_rows(FOLDER_OF[task])["val"][:count]


def write_rows(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def without_own_keys(lines):
    return [{key: value for key, value in line.items() if key not in OWN_KEYS} for line in lines]


@pytest.mark.parametrize(
    ("backbone", "overrides"),
    [
        ("tiny_bert", ["task=cb"]),
        ("tiny_bert", ["task=copa", "backbone.dtype=bfloat16"]),
        ("tiny_llama", ["task=rte"]),
        ("tiny_t5", ["task=cb"]),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("tiny_bert", ["task=cb", "backbone.dtype=bfloat16"]),
                ("tiny_bert", ["task=multirc", "data.max_rows=3", "encoder=none"]),
                ("tiny_llama", ["task=rte", "backbone.prompt_at=end", "backbone.dtype=bfloat16"]),
                ("tiny_llama", ["task=rte", "scorer=generate"]),
                ("tiny_t5", ["task=record", "data.max_rows=4"]),
                ("tiny_t5", ["task=wsc", "protocol=paper", "scorer=generate"]),
            )
        ),
    ],
    ids=lambda value: "-".join(value).replace("=", "_") if isinstance(value, list) else value,
)
def test_a_file_of_the_runs_rows_gives_the_predictions_in_its_folder(backbone, overrides, trained, tmp_path):
    folder = trained(backbone, *overrides)
    values = dict(override.split("=") for override in [*SHORT, *overrides])
    rows = rows_of(values["task"], int(values["data.max_rows"]))
    out = tmp_path / "out.jsonl"
    assert main([str(folder), "--input", write_rows(tmp_path / "in.jsonl", rows), "--output", str(out)]) == 0
    lines = read_json_lines(out)
    assert without_own_keys(lines) == read_json_lines(folder / "predictions.jsonl")
    assert {line["run"] for line in lines} == {folder.name}


SLOW_TASKS = ("boolq", "multirc", "record", "rte", "wic")


@pytest.mark.parametrize("task", ["cb", "copa", "wsc", *(pytest.param(t, marks=pytest.mark.slow) for t in SLOW_TASKS)])
def test_rows_without_labels_get_the_scores_of_the_labelled_rows(task, trained):
    folder = trained("tiny_bert", f"task={task}", "data.max_rows=8", "encoder=none")
    answers = json.loads(json.dumps(rpt.load(folder).predict(unlabelled_rows(FOLDER_OF[task])[:8])))
    own = read_json_lines(folder / "predictions.jsonl")
    for key in ("idx", "choice", "scores"):
        assert [line[key] for line in answers] == [line[key] for line in own]
    assert not any("target" in line or "right" in line for line in answers)


def test_a_row_may_lack_its_idx_and_a_prediction_has_a_label_of_the_release(trained):
    folder = trained("tiny_bert", "task=rte")
    [row] = rpt.load(folder).predict([{"premise": "A dog runs.", "hypothesis": "An animal runs."}])
    assert row["idx"] == 1
    assert row["label"] in ("entailment", "not_entailment")
    assert row["label"] == max(row["log_probabilities"], key=row["log_probabilities"].get)
    assert sum(exp(value) for value in row["log_probabilities"].values()) == pytest.approx(1)


def test_metrics_of_labelled_rows_are_those_of_the_record(trained, tmp_path, capsys):
    folder = trained("tiny_bert", "task=cb")
    main([str(folder), "--input", write_rows(tmp_path / "in.jsonl", rows_of())])
    captured = capsys.readouterr()
    scores = rpt.load(folder).record.scores
    expected = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    assert f"{folder.name}: {expected} (24 labelled rows)\n" in captured.err
    assert len([line for line in captured.out.splitlines() if line.startswith("{")]) == 24


BROKEN = ["{", '"text"', '{"premise": "a"}', '{"premise": "a", "hypothesis": "b", "label": "maybe"}', "\\xff"]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("strict", [False, True])
def test_a_broken_line_is_named_and_stops_the_command_only_if_strict(broken, strict, trained, tmp_path, capsys):
    folder = trained("tiny_bert", "task=cb")
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    first, second, third = (json.dumps(row).encode() for row in rows_of(count=3))
    path.write_bytes(b"\n".join([first, second, broken.replace("\\xff", "").encode() or b"\xff", b"", third]))
    options = ["--strict"] if strict else []
    assert main([str(folder), "--input", str(path), "--output", str(out), *options]) == 2
    assert f"{path}:3: " in capsys.readouterr().err
    assert out.exists() is not strict
    assert sorted(entry.name for entry in tmp_path.iterdir() if "draft" in entry.name) == []
    if not strict:
        own = read_json_lines(folder / "predictions.jsonl")[:3]
        assert [line["choice"] for line in read_json_lines(out)] == [line["choice"] for line in own]


def test_a_row_that_cannot_be_tokenised_is_named(trained, tmp_path, capsys):
    folder = trained("tiny_t5", "task=cb", "backbone.text_limit=60", "data.max_cut_share=1")
    rows = rows_of(count=3)
    rows = [rows[0], {**rows[1], "hypothesis": "word " * 200}, rows[2]]
    assert main([str(folder), "--input", write_rows(tmp_path / "in.jsonl", rows)]) == 2
    captured = capsys.readouterr()
    assert f"{tmp_path / 'in.jsonl'}:2: row idx" in captured.err
    assert len([line for line in captured.out.splitlines() if line.startswith("{")]) == 2


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_each_row_of_mixed_runs_gets_the_answer_of_the_run_it_names(dtype, trained):
    folders = [
        trained("tiny_bert", "task=cb", f"seed={seed}", f"prompt.length={3 + seed}", f"backbone.dtype={dtype}")
        for seed in (0, 1)
    ]
    folders.append(trained("tiny_bert", "task=rte", f"backbone.dtype={dtype}"))
    runs = [rpt.load(folder) for folder in folders]
    rows = [
        {**row, "run": run.record.name}
        for run, task in zip(runs, ("cb", "cb", "rte"), strict=True)
        for row in rows_of(task, 12)
    ]
    mixed = [rows[index::12] for index in range(12)]
    lines = list(answer_lines(Predictor(runs), placed(row for group in mixed for row in group)))
    assert [line.run for line in lines] == [run.record.name for run in runs] * 12
    for position, folder in enumerate(folders):
        own = read_json_lines(folder / "predictions.jsonl")[:12]
        scores = [line.values["scores"] for line in lines[position::3]]
        for found, expected in zip(scores, own, strict=True):
            assert found == pytest.approx(expected["scores"], abs=1e-5)


def test_the_rows_of_one_of_several_runs_get_the_scores_in_its_folder_bit_for_bit(trained, monkeypatch):
    """By default, rows of several runs have smaller forward passes, which may change last bits."""
    folders = [trained("tiny_bert", "task=cb", f"seed={seed}") for seed in (0, 1)]
    predictor = Predictor([rpt.load(folder) for folder in folders])
    [group] = predictor.groups
    assert (group.passes, group.mixed_passes) == (EvalPasses(8192), EvalPasses(1024))
    used = []
    plan_pairs = predictor_module.plan_pairs

    def plan(examples, pairs, lengths, passes, **options):
        used.append(passes.token_budget)
        return plan_pairs(examples, pairs, lengths, passes, **options)

    monkeypatch.setattr(predictor_module, "plan_pairs", plan)
    for folder in folders:
        rows = [{**row, "run": folder.name} for row in rows_of()]
        lines = [line.values for line in answer_lines(predictor, placed(rows))]
        assert without_own_keys(json.loads(json.dumps(lines))) == read_json_lines(folder / "predictions.jsonl")
    list(answer_lines(predictor, placed(rows_of(count=2))))
    assert used == [8192, 8192, 1024]


@pytest.mark.slow
def test_an_unknown_run_and_a_run_of_another_backbone_are_refused(trained):
    folder = trained("tiny_bert", "task=rte")
    with pytest.raises(DataError, match=f"^row 1: run 'other' is unknown; the runs are {folder.name}"):
        rpt.load(folder).predict([{"run": "other"}])
    other = trained("tiny_llama", "task=rte")
    with pytest.raises(ConfigError, match="All runs must have the same backbone"):
        Predictor([rpt.load(folder), rpt.load(other)])
    with pytest.raises(ConfigError, match="is named twice"):
        Predictor([rpt.load(folder), rpt.load(folder)])


@pytest.mark.slow
def test_an_ensemble_answers_by_mean_log_probability_or_by_vote(trained, tmp_path):
    folders = [str(trained("tiny_bert", "task=cb", f"seed={seed}")) for seed in range(3)]
    path = write_rows(tmp_path / "in.jsonl", rows_of())
    lines = {}
    for ensemble in ("mean", "vote"):
        out = tmp_path / ensemble
        assert main([*folders, "--input", path, "--output", str(out), "--ensemble", ensemble]) == 0
        lines[ensemble] = read_json_lines(out)
    each = [rpt.load(folder).predict(rows_of()) for folder in map(tmp_path.joinpath, folders)]
    for index, (mean, vote) in enumerate(zip(lines["mean"], lines["vote"], strict=True)):
        of_runs = [answers[index] for answers in each]
        means = {
            choice: sum(answer["log_probabilities"][choice] for answer in of_runs) / 3
            for choice in mean["log_probabilities"]
        }
        total = log(sum(exp(value) for value in means.values()))
        for choice, value in mean["log_probabilities"].items():
            assert value == pytest.approx(means[choice] - total, abs=1e-5)
        best = max(mean["log_probabilities"], key=mean["log_probabilities"].get)
        assert mean["label"] == best
        votes = [answer["label"] for answer in of_runs]
        assert votes.count(vote["label"]) == max(map(votes.count, votes))
    assert len(lines["mean"]) == 24


def test_rows_from_stdin_are_predicted_in_windows(trained, monkeypatch, capsys):
    folder = trained("tiny_bert", "task=cb", "backbone.dtype=bfloat16")
    monkeypatch.setattr("rpt.predict.answers.window_size", lambda predictor: 5)
    text = "".join(f"{json.dumps(row)}\n" for row in rows_of())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main([str(folder), "--input", "-"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert without_own_keys(lines) == read_json_lines(folder / "predictions.jsonl")


def test_an_unreadable_input_is_refused_before_a_run_is_loaded(tmp_path, capsys):
    assert main([str(tmp_path / "no_run"), "--input", str(tmp_path / "missing.jsonl")]) == 2
    assert "missing.jsonl: cannot be read" in capsys.readouterr().err


def test_the_rows_of_a_users_task_are_predicted(tiny_bert, tmp_path, capsys):
    task = yaml.safe_load((Path(__file__).parents[2] / "conf" / "task" / "rte.yaml").read_text())
    task |= {"name": "weather", "folder": "Weather", "fields": ["report"], "labels": ["dry", "wet"], "same_side": []}
    task["formats"] = {"encoder": {"first": "{report}", "second": None, "choices": ["dry", "wet"]}}
    del task["paper"]
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "weather.yaml").write_text(yaml.safe_dump(task))
    rows = [
        {"idx": idx, "report": f"Day {idx}: {'rain' if idx % 2 else 'sun'}.", "label": "wet" if idx % 2 else "dry"}
        for idx in range(24)
    ]
    (tmp_path / "Weather").mkdir()
    for split in ("train", "val"):
        write_rows(tmp_path / "Weather" / f"{split}.jsonl", rows)
    own = [str(tmp_path / "conf")]
    data = ["data=jsonl", f"data.root={tmp_path}", f"output_dir={tmp_path / 'runs'}", "prompt.length=3"]
    [outcome] = rpt.train([checked([*tiny_bert, *SHORT, "task=weather", *data, *search_path(own)])])
    path = write_rows(tmp_path / "new.jsonl", [{"report": "Day 30: rain."}])
    capsys.readouterr()
    assert main([str(outcome.check().folder), "--input", path, "--config-dir", *own]) == 0
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["label"] in ("dry", "wet")
    assert set(line["log_probabilities"]) == {"dry", "wet"}
