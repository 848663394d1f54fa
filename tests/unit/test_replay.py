"""A run of a pack is trained again alone, and the differences are said."""

import json
import shutil

import pytest

from rpt.errors import ConfigError
from rpt.replay import compare, replay, report
from rpt.train import train


@pytest.fixture
def packed(configure, tiny_cb):
    """Two runs that were trained together, each with bits of its own."""
    shared = [*tiny_cb, "packing.exact=true", "trainer.epochs=1"]
    return [outcome.folder for outcome in train([configure(*shared), configure(*shared, "seed=1", "lr=0.1")])]


def test_a_run_of_an_exact_pack_comes_out_the_same_alone(packed):
    before = {path.name: path.read_bytes() for path in packed[0].iterdir() if path.is_file()}
    found = replay(packed[0])
    assert found.curve == {"train/loss": 0.0, "held_out/loss": 0.0}
    assert (found.prompt, found.same_answers) == (0.0, 1.0)
    assert all(then == now for then, now in found.scores.values())
    assert {path.name: path.read_bytes() for path in packed[0].iterdir() if path.is_file()} == before
    assert "100.0% the same" in report(found)


def test_what_differs_is_said(packed):
    found = compare(packed[0], packed[1])
    assert found.curve["train/loss"] > 0
    assert found.prompt > 0
    assert "prompt           differs by" in report(found)


def test_what_is_no_finished_run_is_refused(packed, tmp_path):
    with pytest.raises(ConfigError, match=rf"^replay = {tmp_path}: holds no record of a run"):
        replay(tmp_path)
    record = json.loads((packed[0] / "run.json").read_text())
    shutil.copytree(packed[0], tmp_path / "broken")
    (tmp_path / "broken" / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    with pytest.raises(ConfigError, match=r"is not finished\. Finish it first"):
        replay(tmp_path / "broken")
