"""A sweep checks all its points before training starts, and a point that fails stops no other point."""

import json
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from rpt import cli
from rpt.config.paths import config_dir
from rpt.errors import RptError
from rpt.sweep import outcome
from rpt.sweep.grid import expand
from tests.support.options import ENCODERS

WIDTH = "Set encoder.bottleneck_dim=128, the shipped setting."
LENGTH = "Set prompt.length=10, as in the paper's Table 1; for no prompt at all, encoder=none."


def points(*overrides, name="config"):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = GlobalHydra.instance().hydra.compose_config(name, list(overrides), run_mode=RunMode.MULTIRUN)
        return [" ".join(point) for point in expand(config)]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("lr=1,2 seed=3", ["lr=1 seed=3", "lr=2 seed=3"]),
        ("lr=1,2 seed=3,4", ["lr=1 seed=3", "lr=1 seed=4", "lr=2 seed=3", "lr=2 seed=4"]),
        ("seed=range(3)", ["seed=0", "seed=1", "seed=2"]),
        ("lr=choice(0.5,1e-5)", ["lr=0.5", "lr=1e-05"]),
        ("encoder=glob(*l*,exclude=*p*)", ["encoder=low_rank", "encoder=lstm", "encoder=residual"]),
        ("group='a,b','c'", ["group='a,b'", "group='c'"]),
        ("logger=[none],[wandb]", ["logger=[none]", "logger=[wandb]"]),
        ("+key=1,2", ["+key=1", "+key=2"]),
        ("~lr seed=1,2", ["~lr=null seed=1", "~lr=null seed=2"]),  # Hydra 1.3 has a bug: `~lr=null` deletes no key
        ("lr=1,2 lr=3", ["lr=3"]),
        ("lr=1", ["lr=1"]),
        ("lr=${nothing},1", ["lr=$\\{nothing\\}", "lr=1"]),
    ],
)  # fmt: skip
def test_a_grid_is_expanded_as_hydra_runs_it(overrides, expected):
    assert points(*overrides.split()) == expected


