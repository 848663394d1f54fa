"""A report names the runs that successive halving has stopped, and includes them in no number."""

import json
import shutil

from rpt.report.read.collect import collect
from tests.support.report_fixture import write_run


def add_halving(folder, facts):
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "halving": facts}))


def test_runs_that_halving_has_stopped_are_in_no_number_and_the_notes_name_the_selection(tmp_path):
    kept = write_run(tmp_path, "lr=0.1")
    stopped = [write_run(tmp_path, f"lr={rate}", status="stopped") for rate in (0.2, 0.3)]
    for folder, epoch in zip(stopped, (2, 3), strict=True):
        stop = {"rung": 1, "rungs": 3, "epoch": epoch, "keep": 0.5, "rank": 4, "competitors": 6, "score": 0.25}
        add_halving(folder, stop)
    study = collect(tmp_path)
    assert [run.folder for run in study.runs] == [kept]
    assert study.unfinished == {}
    assert study.stopped[stopped[0]] == "stopped at rung 1 of 3, epoch 2, as rank 4 of 6, held-out score 0.250"
    assert study.notes[0].startswith(
        "Successive halving stopped 2 of 3 runs before their last epoch (1 after epoch 2, 1 after epoch 3). No number"
    )
    add_halving(kept, {"rungs": 3, "keep": 0.5})
    shutil.rmtree(stopped[0])
    shutil.rmtree(stopped[1])
    assert collect(tmp_path).notes[0].startswith("1 of 1 runs finished in a sweep with successive halving, and")
