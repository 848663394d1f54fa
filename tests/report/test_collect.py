"""A study is read from run folders, and folders whose runs cannot be compared are refused."""

import json

import numpy as np
import pytest

from rpt.errors import RptError
from rpt.report.measure.comparisons import agree
from rpt.report.read.collect import collect
from rpt.report.read.run import StudyError
from rpt.tracking.identity import TRAINING_VERSION
from tests.support.report_fixture import METHODS, QUESTION, RATES, write_run, write_study


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("rates"))


def edit(folder, **changes):
    record = json.loads((folder / "run.json").read_text())
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            record[section][name] = value
        else:
            record[section] = value
    (folder / "run.json").write_text(json.dumps(record))


def grid(root, *overrides, encoders=("plain", "residual"), seeds=(0, 1)):
    for encoder in encoders:
        for seed in seeds:
            write_run(root, f"encoder={encoder}", f"seed={seed}", *overrides)


def axes(study):
    return [(axis.key, axis.values, axis.is_log) for axis in study.axes]


@pytest.mark.slow
def test_a_study_of_learning_rates_is_read_completely(rates):
    study = collect(rates)
    assert study.name == "learning_rate"
    assert study.question == QUESTION
    assert (len(study.runs), len(study.baselines)) == (60, 3)
    assert study.methods == METHODS
    assert study.seeds == (0, 1, 2)
    assert axes(study) == [("lr", RATES, True)]
    assert study.is_sample
    assert (study.unfinished, study.notes) == ({}, ())
    assert {run.method for run in study.baselines} == {"head alone"}
    assert all(run.values == {} for run in study.baselines)


@pytest.mark.slow
def test_a_curve_has_every_seed_at_every_point(rates):
    study = collect(rates)
    plain = study.curve("cb", "plain")
    assert plain.values == RATES
    assert plain.units.shape == (5, 3, 64)
    scores = {run.values["lr"]: [] for run in study.runs}
    for run in study.runs:
        if run.method == "plain":
            scores[run.values["lr"]].append(run.score)
    assert plain.scores == pytest.approx(np.array([scores[rate] for rate in RATES]))


@pytest.mark.slow
def test_a_run_that_diverged_has_the_score_of_the_majority_baseline(rates):
    point = collect(rates).curve("cb", "plain").points[-1]
    assert [run.diverged for run in point.runs] == [True, True, False]
    units = point.units(64)
    assert units[:2] == pytest.approx(point.majority)
    assert point.failed[:2].all()


def test_the_tuned_point_is_chosen_without_the_reported_rows(tmp_path):
    grid(tmp_path, "lr=0.1", encoders=("plain",))
    grid(tmp_path, "lr=0.01", encoders=("plain",))
    for folder in tmp_path.iterdir():
        held_out = {"score": 0.9 if "lr0.1-" in folder.name else 0.2}
        edit(folder, best={"epoch": 1, "step": 1, "held_out": held_out})
    curve = collect(tmp_path).curve("cb", "plain")
    assert curve.tuned.values == {"lr": 0.1}
    assert curve.tuned.scores.mean() < curve.scores.mean(axis=1).max()


def test_a_key_in_which_runs_differ_is_an_axis(tmp_path):
    for init in ("vocab", "uniform"):
        grid(tmp_path, f"init={init}", "prompt.length=5", "group=null")
        grid(tmp_path, f"init={init}", "prompt.length=10", "group=null")
    study = collect(tmp_path)
    assert axes(study)[0] == ("prompt.length", (5, 10), True)
    assert (study.axes[1].key, set(study.axes[1].values)) == ("init", {"vocab", "uniform"})
    assert study.name == "none"
    assert len(study.curves) == 4
    assert {curve.setting["init"] for curve in study.curves} == {"vocab", "uniform"}


def test_the_axis_of_inits_has_the_options_in_which_one_init_varies(tmp_path):
    for init in ("init=uniform", "init=vocab init.num_tokens=100", "init=vocab init.num_tokens=200"):
        write_run(tmp_path, *init.split())
    assert set(collect(tmp_path).axes[0].values) == {"uniform", "vocab num_tokens=100", "vocab num_tokens=200"}


def test_a_key_of_an_encoder_is_an_axis_if_runs_of_that_encoder_differ_in_it(tmp_path):
    for width in (5, 50):
        write_run(tmp_path, "encoder=residual", f"encoder.bottleneck_dim={width}")
    write_run(tmp_path, "encoder=lstm")
    study = collect(tmp_path)
    assert axes(study) == [("encoder.bottleneck_dim", (5, 50), True)]
    assert [run.values for run in study.runs] == [
        {"encoder.bottleneck_dim": 5},
        {"encoder.bottleneck_dim": 50},
        {},
    ]


