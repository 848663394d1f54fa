"""Loggers receive a run's curve, and cannot change the run's numbers."""

import json
from pathlib import Path

import pytest
from lightning.pytorch.loggers import Logger

from rpt.errors import StorageError
from rpt.runs import train
from rpt.tracking import loggers
from rpt.tracking.folder import RunFolder

EPOCHS, STEPS = 2, 8


class Partial(Logger):
    """Logger of a third party that writes each step to `logged.txt`, and raises in one of its methods."""

    name = version = "partial"

    def __init__(self, save_dir: str, raises_in: str) -> None:
        super().__init__()
        self.path = Path(save_dir, "logged.txt")
        self.raises_in = raises_in

    def raise_in(self, method):
        if self.raises_in == method:
            raise ConnectionError(f"no route to host in {method}")

    def log_hyperparams(self, params, *args, **kwargs):
        self.raise_in("log_hyperparams")

    def log_metrics(self, metrics, step=None):
        self.raise_in("log_metrics")
        with self.path.open("a") as file:
            print(step, file=file)

    def finalize(self, status):
        self.raise_in("finalize")


@pytest.fixture(scope="module")
def plain_curve(tiny_bert, tiny_cb, tmp_path_factory):
    """Content of metrics.csv of a run without loggers."""
    from rpt.config.check import check
    from rpt.config.compose import compose

    root = tmp_path_factory.mktemp("plain")
    overrides = [*tiny_bert, *tiny_cb, f"output_dir={root}", f"trainer.epochs={EPOCHS}", "logger=[]"]
    return (train([check(compose(overrides))])[0].folder / "metrics.csv").read_bytes()


def test_without_loggers_the_curve_is_written(plain_curve):
    assert len(plain_curve.splitlines()) == 1 + STEPS + EPOCHS


def test_the_file_of_tensorboard_has_curve_scores_and_hyperparameters(configure, tiny_cb, plain_curve):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    outcome = train([configure(*tiny_cb, "logger=[tensorboard]")])[0]
    reader = EventAccumulator(str(outcome.folder / "tensorboard"))
    reader.Reload()
    losses = [(event.step, event.value) for event in reader.Scalars("train/loss")]
    expected = [float(line.split(b",")[2]) for line in plain_curve.splitlines()[1:] if line.split(b",")[2]]
    assert losses == list(enumerate(map(pytest.approx, expected), start=1))
    assert [event.step for event in reader.Scalars("held_out/score")] == [4, 8]
    assert reader.Scalars("summary/score")[0].value == pytest.approx(outcome.score)
    assert reader.Scalars("summary/failed")[0].value == (outcome.score <= outcome.record.majority["score"])
    [config_text] = reader.Tensors("config/text_summary")
    assert '"bottleneck_dim": 128' in config_text.tensor_proto.string_val[0].decode()
    [started] = [tag for tag in reader.PluginTagToContent("hparams") if tag.endswith("session_start_info")]
    content = plugin_data_pb2.HParamsPluginData.FromString(reader.PluginTagToContent("hparams")[started])
    hyperparameters = content.session_start_info.hparams
    assert (hyperparameters["lr"].number_value, hyperparameters["encoder"].string_value) == (0.3, "residual")
    assert hyperparameters["encoder.bottleneck_dim"].number_value == 128
    assert (outcome.folder / "metrics.csv").read_bytes() == plain_curve


@pytest.mark.slow
@pytest.mark.parametrize("method", ["init", "log", "finish"])
def test_a_logger_that_raises_is_dropped_with_a_warning_and_does_not_change_the_curve(
    method, configure, tiny_cb, plain_curve, monkeypatch
):
    calls = []

    class Broken:
        def __init__(self, section, folder, record):
            self.act("init")

        def act(self, now):
            calls.append(now)
            if now == method:
                raise ConnectionError("no route to host")

        def log(self, values):
            self.act("log")

        def finish(self, record, *, succeeded):
            self.act("finish")

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Broken)
    outcome = train([configure(*tiny_cb, "logger=[tensorboard]")])[0]
    warning = "logger tensorboard failed and was dropped: ConnectionError: no route to host"
    assert outcome.record.warnings.count(warning) == 1
    assert calls.count(method) == 1
    assert outcome.record.status == "finished"
    assert json.loads((outcome.folder / "run.json").read_text())["warnings"].count(warning) == 1
    assert (outcome.folder / "metrics.csv").read_bytes() == plain_curve


