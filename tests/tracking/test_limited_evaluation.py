"""A run that is scored on a part of its rows says so, is compared on these rows, and can be loaded and repeated."""

import json

import pytest

import rpt
from rpt.data.evaluation import ForwardPass
from rpt.data.loaders import limited_passes
from rpt.replay import replay
from rpt.runs import train
from rpt.system.writing import read_json_lines
from rpt.tasks.metrics import evaluate
from tests.support.samples import sample_rows

FLAG = "+trainer.lightning"
OPTIONS = ["task=cb", "data.max_rows=24", "encoder=plain", "prompt.length=3", "trainer.eval_token_budget=60"]


@pytest.fixture
def limited(configure):
    """Train a run with flags of Lightning's Trainer."""

    def run(*flags, epochs=1):
        flags = [f"{FLAG}.{flag}" for flag in flags]
        [outcome] = train([configure(*OPTIONS, f"trainer.epochs={epochs}", *flags)])
        return outcome.check()

    return run


def test_the_kept_forward_passes_are_drawn_with_a_fixed_seed():
    plan = [(ForwardPass([row]), row) for row in range(100)]  # sorted by length
    kept = limited_passes(plan, 10)
    assert limited_passes(plan, 10) == kept
    assert limited_passes(plan, 0.1) == kept
    assert kept == sorted(kept, key=lambda item: item[1])
    assert sum(cost for _, cost in kept) / 10 > 30  # the first ten have a mean of 4.5
    assert {cost for _, cost in kept} < {cost for _, cost in limited_passes(plan, 20)}
    assert limited_passes(plan, None) is plan
    assert limited_passes(plan, 200) is plan


def test_the_record_counts_the_scored_rows_and_scores_the_majority_answer_on_them(limited, capsys):
    outcome = limited("limit_test_batches=3")
    record, lines = outcome.record, read_json_lines(outcome.folder / "predictions.jsonl")
    assert 0 < len(lines) < 24
    assert (record.data.rows.reported, record.data.rows.validation) == (len(lines), 24)
    data = rpt.load(outcome.folder).data
    data.setup()
    examples = [example for example in data.reported.examples if example.idx in [line["idx"] for line in lines]]
    assert len(examples) == len(lines)
    names = [name for name in record.majority if name != "score"]
    assert record.majority == evaluate(names, examples, data.task.majority(examples))
    warning = f"a quick look: only {len(lines)} of 24 reported rows were scored (trainer.lightning.limit_test_batches)"
    assert warning in record.warnings
    printed = capsys.readouterr().out
    assert f"warning: {warning}\n" in printed
    assert f"{len(lines)} of 24 for validation\n" in printed


def test_the_scored_rows_are_not_the_shortest_texts(limited):
    outcome = limited("limit_test_batches=0.5")
    data = rpt.load(outcome.folder).data
    data.setup()
    scored = data.scored_rows()
    shortest = sorted(range(24), key=data.reported.lengths.__getitem__)[: len(scored)]
    assert len(scored) == outcome.record.data.rows.reported
    assert set(scored) != set(shortest)


@pytest.mark.parametrize("flag", ["limit_test_batches=2", "fast_dev_run=1"])
def test_a_run_that_is_scored_on_a_part_of_its_rows_is_loaded_and_repeated(flag, limited):
    outcome = limited(flag)
    own = {line["idx"]: line for line in read_json_lines(outcome.folder / "predictions.jsonl")}
    answers = json.loads(json.dumps(rpt.load(outcome.folder).predict(sample_rows("CB")["val"][:24])))
    for line in answers:
        if line["idx"] in own:
            assert line["scores"] == pytest.approx(own[line["idx"]]["scores"], abs=1e-5)
    assert replay(outcome.folder).is_identical


def test_a_limit_on_the_selecting_rows_is_a_warning(limited):
    record = limited("limit_val_batches=1").record
    [warning] = [line for line in record.warnings if "limit_val_batches" in line]
    assert f" of {record.data.rows.held_out} rows selected the checkpoint" in warning
    assert record.data.rows.reported == 24


@pytest.mark.parametrize("flags", [[], ["limit_test_batches=1.0", "limit_val_batches=1000"]])
def test_a_run_on_all_rows_has_no_such_warning_and_no_second_count(flags, limited):
    record = limited(*flags).record
    assert (record.data.rows.reported, record.data.rows.validation) == (24, None)
    assert not [line for line in record.warnings if "limit_" in line]
    assert "validation" not in record.values()["data"]["rows"]
