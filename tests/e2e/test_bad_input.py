"""An error of the user ends with a message, exit code 2, no traceback, and no half-written file."""

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from rpt.config.paths import config_dir
from rpt.config.problems import hinted
from rpt.errors import CheckpointError, ConfigError, DataError, RptError, StorageError, WeightsError
from rpt.runs import train
from rpt.tracking.folder import RunFolder
from tests.support.options import ENCODERS

GOES_ON = "Free some space or set output_dir=DIR, then run the same command again: it continues."
INSTALL = "Install the model again, for a package by make setup, or set backbone.sha256=null"

# Arguments of a command, and the start of the message that it prints.
REFUSED = {
    "encoder=residul": f"encoder = residul: no such option. Did you mean residual? Options: {', '.join(ENCODERS)}.\n",
    "lr=-1 prompt.length=0 data=jsonl": f"data.root = ???: {hinted('data.root', 'needs a value.')}\n"
    "lr = -1: must be greater than 0. Set lr=0.3, the shipped setting.\n"
    "prompt.length = 0: must be greater than 0. Set prompt.length=10, as in the paper's Table 1; for no prompt at "
    "all, encoder=none.\n",
    "lr=${nothing}": "lr: Interpolation key 'nothing' not found. Name a key by its whole dotted path, such as "
    "${seed}, in single quotes.\n",
    "encoder=null": f"encoder=null: a group takes the name of an option. Options: {', '.join(ENCODERS)}.\n",
    "logger=null": "logger=null: a group takes the name of an option. Options: none, tensorboard, wandb.\n",
    "=3": "=3: is not KEY=VALUE. See --help for the groups, --cfg job for every key.\n",
    "-m hydra/launcher=pcked lr=1,2": "hydra/launcher = pcked: no such option. Did you mean packed? Options: basic, ",
    "-m hydra/sweeper=optun lr=1,2": "hydra/sweeper = optun: no such option. Did you mean optuna? Options: basic, ",
    "-m hydra/sweeper=optuna hydra/sweeper/sampler=tpee": "hydra/sweeper/sampler = tpee: no such option. "
    "Did you mean tpe? ",
    "experiment=foo": "experiment = foo: no such option. Options: ablation/frozen_network, ",
    "experiment=paper/t5_base/residual_n11": "experiment = paper/t5_base/residual_n11: no such option. Did you mean "
    "paper/t5_base/residual_n10? ",
    "lr=1,2": "lr=1,2: several values. Add -m for a sweep. Quote a text that has a comma: 'group=\"a,b\"'.\n",
    "-m --cfg job lr=1,2": "lr=1,2: several values. A printed configuration belongs to a single run: give one value.\n",
    "-cn learning": "--config-name learning: no such file. Did you mean learning_rate? There are: ablation, ",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_refused_command_prints_only_a_message_and_writes_no_file(arguments, command, start_folder):
    done = command(*arguments.split())
    assert done.stdout.startswith(REFUSED[arguments])
    assert done.stdout.count("\n") == max(REFUSED[arguments].count("\n"), 1)
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []


def test_a_traceback_is_shown_on_request(command, start_folder):
    done = command("lr=-1", HYDRA_FULL_ERROR="1")
    assert done.returncode == 2
    assert "Traceback (most recent call last)" in done.stdout
    assert "rpt.errors.ConfigError: lr = -1: must be greater than 0." in done.stdout
    assert list(start_folder.iterdir()) == []


def test_help_lists_every_group_with_its_options(command, start_folder):
    done = command("--help")
    assert done.returncode == 0
    groups = [folder for folder in config_dir().iterdir() if folder.is_dir()]
    assert len(groups) >= 11
    for group in groups:
        options = ", ".join(sorted(file.stem for file in group.glob("*.yaml")))
        assert f"\n{group.name}: {options}\n" in done.stdout
    assert "\nexperiment/paper: bert_n10, " in done.stdout
    assert list(start_folder.iterdir()) == []


def test_help_lists_the_options_of_the_users_folders_and_packages(command, start_folder):
    for folder, option in (("own", "own_gate"), ("package/conf", "wide")):
        (start_folder / folder / "encoder").mkdir(parents=True)
        (start_folder / folder / "encoder" / f"{option}.yaml").touch()
    paths = f"{start_folder}:{Path(__file__).parents[2]}"
    done = command("--help", "-cd", "own", "hydra.searchpath=[pkg://package.conf]", PYTHONPATH=paths)
    assert f"\nencoder: {', '.join(sorted([*ENCODERS, 'own_gate', 'wide']))}\n" in done.stdout


# Errors that are found only at the start of a training. The command line turns them into a message and exit code 2.


@pytest.fixture
def release(tiny_cb, tmp_path):
    """Function that changes one line of a small release, and returns overrides and the line's position as FILE:LINE."""
    root = tmp_path / "release"
    shutil.copytree(tiny_cb[1].removeprefix("data.root="), root)

    def change(split, number, edit):
        path = root / "CB" / f"{split}.jsonl"
        lines = path.read_text().splitlines()
        lines[number - 1] = edit(lines[number - 1])
        path.write_text("\n".join(lines) + "\n")
        return ["data=jsonl", f"data.root={root}"], f"{path}:{number}"

    return change


def changed(**fields):
    return lambda line: json.dumps({**json.loads(line), **fields})


@pytest.mark.parametrize(
    ("split", "edit", "reason"),
    [
        ("train", lambda line: line[:-1], "is not JSON (Expecting ',' delimiter, column "),
        ("train", lambda line: "[]", "holds a JSON array, where one object per line is expected."),
        (
            "train",
            lambda line: '{"idx": 1}',
            "lacks the field 'premise'; a cb row has premise, hypothesis, idx, label.",
        ),
        ("val", changed(label="yes"), "unknown label 'yes'; allowed are 'entailment', 'contradiction', 'neutral'."),
        ("val", changed(premise=3), "premise = 3 is not a text."),
        ("val", changed(idx=0), "idx 0 was already used at "),
    ],
)
def test_a_damaged_row_is_refused_before_anything_is_written(split, edit, reason, release, configure, tmp_path):
    overrides, position = release(split, 7, edit)
    with pytest.raises(DataError) as caught:
        train([configure(*overrides)])
    assert str(caught.value).startswith(f"{position}: {reason}")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def wrong_weights(tmp_path):
    return ["backbone.sha256=" + "0" * 64]


def prompt_of_another_width(tmp_path):
    np.save(tmp_path / "prompt.npy", np.zeros((10, 33), dtype=np.float32))
    return ["init=file", f"init.path={tmp_path}/prompt.npy"]


def text_as_prompt_file(tmp_path):
    (tmp_path / "prompt.npy").write_text("words")
    return ["init=file", f"init.path={tmp_path}/prompt.npy"]


def long_texts(tmp_path):
    return ["backbone.text_limit=24", "data.max_cut_share=0.05"]


@pytest.mark.parametrize(
    ("make", "error", "start", "end"),
    [
        (wrong_weights, WeightsError, "/model.safetensors: its sha256 is ", f"{'0' * 64}. {INSTALL}"),
        (
            prompt_of_another_width,
            ConfigError,
            "init.path = {tmp_path}/prompt.npy: has shape [10, 33], but the shape must be [10, 32] (",
            "Choose a prompt that was trained for this backbone.",
        ),
        (
            text_as_prompt_file,
            ConfigError,
            "init.path = {tmp_path}/prompt.npy: cannot be read (",
            "Choose another file.",
        ),
        (
            long_texts,
            DataError,
            "32 of 32 train rows are longer than backbone.text_limit=24, more than data.max_cut_share=0.05.",
            "Set backbone.text_limit higher, or data.max_cut_share higher if so many texts may be cut.",
        ),
    ],
    ids=["weights", "width", "file", "texts"],
)
def test_parts_that_do_not_fit_are_refused_before_anything_is_written(
    make, error, start, end, configure, tiny_cb, tmp_path
):
    with pytest.raises(error) as caught:
        train([configure(*tiny_cb, *make(tmp_path))])
    assert start.format(tmp_path=tmp_path) in str(caught.value)
    assert str(caught.value).endswith(end)
    assert list((tmp_path / "runs").iterdir()) == []


def test_cut_texts_are_counted_in_the_record(configure, tiny_cb):
    limits = ["backbone.text_limit=24", "data.max_cut_share=1.0"]
    [outcome] = train([configure(*tiny_cb, *limits, "trainer.epochs=1")])
    assert outcome.record.data.cut == {"train": 32, "held_out": 8, "reported": 20}


@pytest.fixture
def finished(configure, tiny_cb):
    """Configuration and run folder of a finished training."""
    config = configure(*tiny_cb, "trainer.epochs=1")
    [outcome] = train([config])
    return config, RunFolder(outcome.folder)


def contents(folder):
    return {entry.name: entry.read_bytes() for entry in folder.path.iterdir() if entry.is_file()}


def test_damaged_files_of_a_run_are_refused_and_not_changed(finished):
    config, folder = finished
    record, state = folder.record.read_text(), folder.checkpoint.read_bytes()
    damages: list[tuple[type[RptError], str, bytes, str]] = [
        (StorageError, "{", state, "run.json: is not JSON (Expecting property name"),
        (CheckpointError, record.replace('"finished"', '"interrupted"'), state[:-100], "last.ckpt: is damaged ("),
        (CheckpointError, record.replace('"finished"', '"interrupted"'), b"", "last.ckpt: is damaged ("),
    ]
    for error, damaged_record, damaged_state, reason in damages:
        folder.record.write_text(damaged_record)
        folder.checkpoint.write_bytes(damaged_state)
        before = contents(folder)
        with pytest.raises(error) as caught:
            train([config])
        assert str(caught.value).startswith(f"{folder.path}/{reason}")
        assert str(caught.value).endswith(("or set rerun=true.", "or set rerun=true to train again."))
        assert contents(folder) == before


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_refused(finished, configure, tiny_cb):
    config, folder = finished
    [other] = train([configure(*tiny_cb, "trainer.epochs=1", "seed=1")])
    shutil.copy(other.folder / "last.ckpt", folder.checkpoint)
    folder.record.unlink()
    with pytest.raises(CheckpointError, match=r"last\.ckpt: belongs to another run \("):
        train([config])


@pytest.mark.slow
def test_a_refused_rerun_changes_no_file_and_a_rerun_keeps_the_old_files(finished, tmp_path):
    config, folder = finished
    before = contents(folder)
    shutil.copytree(config.backbone.path, tmp_path / "bert")
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"damaged")
    backbone = config.backbone.model_copy(update={"path": str(tmp_path / "bert")})
    with pytest.raises(WeightsError, match=rf"its sha256 is [0-9a-f]{{64}}, expected {backbone.sha256}\. {INSTALL}"):
        train([config.model_copy(update={"rerun": True, "backbone": backbone})])
    assert contents(folder) == before
    [again] = train([config.model_copy(update={"rerun": True})])
    assert again.folder == folder.path
    superseded = folder.path / "superseded" / "1"
    assert {entry.name: entry.read_bytes() for entry in superseded.iterdir()} == before


