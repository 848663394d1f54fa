"""Every task in `conf/` trains with every prompt encoder, backbone family and scorer in `conf/`.

`python run.py -cn matrix` trains the same combinations with real weights (sweeps/matrix.yaml).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from rpt.backbones.files import FAMILIES
from rpt.config.check import check
from rpt.config.protocol import metrics_of
from rpt.runs import train
from rpt.tracking.record import Record
from tests.support.composed import compose
from tests.support.samples import FOLDER_OF, FOLDERS, TASKS

CONF = Path(__file__).parents[2] / "conf"
BACKBONES = {"encoder": "tiny_bert", "seq2seq": "tiny_t5", "causal": "tiny_llama"}
PASSAGES = ("multirc", "record")
"""Tasks whose release holds many examples in one line."""


def options(group: str, *but: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem not in but)


ENCODERS, SCORERS = options("encoder", "none"), options("scorer", "auto")
LANGUAGE = [(family, scorer) for family in ("seq2seq", "causal") for scorer in SCORERS if scorer != "head"]


@pytest.fixture
def small(request, tmp_path) -> Callable[..., list[str]]:
    """Make the overrides of a training of one epoch over few rows, on the tiny backbone of a family."""

    def make(family: str, task: str, *more: str) -> list[str]:
        backbone = request.getfixturevalue(BACKBONES[family])
        rows = 3 if task in PASSAGES else 16
        few = [f"data.max_rows={rows}", "trainer=debug", "prompt.length=4", f"output_dir={tmp_path}"]
        return [*backbone, f"task={task}", *few, *more]

    return make


def assert_reported(outcome, config) -> None:
    record = Record.read(outcome.folder)
    assert record.status == "finished"
    assert set(record.scores) == {"score", *metrics_of(config)} == set(record.majority)
    assert all(0 <= value <= 1 for value in record.scores.values())
    backbone = record.backbone
    assert backbone.fingerprint_before == backbone.fingerprint_after == backbone.fingerprint_checkpoint
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == record.data.rows.reported


def test_every_family_and_every_option_is_tested():
    assert set(BACKBONES) == set(FAMILIES)
    assert {FOLDER_OF[task] for task in TASKS} == set(FOLDERS)
    assert len(ENCODERS) >= 4
    assert {scorer for _, scorer in LANGUAGE} | {"head"} == set(SCORERS)


@pytest.mark.slow
@pytest.mark.parametrize("family", BACKBONES)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_trains_with_every_encoder_on_every_family(task, family, small):
    configs = [check(compose(small(family, task, f"encoder={encoder}"))) for encoder in ENCODERS]
    for outcome, config in zip(train(configs), configs, strict=True):  # all runs train in one pack
        assert_reported(outcome, config)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "scorer"), LANGUAGE)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_trains_with_every_scorer(task, family, scorer, small):
    config = check(compose(small(family, task, f"scorer={scorer}", "encoder=plain")))
    assert_reported(train([config])[0], config)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_task_trains_with_the_paper_protocol(task, small):
    config = check(compose(small("seq2seq", task, "protocol=paper", "encoder=residual")))
    [outcome] = train([config])
    assert_reported(outcome, config)
    assert config.scorer.name == "generate"
    assert outcome.record.protocol.habits == tuple(config.task.paper.habits)
    assert outcome.record.data.rows.held_out == outcome.record.data.rows.reported
