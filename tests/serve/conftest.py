"""Finished runs over one tiny backbone, and the application that serves them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import rpt
from rpt.predict.predictor import Predictor
from rpt.serve.app import create_app
from rpt.trained import TrainedRun
from tests.support.samples import sample_rows
from tests.support.served import train_runs

NUM_PROMPTS = 8


@pytest.fixture(scope="session")
def folder(tiny_bert: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with eight runs of CB that have prompts of different lengths, one run of WSC and one run of MultiRC."""
    seeds = [[f"seed={seed}", f"prompt.length={3 + seed % 2}"] for seed in range(NUM_PROMPTS)]
    nested = [["task=wsc"], ["task=multirc", "data.max_rows=4"]]
    return train_runs(tmp_path_factory.mktemp("served"), tiny_bert, [*seeds, *nested])


@pytest.fixture(scope="session")
def runs(folder: Path) -> list[TrainedRun]:
    """The runs of the folder: eight of CB, one of MultiRC, one of WSC."""
    paths = [record.parent for record in sorted(folder.glob("*/run.json"))]
    return sorted((rpt.load(path) for path in paths), key=lambda run: run.record.name)


@pytest.fixture(scope="session")
def predictor(runs: list[TrainedRun]) -> Predictor:
    """Predictor of all runs over their common backbone."""
    return Predictor(runs)


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    """Client of an application with all runs."""
    with TestClient(create_app(predictor)) as client:
        yield client


@pytest.fixture(scope="session")
def names(runs: list[TrainedRun]) -> list[str]:
    """Names of the eight runs of CB."""
    return [run.record.name for run in runs if run.config.task.name == "cb"]


@pytest.fixture(scope="session")
def rows() -> list[dict]:
    """Rows of CB without labels."""
    return [{"premise": row["premise"], "hypothesis": row["hypothesis"]} for row in sample_rows("CB")["val"]]
