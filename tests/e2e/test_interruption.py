"""A signal ends a training with a checkpoint of its last step, and the resumed run ends with the same bytes."""

import json
import math
import os
import signal
from itertools import count

import pytest
import torch

from rpt.runs import train
from rpt.scoring.head import HeadScorer
from rpt.system import interruption
from rpt.tracking import callback, checkpoint
from rpt.training.module import PromptTuner
from tests.support.resuming import contents, only_run

SMALL = "trainer.token_budget=300"  # a step has several forward passes


@pytest.fixture(autouse=True)
def _default_handlers():
    """Set Python's default signal handlers, because a shell that starts the tests in the background ignores SIGINT."""
    defaults = dict.fromkeys(ENDS, signal.SIG_DFL) | {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def at_forward(monkeypatch):
    """Call a function before the n-th later forward pass of training (`losses`) or of evaluation (`score`)."""

    def do(part, number, action):
        owner = HeadScorer if part == "losses" else PromptTuner
        act, calls = getattr(owner, part), count(1)

        def acting(*arguments):
            if next(calls) == number:
                action()
            return act(*arguments)

        monkeypatch.setattr(owner, part, acting)

    return do


def send(number, times=1):
    for _ in range(times):
        os.kill(os.getpid(), number)


def record(folder):
    return json.loads((folder / "run.json").read_text())


def counts(folder):
    """Return the numbers of steps and epochs in the last checkpoint."""
    state = torch.load(folder / "last.ckpt", weights_only=True)
    return state["steps_done"], state["epochs_done"]


ENDS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit, signal.SIGHUP: SystemExit}
ERRORS = {
    signal.SIGINT: "KeyboardInterrupt",
    signal.SIGTERM: "SystemExit: 143",
    signal.SIGHUP: "SystemExit: 129",
}


@pytest.mark.slow
@pytest.mark.parametrize("number", ENDS)
def test_a_signal_writes_a_checkpoint_from_which_the_run_resumes(number, stateful, stop, tmp_path):
    whole = train([stateful("whole")])[0]
    handlers = [signal.getsignal(other) for other in ENDS]
    stop([10], lambda: send(number))
    with pytest.raises(ENDS[number]):
        train([stateful("stopped")])
    stopped = record(only_run(tmp_path, "stopped"))
    assert (stopped["status"], stopped["error"]) == ("interrupted", ERRORS[number])
    assert counts(only_run(tmp_path, "stopped")) == (10, 2)  # the last scheduled checkpoint was after step 8
    assert [signal.getsignal(other) for other in ENDS] == handlers
    resumed = train([stateful("stopped")])[0]
    assert contents(resumed.folder) == contents(whole.folder)
    assert resumed.record.resumed_step == 10
    assert len(resumed.record.resumed) == 1
    assert resumed.record.started == stopped["started"]


@pytest.mark.slow
@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_pack_resumes_from_the_step_in_which_ctrl_c_was_pressed(exact, stateful, stop):
    def pair(folder):
        own = ["trainer.epochs=3", "backbone.dropout=false", f"packing.exact={exact}"]
        return [stateful(folder, *own, f"seed={seed}") for seed in (0, 1)]

    whole = train(pair("whole"))
    stop([2], lambda: send(signal.SIGINT))  # before the first scheduled checkpoint
    with pytest.raises(KeyboardInterrupt):
        train(pair("stopped"))
    resumed = train(pair("stopped"))
    for outcome, expected in zip(resumed, whole, strict=True):
        assert outcome.record.resumed_step == 2
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_a_step_that_a_signal_interrupts_is_repeated_after_the_resume(stateful, at_forward, tmp_path):
    whole = train([stateful("whole", SMALL)])[0]
    at_forward("losses", 40, lambda: send(signal.SIGTERM))
    with pytest.raises(SystemExit):
        train([stateful("stopped", SMALL)])
    steps, _ = counts(only_run(tmp_path, "stopped"))
    assert len((only_run(tmp_path, "stopped") / "metrics.csv").read_text().splitlines()) > steps > 0
    assert contents(train([stateful("stopped", SMALL)])[0].folder) == contents(whole.folder)


