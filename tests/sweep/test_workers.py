"""The pack of a lost worker is submitted again a limited number of times."""

from collections import Counter
from pathlib import Path

import pytest

from rpt.sweep.executors.workers import LostWorker, run_packs
from rpt.sweep.point import Point, Result

PACK = [Point(3, {}, "lr=1"), Point(4, {}, "lr=2")]
DIES = LostWorker("killed", Path("worker.log"))
HELD = [Result(point.number, "interrupted", error="another trains it", is_held=True) for point in PACK]


class ScriptedPool:
    """Pool of workers whose jobs end with given results."""

    def __init__(self, *ends):
        self.ends = list(ends)

    def submit(self, packs):
        return list(range(len(packs)))

    def poll(self, job):
        return self.ends.pop(0)


@pytest.fixture
def run_pack():
    """Run the pack on workers with given results, and return the results that were reported."""
    losses = Counter()

    def start(*ends):
        pool, reported = ScriptedPool(*ends), []
        run_packs(pool, [PACK], reported.append, retries=2, losses=losses, at_once=None, pause=0.0)
        assert pool.ends == []
        return reported

    return start


def test_a_pack_is_interrupted_when_its_tries_are_used(run_pack, capsys):
    reported = run_pack(DIES, DIES, DIES)
    assert [(result.number, result.status, result.is_held) for result in reported] == [
        (3, "interrupted", False),
        (4, "interrupted", False),
    ]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("; ")[-1] for line in lines] == [
        "its 2 points will be trained again, tries left: 1",
        "its 2 points will be trained again, tries left: 0",
    ]


def test_a_pack_that_another_process_trained_meanwhile_keeps_its_number_of_tries(run_pack):
    assert run_pack(DIES, HELD) == HELD
    assert run_pack(DIES, HELD) == HELD
    [first, _] = run_pack(DIES)
    assert first.error.startswith("a worker was lost (killed; its log: worker.log). Run the same command again: ")
