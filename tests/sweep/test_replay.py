"""A replay trains a run again and evaluates the differences."""

import re
import shutil
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.errors import ConfigError
from rpt.replay import replay
from rpt.runs import train
from rpt.tracking import identity
from rpt.tracking.comparison import Comparison, compare, read_results, reasons_to_differ, report
from rpt.tracking.record import Record
from tests.support.composed import compose
from tests.support.preloaded import run_preloaded
from tests.support.replays import edit, refusal


@pytest.fixture(scope="module")
def originals(tiny_bert, tiny_cb, tmp_path_factory):
    """Folders of two different runs of an exact pack, which no test changes."""
    root = tmp_path_factory.mktemp("originals")
    shared = [*tiny_bert, *tiny_cb, "packing.exact=true", "trainer.epochs=1", f"output_dir={root}"]
    return [
        outcome.folder for outcome in train([check(compose([*shared, *own])) for own in ([], ["seed=1", "lr=0.1"])])
    ]


@pytest.fixture
def packed(originals, tmp_path):
    """Copies of the two folders in `originals`, which a test may change."""
    return [shutil.copytree(folder, tmp_path / folder.name) for folder in originals]


def test_the_replay_of_a_run_of_an_exact_pack_is_identical(packed):
    before = {path.name: path.read_bytes() for path in packed[0].iterdir() if path.is_file()}
    found = replay(packed[0])
    assert found.curve == {"train/loss": 0.0, "held_out/loss": 0.0}
    assert (found.prompt, found.same_answers) == (0.0, 1.0)
    assert all(original == repeated for original, repeated in found.scores.values())
    assert {path.name: path.read_bytes() for path in packed[0].iterdir() if path.is_file()} == before
    assert "100.0% are the same" in report(found)
    assert report(found).endswith("identical: every compared number has the same bits")


def command(run):
    """Run the command; return its exit code, output and errors."""
    done = run_preloaded(["-m", "rpt.replay", str(run)], cwd=Path(__file__).parents[2])
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_command_repeats_a_run_and_refuses_a_damaged_one(packed):
    code, output, _ = command(packed[0])
    assert (code, output.splitlines()[-1]) == (0, "identical: every compared number has the same bits")
    (packed[1] / "metrics.csv").unlink()
    code, _, errors = command(packed[1])
    assert (code, errors.count("\n")) == (2, 1)
    assert errors.startswith(f"RUN = {packed[1]}/metrics.csv: is missing or damaged")


def results(folder):
    return read_results(folder, Record.read(folder))


def test_the_report_lists_differences(packed):
    found = compare(results(packed[0]), results(packed[1]))
    assert found.curve["train/loss"] > 0
    assert found.prompt > 0
    assert "prompt           differs by" in report(found)
    assert found.verdict.startswith("NOT expected: machine, versions, code and forward passes are the same")


# Tests of whether a difference is expected

SAME = {"train/loss": 0.0, "held_out/loss": 0.0}
APART = {"train/loss": 1e-3, "held_out/loss": 0.0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record["environment"]["bits"].update(threads=7), "another machine, .*: threads 7 -> 1"),
        (lambda record: record["environment"]["bits"].update(torch="1.0"), "another machine, .*: torch 1.0 -> "),
        (lambda record: record["environment"]["packages"].update(numpy="1"), "another machine, .*: numpy 1 -> "),
        (
            lambda record: (record["environment"]["bits"].update(forwards="shared"), record["pack"].update(size=9)),
            "the run shared its forward passes in a pack of 9, which sums in another order",
        ),
        (lambda record: record["warnings"].append("resumed elsewhere, so not"), "resumed elsewhere, so not"),
        (lambda record: record["warnings"].append("out of memory: forward passes"), "out of memory: forward passes"),
    ],
    ids=["threads", "torch", "numpy", "shared", "resumed", "memory"],
)
def test_a_difference_with_a_reason_is_expected(change, reason, packed):
    edit(packed[0], change)
    found = compare(results(packed[0]), results(packed[1]))
    assert found.is_expected
    assert len(found.reasons) == 1
    assert re.match(reason, found.reasons[0])
    assert found.verdict == f"expected difference: {found.reasons[0]}. Training amplifies such rounding."


