"""A training that was interrupted and resumed ends with the same bytes as an uninterrupted training."""

import json
from itertools import count

import pytest
import torch

import rpt.runs
from rpt.errors import CheckpointError
from rpt.runs import train
from rpt.tracking import checkpoint, recorder
from rpt.tracking.record import Record
from tests.support.resuming import RESULT_FILES, contents, only_run


@pytest.fixture
def config(stateful):
    return stateful


def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.fixture
def stop_saving(monkeypatch):
    """Raise an OSError at the n-th later checkpoint, instead of writing the checkpoint or after writing it."""
    save = checkpoint.save

    def at(number, *, after):
        calls = count(1)

        def saving(folder, state):
            is_now = next(calls) == number
            if is_now and not after:
                raise OSError("pulled the plug")
            save(folder, state)
            if is_now:
                raise OSError("pulled the plug")

        monkeypatch.setattr(checkpoint, "save", saving)

    return at


def raise_error():
    raise RuntimeError("something broke")


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_different_seeds_different_bytes(config):
    runs = (("one", 0), ("two", 0), ("three", 1))
    first, second, other = (train([config(folder, f"seed={seed}")])[0] for folder, seed in runs)
    assert contents(first.folder) == contents(second.folder)
    assert all(contents(first.folder)[name] != contents(other.folder)[name] for name in RESULT_FILES)


def test_a_training_that_failed_at_several_steps_resumes_to_the_same_bytes(config, stop, tmp_path):
    whole = train([config("whole")])[0]
    # Before the first checkpoint, at the start and in the middle of an epoch, after a checkpoint, and at the last step.
    steps = [2, 4, 9, 14, 19]
    stop(steps, raise_error)
    for _ in steps:
        with pytest.raises(RuntimeError, match="something broke"):
            train([config("broken")])
        assert record(only_run(tmp_path, "broken"))["status"] == "interrupted"
    resumed = train([config("broken")])[0]
    assert contents(resumed.folder) == contents(whole.folder)
    assert len(resumed.record.resumed) == 4  # the first failure was before the first checkpoint
    for key in ("scores", "best", "steps", "tokens", "loss"):
        assert getattr(resumed.record, key) == getattr(whole.record, key), key
    assert resumed.record.error is None


@pytest.mark.slow
def test_a_training_of_a_prompt_before_a_later_layer_resumes_to_the_same_bytes(config, stop):
    layer = ("backbone.prompt_layer=1", "backbone.dropout=false")
    whole = train([config("whole", *layer)])[0]
    stop([9], raise_error)
    with pytest.raises(RuntimeError, match="something broke"):
        train([config("broken", *layer)])
    resumed = train([config("broken", *layer)])[0]
    assert len(resumed.record.resumed) == 1
    assert contents(resumed.folder) == contents(whole.folder)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_training_that_failed_at_a_checkpoint_resumes_to_the_same_bytes(after, config, stop_saving):
    whole = train([config("whole")])[0]
    for number in (1, 2, 3):
        stop_saving(number, after=after)
        with pytest.raises(OSError, match="plug"):
            train([config("broken")])
    assert contents(train([config("broken")])[0].folder) == contents(whole.folder)