def test_a_key_that_differs_only_between_encoders_is_no_axis(tmp_path):
    write_run(tmp_path, "encoder=residual", "encoder.bottleneck_dim=64")
    write_run(tmp_path, "encoder=mlp", "encoder.bottleneck_dim=32")
    assert collect(tmp_path).axes == ()


def test_keys_that_vary_together_are_one_axis(tmp_path):
    for rate in (0.1, 0.01):
        write_run(tmp_path, f"lr={rate}", f"encoder_lr={rate / 10}")
    study = collect(tmp_path)
    assert [axis.key for axis in study.axes] == ["lr"]
    assert study.notes == ("encoder_lr is not compared separately: in all runs its value follows from lr.",)


def test_the_order_of_rows_is_no_axis_if_it_follows_from_the_seed(tmp_path):
    write_run(tmp_path, "seed=1")
    write_run(tmp_path, "seed=2")
    assert collect(tmp_path).axes == ()
    write_run(tmp_path, "seed=2", "data.order_seed=7")
    assert [axis.key for axis in collect(tmp_path).axes] == ["data.order_seed"]


def test_a_baseline_has_only_the_axes_that_change_its_score(tmp_path):
    for count in (5, 20):
        write_run(tmp_path, "encoder=residual", f"data.k_per_class={count}", f"lr={1 / count}", "seed=0")
        write_run(tmp_path, "encoder=residual", f"data.k_per_class={count}", f"lr={2 / count}", "seed=0")
        write_run(tmp_path, "encoder=none", f"data.k_per_class={count}", "seed=0")
    study = collect(tmp_path)
    assert [run.values for run in study.baselines] == [{"data.k_per_class": 5}, {"data.k_per_class": 20}]
    matching = [point for point in study.baseline_points if agree(point.values, {"data.k_per_class": 20})]
    assert [point.values["data.k_per_class"] for point in matching] == [20]


@pytest.mark.parametrize(
    ("overrides", "method"),
    [
        (("encoder=none",), "head alone"),
        (("encoder=none", "trainer.tune=all"), "fine-tuning"),
        (("encoder=none", "backbone=smollm2"), "zero-shot"),
    ],
)
def test_baselines_have_names(overrides, method, tmp_path):
    best = {"best": None} if method == "zero-shot" else {}
    write_run(tmp_path, *overrides, **best)
    write_run(tmp_path, *(text for text in overrides if text.startswith("backbone")))
    assert [run.method for run in collect(tmp_path).baselines] == [method]


def test_a_baseline_of_another_group_is_used_if_its_settings_agree(tmp_path):
    grid(tmp_path, "group=lengths", encoders=("residual",))
    write_run(tmp_path, "encoder=none", "group=rates", "seed=0")
    write_run(tmp_path, "encoder=none", "group=rates", "seed=1", "trainer.epochs=3")
    write_run(tmp_path, "encoder=none", "task=rte", "group=rates", "seed=2")
    assert [run.seed for run in collect(tmp_path).baselines] == [0]


def test_several_groups_are_refused_until_one_is_named(tmp_path):
    grid(tmp_path, "group=rates", encoders=("plain",))
    write_run(tmp_path, "lr=0.2")
    with pytest.raises(StudyError) as error:
        collect(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: holds runs of 2 groups. Name one: --group none (1 runs), --group rates (2 runs)."
    )
    assert len(collect(tmp_path, "rates").runs) == 2
    assert len(collect(tmp_path, "none").runs) == 1
    with pytest.raises(StudyError, match=r"--group rate: no run in .* belongs to it. There are: --group none"):
        collect(tmp_path, "rate")


MIXED = {
    f"the version of rpt's training code differs, {TRAINING_VERSION} and 99": {"code__training": 99},
    "the source of the encoder differs": {"code__encoder": "0" * 64},
    "the source of the scorer differs": {"code__scorer": "0" * 64},
    "the source of the task's reader differs": {"code__task.reader": "0" * 64},
    "the protocol differs": {"protocol__select_on": "validation"},
    "the data source differs, sample and hub": {"data__source": "hub"},
    "the task version differs": {"task__version": 99},
    "the data checksum differs": {"data__checksum": "0" * 64},
    "the number of reported rows differs": {"data__rows": {"train": 1, "held_out": 1, "reported": 3}},
    "the metrics differs": {"majority": {"accuracy": 0.5, "score": 0.5}},
    r"the unit of the prompt \(prompt.unit\) differs, vocab and raw": {"config__prompt": {"length": 10, "unit": "raw"}},
    "the weights of the backbone differs": {"backbone__weights_sha256": "0" * 64},
}