def test_a_record_has_no_reason_to_differ_from_itself(packed):
    record = Record.read(packed[0])
    assert reasons_to_differ(record, record) == []


def test_in_float64_shared_forward_passes_explain_only_rounding_errors():
    shared = ("the run shared its forward passes in a pack of 9, which sums in another order",)
    tiny = Comparison({"train/loss": 1e-9, "held_out/loss": 0.0}, 1e-9, 1.0, {}, shared, is_float64=True)
    large = Comparison(APART, 1e-3, 1.0, {}, shared, is_float64=True)
    assert tiny.is_expected
    assert not large.is_expected
    assert large.verdict.startswith("NOT expected: the run shared its forward passes in a pack of 9")
    assert Comparison(APART, 1e-3, 1.0, {}, (*shared, "resumed elsewhere"), is_float64=True).is_expected


@pytest.mark.parametrize(
    "found",
    [
        Comparison(APART, 0.0, 1.0, {}),
        Comparison(SAME, 0.1, 1.0, {}),
        Comparison(SAME, None, 0.9, {}),
        Comparison(SAME, 0.0, 1.0, {"score": (0.5, 0.6)}),
    ],
)
def test_a_difference_without_a_reason_is_not_expected(found):
    assert not found.is_identical
    assert not found.is_expected
    assert "NOT expected" in report(found)


# Tests of folders that are refused before training


def test_a_folder_without_a_finished_run_is_refused(packed, tmp_path):
    assert refusal(tmp_path).startswith(f"RUN = {tmp_path}: holds no record of a run")
    edit(packed[0], lambda record: record.update(status="interrupted"))
    assert "is not finished. Finish it first" in refusal(packed[0])


def test_a_renamed_folder_is_refused(packed, tmp_path):
    other = packed[0].rename(tmp_path / "mine")
    assert f"{other}: holds the run {packed[0].name}, so the folder was renamed. Give it" in refusal(other)


DAMAGES = {
    "no record": ("run.json", None),
    "half a record": ("run.json", b'{"status": "fini'),
    "a deep record": ("run.json", b"[" * 100_000),
    "a list": ("run.json", b"[]"),
    "no curve": ("metrics.csv", None),
    "a curve without its header": ("metrics.csv", b"1,2,3\n4,5,6\n"),
    "a curve of words": ("metrics.csv", b"train/loss,held_out/loss\nhigh,low\n"),
    "a curve of zeros": ("metrics.csv", bytes(100)),
    "no predictions": ("predictions.jsonl", None),
    "half of the predictions": ("predictions.jsonl", b'{"predicted": "a"}\n'),
    "predictions of another kind": ("predictions.jsonl", b"3\n"),
    "no prompt": ("prompt.safetensors", None),
    "half a prompt": ("prompt.safetensors", b"\x10\x00\x00"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_error_of_a_damaged_folder_names_the_file(damage, packed):
    name, content = DAMAGES[damage]
    (packed[0] / name).unlink()
    if content is not None:
        (packed[0] / name).write_bytes(content)
    assert name in refusal(packed[0])


@pytest.mark.parametrize("key", ["scores", "environment", "data", "pack", "warnings", "backbone", "chosen", "config"])
@pytest.mark.parametrize("value", [None, 3, {}, {"encoder": 3}, "text"], ids=repr)
def test_a_record_with_a_value_of_a_wrong_type_is_refused(key, value, packed):
    edit(packed[0], lambda record: record.update({key: value}))
    assert refusal(packed[0])


def test_a_run_of_another_version_is_refused(packed):
    edit(packed[0], lambda record: record.update(schema=2))
    assert "was trained by another version of rpt (schema 2). Use the version of rpt that" in refusal(packed[0])


def test_a_run_of_another_training_version_is_refused(packed, monkeypatch):
    monkeypatch.setattr(identity, "TRAINING_VERSION", identity.TRAINING_VERSION + 1)
    message = refusal(packed[0])
    assert "cannot be repeated as it was: rpt's training version was" in message
    assert "Restore the state in which it was trained" in message


def test_a_link_in_place_of_the_replay_folder_is_refused(packed, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (packed[0] / "replay").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="holds a symbolic link named replay, which rpt does not follow"):
        replay(packed[0])
    assert list((tmp_path / "elsewhere").iterdir()) == []