@pytest.mark.slow  # about 8 s each
@pytest.mark.parametrize("after", [False, True])
def test_a_pack_with_checkpoints_of_two_steps_resumes_from_the_older_step(after, config, stop_saving):
    def pair(folder):
        return [config(folder, "prompt.length=4"), config(folder, "encoder=mlp", "seed=1")]

    whole = train(pair("whole"))
    for number in (1, 2, 3, 5, 6):  # each checkpoint of the pack is written in two parts, one for each run
        stop_saving(number, after=after)
        with pytest.raises(OSError, match="plug"):
            train(pair("broken"))
    for outcome, expected in zip(train(pair("broken")[::-1])[::-1], whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_a_pack_that_failed_between_the_results_of_two_runs_keeps_the_finished_run(config, monkeypatch):
    pair = [config("broken"), config("broken", "seed=1")]
    whole = train([config("whole"), config("whole", "seed=1")])
    write, calls = rpt.runs.write_results, count()

    def breaking(*arguments):
        if next(calls) == 1:
            raise_error()
        return write(*arguments)

    monkeypatch.setattr(rpt.runs, "write_results", breaking)
    with pytest.raises(RuntimeError, match="something broke"):
        train(pair)
    resumed = train(pair)
    assert not resumed[0].record.resumed
    assert resumed[1].record.resumed
    for outcome, expected in zip(resumed, whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)
        assert outcome.record.pack == expected.record.pack


@pytest.mark.slow
def test_half_of_an_interrupted_pack_is_refused_and_the_whole_pack_resumes(config, stop):
    pair, whole = [config("runs"), config("runs", "seed=1")], train([config("whole"), config("whole", "seed=1")])
    stop([9], raise_error)
    with pytest.raises(RuntimeError, match="something broke"):
        train(pair)
    with pytest.raises(CheckpointError, match=r"was trained in a pack with other runs\. Sweep the same points again"):
        train(pair[:1])
    with pytest.raises(CheckpointError, match="was trained in a pack"):
        train([pair[0], config("runs", "seed=1", "rerun=true")])
    for outcome, expected in zip(train(pair), whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_an_interrupted_run_and_a_new_run_can_be_trained_by_one_call(config, stop):
    whole = [train([config("whole", f"seed={seed}")])[0] for seed in (0, 1)]
    stop([9], raise_error)
    with pytest.raises(RuntimeError, match="something broke"):
        train([config("runs")])
    both = train([config("runs"), config("runs", "seed=1")])
    assert [bool(outcome.record.resumed) for outcome in both] == [True, False]
    for outcome, expected in zip(both, whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again_and_no_file_is_changed(config, stop, capsys):
    folder = train([config("runs")])[0].folder
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != ".lock"}
    capsys.readouterr()
    stop(range(20), raise_error)
    again = train([config("runs")])[0]
    assert again.record == Record.read(folder)
    assert "this run is finished; nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != ".lock"} == before


@pytest.mark.slow
def test_rerun_trains_again_and_keeps_the_old_files(config):
    first = train([config("runs")])[0]
    old = {path.name: path.read_bytes() for path in first.folder.iterdir() if path.name != ".lock"}
    again = train([config("runs", "rerun=true")])[0]
    assert again.folder == first.folder
    kept = first.folder / "superseded" / "1"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == old
    assert contents(again.folder) == contents(kept)
    assert not again.record.resumed
    train([config("runs", "rerun=true")])
    assert sorted(path.name for path in (first.folder / "superseded").iterdir()) == ["1", "2"]


@pytest.mark.slow
def test_a_resume_with_another_number_of_threads_adds_a_warning_to_the_record(config, stop, monkeypatch):
    stop([5, 10], raise_error)
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        with pytest.raises(RuntimeError, match="something broke"):
            train([config("runs")])
    done = train([config("runs")])[0]
    assert done.record.status == "finished"
    cause = "resumed on another machine or with other versions"
    assert f"{cause}, so not exact to the last bit: threads 1 -> 3" in done.record.warnings


@pytest.mark.slow
def test_a_resume_by_another_version_of_rpt_adds_a_warning_to_the_record(config, stop, monkeypatch):
    stop([5, 10], raise_error)
    for version in ("0.1.0", "0.2.0"):
        monkeypatch.setattr(recorder, "version", lambda package, version=version: version)
        with pytest.raises(RuntimeError, match="something broke"):
            train([config("runs")])
    done = train([config("runs")])[0]
    assert done.record.warnings.count("resumed by another version of rpt: 0.1.0 -> 0.2.0") == 1
    assert not any("0.2.0 -> 0.2.0" in text for text in done.record.warnings)


@pytest.mark.slow
def test_a_checkpoint_without_a_version_is_resumed_without_a_warning(config, stop, tmp_path):
    stop([5], raise_error)
    with pytest.raises(RuntimeError, match="something broke"):
        train([config("runs")])
    path = only_run(tmp_path, "runs") / "last.ckpt"
    state = torch.load(path, weights_only=True)
    del state["recorder"]["rpt"]
    torch.save(state, path)
    assert not any("version of rpt" in text for text in train([config("runs")])[0].record.warnings)


def test_a_resume_without_the_curve_is_refused(config, stop, tmp_path):
    stop([5], raise_error)
    with pytest.raises(RuntimeError, match="something broke"):
        train([config("runs")])
    (only_run(tmp_path, "runs") / "metrics.csv").unlink()
    with pytest.raises(CheckpointError, match=r"is shorter than when the checkpoint was written.*rerun=true"):
        train([config("runs")])
