"""The LM Evaluation Harness computes the token ids, scores and answers of a run from the exported task."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

import rpt
from rpt.export.__main__ import main
from rpt.system.writing import read_json_lines
from tests.support.trained_runs import trained_folder

FEW = ["data.max_rows=12", "trainer.epochs=1", "encoder=plain", "trainer.progress=false", "prompt.length=4"]
FLOAT = ["backbone.dtype=float32", "trainer.device=cpu"]

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="no lm_eval: pip install 'rpt[harness]'"
)


def trained(tmp_path, *overrides):
    return trained_folder(tmp_path / "runs", *FEW, *overrides)


def exported(folder, output):
    assert main([str(folder), "--format", "lm-eval", "--output", str(output)]) == 0
    return output


@pytest.mark.parametrize(
    ("backbone", "task", "delimiter"),
    [
        ("tiny_llama", "cb", " "),
        ("tiny_llama", "copa", " "),
        ("tiny_t5", "rte", ""),
        ("tiny_t5", "multirc", ""),
    ],
)
def test_the_exported_rows_have_the_token_ids_of_the_run(backbone, task, delimiter, request, tmp_path):
    long = ["data.max_rows=3", "backbone.text_limit=2000"] if task == "multirc" else []
    folder = trained(tmp_path, *request.getfixturevalue(backbone), f"task={task}", *long)
    output = exported(folder, tmp_path / "out")
    described = yaml.safe_load((output / f"rpt_{task}.yaml").read_text())
    assert described["dataset_kwargs"]["data_files"]["test"] == "rows.jsonl"
    assert described["target_delimiter"] == delimiter
    run = rpt.load(folder)
    tokenizer = run.module.backbone.tokenizer
    split = run.data.reported
    rows = read_json_lines(output / "rows.jsonl")
    own = read_json_lines(folder / "predictions.jsonl")
    assert [(row["idx"], row["target"]) for row in rows] == [(line["idx"], line["target_choice"]) for line in own]
    for number, row in enumerate(rows):
        [source] = split.inputs[number]
        for choice, ids in zip(row["choices"], split.choices[number], strict=True):
            assert choice.endswith(tokenizer.eos_token)
            if delimiter:
                assert tokenizer(row["source"] + delimiter + choice)["input_ids"] == [*source, *ids]
            else:
                assert tokenizer(row["source"])["input_ids"] == list(source)
                assert tokenizer(choice, add_special_tokens=False)["input_ids"] == list(ids)


def test_a_cut_text_has_the_tokens_that_the_run_read(tiny_llama, tmp_path):
    long = ["task=cb", "backbone.text_limit=100", "data.max_cut_share=1"]
    folder = trained(tmp_path, *tiny_llama, *long)
    run = rpt.load(folder)
    rows = read_json_lines(exported(folder, tmp_path / "out") / "rows.jsonl")
    tokens = run.module.backbone.tokenizer([row["source"] for row in rows])["input_ids"]
    assert run.data.reported.num_cut > 1
    assert max(map(len, tokens)) == 100
    assert tokens == [list(source) for [source] in run.data.reported.inputs]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "overrides", "reason"),
    [
        ("tiny_bert", ["task=cb", "backbone.prompt_at=front"], "compares choices, and"),
        ("tiny_llama", ["task=cb", "scorer=generate"], "has scorer=generate"),
        ("tiny_llama", ["task=cb", "scorer.length_normalised=true"], "adds log-likelihoods"),
        ("tiny_llama", ["task=cb", "backbone.prompt_at=end"], "PEFT puts a prompt in front of the text"),
        ("tiny_t5", ["task=record", "data.max_rows=3"], "needs one right choice"),
    ],
)
def test_a_run_whose_scores_the_harness_cannot_compute_is_refused(
    backbone, overrides, reason, request, tmp_path, capsys
):
    folder = trained(tmp_path, *request.getfixturevalue(backbone), *overrides)
    assert main([str(folder), "--format", "lm-eval", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_row_that_spells_out_the_end_marker_is_refused(tiny_llama, tmp_path, capsys):
    for split in ("train", "val"):
        rows = [
            {"idx": idx, "premise": f"Rain <|endoftext|> {idx}.", "hypothesis": "It rains.", "label": label}
            for idx, label in enumerate(["entailment", "not_entailment"] * 6)
        ]
        (tmp_path / "RTE").mkdir(exist_ok=True)
        (tmp_path / "RTE" / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    folder = trained(tmp_path, *tiny_llama, "task=rte", "data=jsonl", f"data.root={tmp_path}")
    assert main([str(folder), "--format", "lm-eval", "--output", str(tmp_path / "out")]) == 2
    assert "would give 12 of 12 rows other tokens than the run has read, the first at idx 0" in capsys.readouterr().err


def compare_with_harness(folder, tmp_path):
    """Run the command of the model card, and compare each log-likelihood, answer and the accuracy with the run's."""
    output = exported(folder, tmp_path / "harness")
    command = re.search(r"^lm_eval .*$", (output / "README.md").read_text(), re.M).group()
    name, *arguments = shlex.split(command)
    environment = {**os.environ, "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=output,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [samples] = output.glob("results/**/samples_*.jsonl")
    found = sorted(map(json.loads, samples.read_text().splitlines()), key=lambda line: line["doc_id"])
    own = read_json_lines(folder / "predictions.jsonl")
    for line, expected in zip(found, own, strict=True):
        scores = [float(answer[0][0]) for answer in line["resps"]]
        assert scores == pytest.approx(expected["scores"], abs=2e-4)
        assert scores.index(max(scores)) == expected["choice"]
        assert line["acc"] == expected["right"]
    [results] = output.glob("results/**/results_*.json")
    accuracy = next(iter(json.loads(results.read_text())["results"].values()))["acc,none"]
    assert accuracy == pytest.approx(rpt.load(folder).record.scores["accuracy"])


@needs_harness
@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "task"), [("tiny_llama", "copa"), ("tiny_t5", "cb")])
def test_the_harness_gives_the_scores_of_a_tiny_run(backbone, task, request, tmp_path):
    compare_with_harness(trained(tmp_path, *request.getfixturevalue(backbone), f"task={task}", "lr=1"), tmp_path)


@needs_harness
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("task", ["cb", "rte"])
def test_the_harness_gives_the_scores_of_smollm2(task, tmp_path):
    compare_with_harness(trained(tmp_path, "backbone=smollm2", f"task={task}", *FLOAT), tmp_path)