def test_a_point_is_composed_only_once_by_hydra(tmp_path, monkeypatch):
    composed, rates, load = [], [], ConfigLoaderImpl.load_sweep_config

    def count(self, master_config, sweep_overrides):
        composed.append(sweep_overrides)
        return load(self, master_config, sweep_overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", count)
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        hydra.multirun("config", lambda config: rates.append(config.lr), ["lr=1,2", f"output_dir={tmp_path}"])
    assert rates == [1, 2]
    assert composed == [["lr=1", f"output_dir={tmp_path}"], ["lr=2", f"output_dir={tmp_path}"]]


@pytest.fixture
def study(tmp_path):
    """Write a sweep file of a user, and return the arguments that start it."""
    folder = tmp_path / "studies"
    folder.mkdir()

    def write(params):
        text = "defaults: [config, _self_]\nhydra: {mode: MULTIRUN, sweeper: {params: {" + params + "}}}\n"
        (folder / "mine.yaml").write_text(text)
        return ["-cd", str(folder), "-cn", "mine"]

    return write


CHECKING = "checking 52 points before the first is trained\n"
REFUSED = {
    (
        "prompt.length=0",
        "seed=range(26)",
        "encoder=plain,mlp",
    ): f"{CHECKING}refused: all 52 points\n  prompt.length = 0: must be "
    f"greater than 0. {LENGTH}\nrefused: 52 of 52 points; nothing was trained or written\n",
    (
        "prompt.length=0,-1",
        "seed=range(26)",
    ): f"{CHECKING}refused: 26 points with prompt.length=0\n  prompt.length = 0: must be "
    f"greater than 0. {LENGTH}\nrefused: 26 points with prompt.length=-1\n  prompt.length = -1: must be greater "
    f"than 0. {LENGTH}\nrefused: 52 of 52 points; nothing was trained or written\n",
    ("prompt.length=0,-1", "lr=1"): f"refused: prompt.length=0\n  prompt.length = 0: must be greater than 0. {LENGTH}\n"
    f"refused: prompt.length=-1\n  prompt.length = -1: must be greater than 0. {LENGTH}\n"
    "refused: 2 of 2 points; nothing was trained or written\n",
    ("encoder=residul,plain",): "refused: encoder=residul\n  encoder = residul: no such option. Did you mean residual? "
    f"Options: {', '.join(ENCODERS)}.\nrefused: 1 of 2 points; nothing was trained or written\n",
    ("lr=${nothing},1",): "refused: lr=$\\{nothing\\}\n  lr: Interpolation key 'nothing' not found. Name a key by its "
    "whole dotted path, such as ${seed}, in single quotes.\nrefused: 1 of 2 points; nothing was trained or written\n",
    (
        "prompt.lenght=1",
        "lr=1,2",
    ): "prompt.lenght: no such key. Did you mean length? prompt has: freeze, length, unit.\n",
    ("encoder=plain,null",): "refused: encoder=null\n  encoder=null: a group takes the name of an option. Options: "
    f"{', '.join(ENCODERS)}.\nrefused: 1 of 2 points; nothing was trained or written\n",
    ("lr=interval(0,1)",): "BasicSweeper does not support sweep type : INTERVAL_SWEEP\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", REFUSED)
def test_a_sweep_without_a_valid_point_or_with_an_unknown_name_writes_nothing(arguments, command, start_folder):
    done = command(arguments[0], "-m", *arguments[1:])  # the flag -m may be at any position
    assert done.stdout == REFUSED[arguments]
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []


def test_an_output_folder_that_cannot_be_created_is_refused_before_the_first_point(command, start_folder):
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, in which no user can create a folder")
    done = command("-m", "output_dir=/proc/rpt")
    advice = "Free some space or set output_dir=DIR, then run the same command again: it continues."
    assert done.stdout == f"/proc/rpt: cannot be written (No such file or directory). {advice}\n"
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []


def test_the_points_of_a_users_sweep_file_are_checked(study, command, start_folder):
    done = command(*study("encoder: 'mlp,residual', encoder.bottleneck_dim: 0"), "encoder=mlp")
    assert done.stdout == (
        "refused: encoder.bottleneck_dim=0\n"
        f"  encoder.bottleneck_dim = 0: must be greater than 0. {WIDTH}\n"
        "refused: 1 of 1 points; nothing was trained or written\n"
    )
    assert done.returncode == 2
    assert list(start_folder.iterdir()) == []


@pytest.mark.parametrize(("second", "code"), [(RptError("mend it"), 2), (RuntimeError("a bug"), 1)])
def test_a_bug_in_a_point_keeps_its_traceback(second, code, capsys):
    outcome.start()
    cli._fail_point(["seed=1"], RptError("mend it"))
    cli._fail_point(["seed=2"], second)
    with pytest.raises(SystemExit) as ended:
        cli._end_sweep()
    assert ended.value.code == code
    reason = {1: "RuntimeError: a bug", 2: "mend it"}[code]
    points = "2 points of the sweep ended without a score:\n  seed=1\n  seed=2\n"
    assert capsys.readouterr().err == f"failed: seed=1\nmend it\nfailed: seed=2\n{reason}\n{points}"


def records(folder):
    """Return the status of each run by its learning rate and prompt length."""
    written = [json.loads(path.read_text()) for path in folder.glob("*/run.json")]
    return {(record["config"]["lr"], record["config"]["prompt"]["length"]): record["status"] for record in written}


@pytest.mark.slow
def test_a_failing_point_stops_no_other(command, start_folder, tiny_bert, tiny_cb, tmp_path):
    """Of eight points, four are refused, two have damaged rows, one diverges, and one finishes."""
    damaged = tmp_path / "damaged"
    (damaged / "CB").mkdir(parents=True)
    for split in ("train", "val"):
        (damaged / "CB" / f"{split}.jsonl").write_text("{\n")
    good = tiny_cb[1].removeprefix("data.root=")
    axes = ["lr=1e30,0.01", "prompt.length=0,4", f"data.root={damaged},{good}"]
    done = command("-m", *tiny_bert, "data=jsonl", "trainer.epochs=1", *axes)
    lines = done.stdout.splitlines()

    summary = lines.index("refused: 4 of 8 points; the others are trained")
    first_training = next(number for number, line in enumerate(lines) if line.startswith("task "))
    assert lines.index("refused: 4 points with prompt.length=0") < summary < first_training
    assert f"  prompt.length = 0: must be greater than 0. {LENGTH}" in lines[:summary]

    for rate in ("1e+30", "0.01"):
        failed = lines.index(f"failed: lr={rate} prompt.length=4 data.root={damaged}")
        assert lines[failed + 1].startswith(f"{damaged}/CB/train.jsonl:1: is not JSON (")
    diverged = lines.index(f"failed: lr=1e+30 prompt.length=4 data.root={good}")
    assert lines[diverged + 1].endswith("Lower lr, or set clip_norm=1.")
    assert lines[-9] == "7 points of the sweep ended without a score:"
    assert lines[-1] == "python -m rpt.report runs compares them"
    assert "Traceback" not in done.stdout
    assert done.returncode == 2
    assert records(start_folder / "runs") == {(1e30, 4): "failed", (0.01, 4): "finished"}


@pytest.mark.slow
def test_a_callback_that_raises_fails_only_its_own_point(sweep):
    callback = "+callbacks.mine={_target_:tests.training.test_callbacks.Raising}"
    results, _ = sweep(["encoder=plain", f"encoder=plain {callback}", "encoder=residual"])
    assert [result.status for result in results] == ["finished", "failed", "finished"]
    assert "callbacks.mine: ValueError: a bug of the callback" in results[1].error
    folders = [Path(result.folder) for result in results]
    records = [json.loads((folder / "run.json").read_text()) for folder in folders]
    assert [record["status"] for record in records] == ["finished", "failed", "finished"]
    assert [record["pack"]["size"] for record in records] == [2, 1, 2]
    assert "in on_validation_end" in records[1]["traceback"]
