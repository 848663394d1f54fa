"""What every task keeps; options are discovered, so a new YAML is tested at once."""

from pathlib import Path

import pytest

from rpt.build import build_source, build_splits
from rpt.check import check
from rpt.config import compose
from rpt.data.samples import GENERATORS
from rpt.train import train

TASKS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
each_task = pytest.mark.parametrize("task", TASKS)


def test_every_task_has_sample_rows_and_the_other_way_round():
    assert len(TASKS) >= 3
    assert sorted(GENERATORS) == TASKS


@each_task
def test_its_sample_rows_are_examples_with_every_label(task):
    config = check(compose([f"task={task}"]))
    source = build_source(config)
    assert source.version == GENERATORS[task].version
    splits = build_splits(config, source)
    for rows, least in ((splits.train, 300), (splits.held_out, 75), (splits.reported, 200)):
        assert len(rows) >= least
        assert {row.target for row in rows} == set(range(len(config.task.labels)))
        assert all(row.choices == config.task.choices for row in rows)


@each_task
def test_its_formats_drop_no_field(task):
    config = check(compose([f"task={task}"]))
    template = config.task.formats.encoder.first + config.task.formats.encoder.second
    assert all(f"{{{field}}}" in template for field in config.task.fields)


@each_task
def test_it_trains_and_reports_its_own_metrics(task, configure):
    [outcome] = train([configure(f"task={task}", "trainer.epochs=1", "trainer.batch_size=64")])
    assert outcome.record["status"] == "finished"
    assert outcome.record["data"]["source"] == "sample"
    assert set(outcome.record["scores"]) == {"score", *outcome.record["config"]["task"]["metrics"]}
    assert outcome.record["majority"]["accuracy"] == pytest.approx(0.5)
