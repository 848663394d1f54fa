"""Studies from `sweeps/` and rows of the paper's tables, started from the command line with a tiny backbone."""

import json

import pytest

from rpt.reproduce.__main__ import main


@pytest.mark.slow  # about 30 s: a study of five runs, started twice
def test_a_study_trains_into_its_own_folder_and_is_not_trained_again(tiny_bert, tiny_cb, command, start_folder):
    small = [*tiny_bert, *tiny_cb, "lr=0.003,0.03", "seed=0", "trainer.epochs=1"]
    first = command("-cn", "learning_rate", *small)
    assert first.returncode == 0, first.stdout
    records = [json.loads(path.read_text()) for path in (start_folder / "runs" / "learning_rate").glob("*/run.json")]
    assert len(records) == 9  # four encoders at two rates, and the head alone once
    assert {record["pack"]["size"] for record in records} == {9}
    assert {record["config"]["group"] for record in records} == {"learning_rate"}
    assert {record["config"]["question"] for record in records} == {
        "Which prompt encoder still trains when the learning rate is wrong?"
    }
    again = command("-cn", "learning_rate", *small)
    assert again.returncode == 0
    assert "10 points: 9 finished (9 by an earlier command), 1 identical to another point" in again.stdout


@pytest.mark.slow  # about 30 s: a run and its comparison
def test_a_run_of_a_published_row_is_compared_with_the_papers_number(tiny_t5, tiny_cb, command, start_folder, capsys):
    """With a tiny random T5 and few rows, the comparison has no verdict and lists every reason."""
    row = "experiment=paper/t5_base/residual_n10"
    done = command(row, *tiny_t5, *tiny_cb, "trainer.epochs=1", "backbone.text_limit=502")
    assert done.returncode == 0, done.stdout
    assert main([str(start_folder / "runs"), "--json"]) == 0
    lines = {(line["task"], line["source"]): line for line in json.loads(capsys.readouterr().out)}
    line = lines["cb", "Table 1"]
    assert (line["expected"], line["seeds"], line["verdict"]) == (79.2, 1, "no verdict")
    assert "backbone.name is tiny_t5, not t5_base" in line["reasons"]
    assert any(
        reason.startswith("rows that are not the official release's: CB from jsonl") for reason in line["reasons"]
    )
    assert 0 <= line["ours"] <= 100
    assert lines["average", "Table 1"]["ours"] is None