@pytest.mark.parametrize("message", MIXED)
def test_runs_that_cannot_be_compared_are_refused(message, tmp_path):
    first = write_run(tmp_path, "seed=0")
    second = write_run(tmp_path, "seed=1")
    edit(second, **MIXED[message])
    with pytest.raises(StudyError, match=message) as error:
        collect(tmp_path)
    assert str(first) in str(error.value)
    assert str(second) in str(error.value)
    assert "name one study with --group" in str(error.value)


def test_each_task_has_its_own_number_of_sampling_units(tmp_path):
    write_run(tmp_path, "task=rte")
    write_run(tmp_path, "task=multirc")
    study = collect(tmp_path)
    assert study.tasks == ("multirc", "rte")
    assert [study.num_units[task] for task in study.tasks] == [16, 64]


def test_the_same_point_twice_is_refused(tmp_path):
    write_run(tmp_path / "a", "seed=1")
    write_run(tmp_path / "b", "seed=1")
    for parent in ("a", "b"):
        for folder in (tmp_path / parent).iterdir():
            folder.rename(tmp_path / f"{folder.name}-{parent}")
    with pytest.raises(StudyError, match=r"the same setting and seed \(residual, seed 1\). Move one of them away."):
        collect(tmp_path)


def test_unfinished_runs_are_listed_and_left_out(tmp_path):
    write_run(tmp_path, "seed=0")
    running = write_run(tmp_path, "seed=1", status="running")
    write_run(tmp_path, "seed=2", "group=other", status="running")
    study = collect(tmp_path)
    assert len(study.runs) == 1
    assert study.unfinished == {running: "interrupted"}


def test_seeds_that_a_point_lacks_are_noted_and_left_out_of_curves(tmp_path):
    grid(tmp_path, "lr=0.1", encoders=("plain",), seeds=(0, 1, 2))
    grid(tmp_path, "lr=0.2", encoders=("plain",), seeds=(1, 2))
    study = collect(tmp_path)
    assert study.curve("cb", "plain").seeds == (1, 2)
    assert [len(point.runs) for point in study.points] == [3, 2]
    assert study.notes == (
        "cb, plain: 1 of 2 points lack a seed. Numbers over the whole sweep use the seeds that every point has: 1, 2.",
    )


def test_a_protocol_that_selects_checkpoints_on_the_reported_rows_is_noted(tmp_path):
    write_run(tmp_path, "protocol=paper")
    (note,) = collect(tmp_path).notes
    assert note.startswith("This protocol chooses checkpoints on the reported rows.")


def test_several_commits_and_warnings_are_noted(tmp_path):
    write_run(tmp_path, "seed=0", warnings=["constant prediction"])
    folder = write_run(tmp_path, "seed=1")
    edit(folder, environment__git={"commit": "a" * 40, "dirty": True})
    assert collect(tmp_path).notes == (
        "The runs come from 2 commits of rpt: 0f460bdd63, aaaaaaaaaa.",
        "Some runs were made with uncommitted changes of the code.",
        "1 of 2 runs have warnings; the table of all runs lists them.",
    )


def test_predictions_that_do_not_give_the_score_of_the_record_are_refused(tmp_path):
    folder = write_run(tmp_path)
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    (folder / "predictions.jsonl").write_text("\n".join(lines[:-9]))
    with pytest.raises(
        StudyError, match=r"predictions.jsonl: gives the score 0\.\d+, but run.json says 0\.\d+. Train the"
    ):
        collect(tmp_path)
    (folder / "predictions.jsonl").unlink()
    with pytest.raises(StudyError, match=r"predictions.jsonl: cannot be read"):
        collect(tmp_path)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(RptError, match=r"holds no finished run that trains a prompt. Name the output_dir of a sweep"):
        collect(tmp_path)
    with pytest.raises(RptError, match="is not a folder"):
        collect(tmp_path / "nowhere")
    folder = write_run(tmp_path)
    edit(folder, schema=1)
    with pytest.raises(RptError, match=r"run.json: schema = 1: this rpt reads schemas 2 and 3"):
        collect(tmp_path)
    (folder / "run.json").write_text("{}")
    with pytest.raises(RptError, match="is no record of rpt"):
        collect(tmp_path)
