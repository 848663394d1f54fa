"""In an ensemble, a row that names its run gets the answer of this run alone, which the metrics of the run count."""

import json

import pytest

import rpt
from rpt.predict.__main__ import main
from rpt.predict.answers import answer_lines
from rpt.predict.ensemble import COMBINATIONS
from rpt.predict.lines import placed
from rpt.predict.predictor import Predictor
from rpt.system.writing import read_json_lines
from tests.support.samples import FOLDER_OF, sample_rows
from tests.support.trained_runs import trained_folder

FEW = ["data.max_rows=24", "trainer.epochs=1", "encoder=plain", "lr=0.3", "head_lr=0.3", "trainer.progress=false"]
ROWS = sample_rows(FOLDER_OF["cb"])["val"][:6]


@pytest.fixture
def folders(tiny_bert, tmp_path):
    shared = (*tiny_bert, *FEW, "task=cb", "prompt.length=3")
    return [trained_folder(tmp_path / "runs", *shared, f"seed={seed}") for seed in (0, 1)]


@pytest.mark.parametrize("ensemble", COMBINATIONS)
def test_a_row_that_names_its_run_is_answered_by_this_run_alone(ensemble, folders, tmp_path, capsys):
    named = [{**row, "run": folders[1].name} for row in ROWS[:2]]
    mixed = [ROWS[0], named[0], ROWS[1], named[1], *ROWS[2:]]
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in mixed), encoding="utf-8")
    assert main([*map(str, folders), "--input", str(path), "--output", str(out), "--ensemble", ensemble]) == 0
    lines = read_json_lines(out)
    both = "ensemble of 2 runs"
    assert [line["run"] for line in lines] == [both, folders[1].name, both, folders[1].name, *[both] * 4]
    own = read_json_lines(folders[1] / "predictions.jsonl")[:2]
    for line, expected in zip(lines[1:4:2], own, strict=True):
        assert [line[key] for key in ("idx", "choice", "right")] == [
            expected[key] for key in ("idx", "choice", "right")
        ]
        assert line["scores"] == pytest.approx(expected["scores"], abs=1e-5)
    err = capsys.readouterr().err
    [of_ensemble] = [line for line in err.splitlines() if line.startswith(f"{both}: ")]
    [of_run] = [line for line in err.splitlines() if line.startswith(f"{folders[1].name}: ")]
    shares = [sum(line["right"] for line in lines if line["run"] == name) for name in (both, folders[1].name)]
    assert f"accuracy {shares[0] / 6:.4f}" in of_ensemble
    assert of_ensemble.endswith("(6 labelled rows)")
    assert f"accuracy {shares[1] / 2:.4f}" in of_run
    assert of_run.endswith("(2 labelled rows)")


@pytest.mark.parametrize("ensemble", COMBINATIONS)
def test_an_input_whose_rows_all_name_a_run_has_the_lines_of_these_runs(ensemble, folders):
    predictor = Predictor([rpt.load(folder) for folder in folders])
    rows = [{**row, "run": folder.name} for row in ROWS for folder in folders]
    combined = [line.values for line in answer_lines(predictor, placed(rows), combine=COMBINATIONS[ensemble])]
    assert combined == [line.values for line in answer_lines(predictor, placed(rows))]