@pytest.mark.slow
@pytest.mark.parametrize("num_runs", [1, 2])
@pytest.mark.parametrize("method", ["log_hyperparams", "log_metrics", "finalize"])
def test_a_lightning_logger_that_raises_is_dropped_only_from_its_own_run(
    method, num_runs, configure, tiny_cb, plain_curve
):
    logger = "+logger.mine={_target_:tests.tracking.test_loggers.Partial,raises_in:"
    methods = [method, "none"][:num_runs]
    configs = [configure(*tiny_cb, f"{logger}{name}}}", f"seed={seed}") for seed, name in enumerate(methods)]
    broken, *healthy = [outcome.check() for outcome in train(configs)]
    [warning] = logger_warnings(broken)
    assert warning.startswith("logger mine failed and was dropped: ")
    assert f"ConnectionError: no route to host in {method}" in warning
    num_lines = STEPS + EPOCHS + 1  # a line for each step and evaluation, and for the summary
    assert len(logged_steps(broken)) == (num_lines if method == "finalize" else 0)
    for outcome in healthy:
        assert logger_warnings(outcome) == []
        assert len(logged_steps(outcome)) == num_lines
    if not healthy:
        assert (broken.folder / "metrics.csv").read_bytes() == plain_curve


def logger_warnings(outcome):
    record = json.loads((outcome.folder / "run.json").read_text())
    assert record["status"] == "finished"
    return [warning for warning in record["warnings"] if "logger" in warning]


def logged_steps(outcome):
    file = outcome.folder / "logged.txt"
    return file.read_text().split() if file.exists() else []


@pytest.mark.slow
def test_each_run_of_a_pack_has_its_own_logger(configure, tiny_cb, monkeypatch):
    ends = []

    class Spy:
        def __init__(self, section, folder, record):
            self.name, self.steps = record.name, []

        def log(self, values):
            self.steps.append(values["step"])

        def finish(self, record, *, succeeded):
            ends.append((self.name, self.steps, record.scores["score"], succeeded))

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Spy)
    outcomes = train([configure(*tiny_cb, "logger=[tensorboard]", f"seed={seed}") for seed in (0, 1)])
    steps = [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]
    assert ends == [(outcome.folder.name, steps, outcome.score, True) for outcome in outcomes]


def test_when_a_logger_is_finished_all_files_of_the_run_are_written(configure, tiny_cb, monkeypatch):
    seen = {}

    class Spy:
        def __init__(self, section, folder, record):
            self.folder = folder

        def log(self, values):
            pass

        def finish(self, record, *, succeeded):
            seen.update({file.name: file.read_bytes() for file in self.folder.results()})

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Spy)
    folder = train([configure(*tiny_cb, "logger=[tensorboard]", "backbone.prompt_at=front")])[0].folder
    assert seen == {path.name: path.read_bytes() for path in folder.rglob("*") if path.name in seen}
    names = """run.json metrics.csv predictions.jsonl diagnostics.json prompt.safetensors head.safetensors
        adapter_config.json adapter_model.safetensors"""
    assert set(seen) == set(names.split())


def test_a_logger_is_finished_without_success_if_the_record_cannot_be_written(configure, tiny_cb, monkeypatch):
    ends = []

    class Spy:
        def __init__(self, section, folder, record):
            pass

        def log(self, values):
            pass

        def finish(self, record, *, succeeded):
            ends.append(succeeded)

    write = RunFolder.write_record

    def full(folder, record):
        if record.status != "running":
            raise StorageError("the disk is full")
        write(folder, record)

    monkeypatch.setitem(loggers.KINDS, "tensorboard", Spy)
    monkeypatch.setattr(RunFolder, "write_record", full)
    with pytest.raises(StorageError, match="the disk is full"):
        train([configure(*tiny_cb, "logger=[tensorboard]")])
    assert ends == [False]