@pytest.mark.slow
def test_a_full_disk_is_reported_and_the_run_can_be_resumed(configure, tiny_cb, tmp_path):
    config = configure(*tiny_cb, "trainer.epochs=1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError) as caught:
            train([config])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    [folder] = (tmp_path / "runs").iterdir()
    assert str(caught.value) == f"{folder}/last.ckpt: cannot be written (File too large). {GOES_ON}"
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["error"]) == ("interrupted", f"StorageError: {caught.value}")
    assert sorted(entry.name for entry in folder.iterdir()) == ["metrics.csv", "run.json"]
    [outcome] = train([config])
    assert outcome.record.status == "finished"


# Tests of the same errors through the command line.


@pytest.mark.slow  # about 10 s: a new process imports torch
def test_a_second_process_is_refused_a_run_that_is_being_trained(command, configure, tiny_bert, tiny_cb, tmp_path):
    config = configure(*tiny_cb, "trainer.epochs=1")
    [outcome] = train([config])
    folder = RunFolder(outcome.folder)
    folder.write_record(outcome.record.updated(status="running"))
    before = contents(folder)
    folder.open()
    shared = [*tiny_bert, *tiny_cb, "trainer.epochs=1", "trainer.progress=false"]
    done = command(*shared, f"output_dir={tmp_path / 'runs'}")
    folder.close()
    advice = "Wait until it ends. The same command then prints the result, or resumes the run."
    lock = f"It holds the lock of {folder.path}/.lock."
    assert done.stdout == f"{folder.path}: another process is training this run. {advice} {lock}\n"
    assert done.returncode == 2
    assert contents(folder) == before


@pytest.mark.slow
def test_a_command_on_a_full_disk_prints_no_traceback_and_can_be_resumed(command, start_folder, tiny_bert, tiny_cb):
    arguments = [*tiny_bert, *tiny_cb, "trainer.epochs=1"]
    done = command(*arguments, file_bytes=20_000)
    [folder] = (start_folder / "runs").iterdir()
    message = f"runs/{folder.name}/last.ckpt: cannot be written (File too large). {GOES_ON}"
    assert done.stdout.splitlines()[-1] == message
    assert "Traceback" not in done.stdout
    assert done.returncode == 2
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert sorted(entry.name for entry in folder.iterdir()) == ["metrics.csv", "run.json"]
    again = command(*arguments)
    assert again.returncode == 0
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
