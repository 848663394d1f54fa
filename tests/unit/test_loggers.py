"""Loggers show a run's curve elsewhere; its numbers never depend on them."""

import json
import struct

import pytest

from rpt.tracking import loggers
from rpt.train import train

EPOCHS, STEPS = 2, 8


@pytest.fixture(scope="module")
def plain_curve(tiny_bert, tiny_cb, tmp_path_factory):
    """metrics.csv of a run without any logger."""
    from rpt.check import check
    from rpt.config import compose

    root = tmp_path_factory.mktemp("plain")
    overrides = [*tiny_bert, *tiny_cb, f"output_dir={root}", f"trainer.epochs={EPOCHS}", "logger=[]"]
    return (train([check(compose(overrides))])[0].folder / "metrics.csv").read_bytes()


def records(path):
    """The records of a W&B file: LevelDB's log format, one protobuf message each."""
    from wandb.proto import wandb_internal_pb2 as protocol

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            record = protocol.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def items(entries):
    return {entry.key or "/".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


def test_without_loggers_the_curve_is_written(plain_curve):
    assert len(plain_curve.splitlines()) == 1 + STEPS + EPOCHS


def test_wandb_writes_an_offline_run_with_name_group_config_and_summary(
    configure, tiny_cb, plain_curve, monkeypatch, tmp_path
):
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb"))
    outcome = train([configure(*tiny_cb, "logger=[wandb]", "group=study")])[0]
    assert outcome.record["warnings"] == [text for text in outcome.record["warnings"] if "logger" not in text]
    [path] = outcome.folder.glob("wandb/offline-run-*/*.wandb")
    found = list(records(path))
    [run] = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    assert (run.display_name, run.run_group, run.project) == (outcome.folder.name, "study", "rpt")
    config = items(run.config.update)
    assert (config["lr"], config["encoder"]["bottleneck_dim"], config["data_source"]) == (0.01, 128, "jsonl")
    history = [items(record.history.item) for record in found if record.WhichOneof("record_type") == "history"]
    losses = [row["train/loss"] for row in history if "train/loss" in row]
    assert losses == [float(line.split(b",")[2]) for line in plain_curve.splitlines()[1:] if line.split(b",")[2]]
    assert [row["step"] for row in history if "held_out/score" in row] == [4, 8]
    summary = {}
    for record in found:
        if record.WhichOneof("record_type") == "summary":
            summary |= items(record.summary.update)
    assert summary["status"] == "finished"
    assert {name: summary[name] for name in outcome.record["scores"]} == outcome.record["scores"]
    assert (outcome.folder / "metrics.csv").read_bytes() == plain_curve


def test_tensorboard_writes_a_file_that_its_reader_reads(configure, tiny_cb, plain_curve):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = train([configure(*tiny_cb, "logger=[tensorboard]")])[0]
    reader = EventAccumulator(str(outcome.folder / "tensorboard"))
    reader.Reload()
    losses = [(event.step, event.value) for event in reader.Scalars("train/loss")]
    expected = [float(line.split(b",")[2]) for line in plain_curve.splitlines()[1:] if line.split(b",")[2]]
    assert losses == list(enumerate(map(pytest.approx, expected), start=1))
    assert [event.step for event in reader.Scalars("held_out/score")] == [4, 8]
    assert reader.Scalars("summary/score")[0].value == pytest.approx(outcome.score)
    assert (outcome.folder / "metrics.csv").read_bytes() == plain_curve


@pytest.mark.parametrize("place", ["init", "log", "finish"])
def test_a_logger_that_raises_is_dropped_with_a_warning_and_changes_no_bit(
    place, configure, tiny_cb, plain_curve, monkeypatch
):
    calls = []

    class Broken:
        def __init__(self, section, folder, record):
            self.act("init")

        def act(self, now):
            calls.append(now)
            if now == place:
                raise ConnectionError("no route to host")

        def log(self, values):
            self.act("log")

        def finish(self, summary, *, succeeded):
            self.act("finish")

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Broken)
    outcome = train([configure(*tiny_cb, "logger=[tensorboard]")])[0]
    warning = "logger tensorboard failed and was dropped: ConnectionError: no route to host"
    assert outcome.record["warnings"].count(warning) == 1
    assert calls.count(place) == 1
    assert outcome.record["status"] == "finished"
    assert (outcome.folder / "metrics.csv").read_bytes() == plain_curve


def test_each_run_of_a_pack_has_its_own_logger(configure, tiny_cb, monkeypatch):
    ends = []

    class Spy:
        def __init__(self, section, folder, record):
            self.name, self.steps = record["name"], []

        def log(self, values):
            self.steps.append(values["step"])

        def finish(self, summary, *, succeeded):
            ends.append((self.name, self.steps, summary["score"], succeeded))

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Spy)
    outcomes = train([configure(*tiny_cb, "logger=[tensorboard]", f"seed={seed}") for seed in (0, 1)])
    steps = [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]
    assert ends == [(outcome.folder.name, steps, outcome.score, True) for outcome in outcomes]