@pytest.mark.slow
def test_an_evaluation_that_a_signal_interrupts_is_repeated_after_the_resume(stateful, at_forward, tmp_path):
    small = "trainer.eval_token_budget=100"  # an evaluation has several forward passes
    whole = train([stateful("whole", small)])[0]
    at_forward("score", 1, lambda: send(signal.SIGTERM))
    with pytest.raises(SystemExit):
        train([stateful("stopped", small)])
    assert counts(only_run(tmp_path, "stopped")) == (4, 0)  # the epoch is not counted before its evaluation
    resumed = train([stateful("stopped", small)])[0]
    assert resumed.record.resumed_step == 4
    assert contents(resumed.folder) == contents(whole.folder)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(stateful, stop, tmp_path, capfd):
    whole = train([stateful("whole")])[0]
    stop([10], lambda: send(signal.SIGINT, times=2))
    with pytest.raises(SystemExit):  # Lightning turns the KeyboardInterrupt into a SystemExit
        train([stateful("stopped")])
    assert capfd.readouterr().err.count("Ctrl-C again stops at once") == 1
    assert record(only_run(tmp_path, "stopped"))["status"] == "interrupted"
    assert counts(only_run(tmp_path, "stopped")) == (8, 2)
    assert contents(train([stateful("stopped")])[0].folder) == contents(whole.folder)


def test_a_signal_ends_a_hanging_step_after_the_grace_period(stateful, at_forward, tmp_path, monkeypatch):
    monkeypatch.setattr(interruption, "GRACE_SECONDS", 0.2)

    def hang():
        send(signal.SIGTERM)
        signal.pause()  # waits until the next signal

    at_forward("losses", 10, hang)
    with pytest.raises(SystemExit):
        train([stateful("stopped")])
    assert record(only_run(tmp_path, "stopped"))["status"] == "interrupted"


@pytest.mark.slow
def test_the_signal_handler_of_a_launcher_is_called_after_a_checkpoint_and_training_goes_on(stateful, stop, tmp_path):
    whole, seen = train([stateful("whole")])[0], []

    def requeue(number, frame):
        seen.append(counts(only_run(tmp_path, "warned")))

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        stop([10], lambda: send(signal.SIGUSR2))
        warned = train([stateful("warned")])[0]
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert seen == [(10, 2)]
    assert not warned.record.resumed
    assert contents(warned.folder) == contents(whole.folder)


def broken():
    raise RuntimeError("something broke")


@pytest.fixture
def at_every_step(monkeypatch):
    """Override that writes a checkpoint by time after each step."""
    monkeypatch.setattr(callback, "MOST_SHARE", math.inf)
    return "trainer.checkpoint_seconds=1e-9"


@pytest.mark.slow
def test_checkpoints_are_written_by_time(at_every_step, stateful, stop, tmp_path):
    whole = train([stateful("whole")])[0]
    stop([10], broken)
    with pytest.raises(RuntimeError, match="something broke"):
        train([stateful("stopped", at_every_step)])
    assert counts(only_run(tmp_path, "stopped")) == (10, 2)
    assert contents(train([stateful("stopped")])[0].folder) == contents(whole.folder)


def test_checkpoints_by_time_take_a_small_share_of_the_training_time(stateful, monkeypatch):
    saved, save = [], checkpoint.save
    monkeypatch.setattr(
        checkpoint, "save", lambda folder, state: [saved.append(state["steps_done"]), save(folder, state)]
    )
    monkeypatch.setattr(callback, "MOST_SHARE", 1e-9)  # after the first checkpoint by time, the share is used up
    train([stateful("runs", "trainer.checkpoint_seconds=1e-9", "trainer.checkpoint_steps=100", "trainer.epochs=2")])
    assert saved == [1, 4, 8]


@pytest.mark.slow
def test_an_evaluation_that_failed_after_a_checkpoint_by_time_is_repeated_after_the_resume(
    at_every_step, stateful, at_forward, tmp_path
):
    whole = train([stateful("whole")])[0]
    at_forward("score", 2, broken)  # the evaluation of the second epoch
    with pytest.raises(RuntimeError, match="something broke"):
        train([stateful("stopped", at_every_step)])
    assert counts(only_run(tmp_path, "stopped")) == (8, 1)
    assert contents(train([stateful("stopped")])[0].folder) == contents(whole.folder)


@pytest.mark.slow  # about 8 s
@pytest.mark.parametrize("number", [8, 9, 10, 11])
def test_a_pack_that_failed_between_the_checkpoints_of_its_runs_resumes_from_the_older_step(
    number, at_every_step, stateful, monkeypatch
):
    """The first epoch has ten checkpoints: 1 to 8 by time, two for each step, and 9 and 10 after the evaluation."""

    def pair(folder):
        return [stateful(folder, at_every_step, "packing.exact=true", f"seed={seed}") for seed in (0, 1)]

    whole, save, calls = train(pair("whole")), checkpoint.save, count(1)

    def saving(folder, state):
        if next(calls) == number:
            broken()
        save(folder, state)

    monkeypatch.setattr(checkpoint, "save", saving)
    with pytest.raises(RuntimeError, match="something broke"):
        train(pair("stopped"))
    for outcome, expected in zip(train(pair("stopped")), whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)
