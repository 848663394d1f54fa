"""Runs are compared with the paper's numbers: a verdict for an equal setting, otherwise the reason for no verdict."""

import json
import math
from functools import lru_cache

import numpy as np
import pytest

from rpt.config.check import check
from rpt.config.protocol import habits_of, metrics_of
from rpt.reproduce.__main__ import main
from rpt.reproduce.lines import OFFICIAL, compare
from rpt.reproduce.points import NothingToCompare, read
from rpt.tracking.identity import folder_name
from tests.support.composed import compose

RESIDUAL = "experiment=paper/t5_base/residual_n10"
RTE = (RESIDUAL, "task=rte", "data=hub")


@lru_cache
def composed(*overrides):
    return json.dumps(compose(list(overrides)))


def write(root, *overrides, scores, metrics=None, status="finished", **more):
    """Write a run folder for each score between 0 and 1, with seeds from 0.

    `more` sets values of the record by their path, whose parts are joined by two underscores.
    """
    for seed, score in enumerate(scores):
        values = json.loads(composed(*overrides))
        values["seed"] = values["data"]["order_seed"] = seed
        config = check(values)
        train, validation = OFFICIAL[config.task.name]
        measured = dict.fromkeys(("score", *(metrics or metrics_of(config))), score)
        record = {
            "status": status,
            "name": "made",
            "chosen": config.chosen,
            "config": config.model_dump(by_alias=True, exclude={"chosen"}, mode="json"),
            "protocol": {"name": config.protocol.name, "habits": habits_of(config)},
            "data": {"source": config.data.source, "checksum": "c", "rows": {"train": train, "reported": validation}},
            "backbone": {"weights_sha256": "b", "dtype": "float32"},
            "majority": dict.fromkeys(measured, 0.5),
            **({"scores": measured} if status == "finished" else {}),
        }
        for key, value in more.items():
            *path, name = key.split("__")
            section = record
            for part in path:
                section = section[part]
            section[name] = value
        folder = root / folder_name(config, f"{len(list(root.iterdir())):010}")
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(record))


def only_line(root, **wanted):
    """Return the only line with these attributes."""
    points, _, damaged = read(root)
    assert damaged == []
    found = [
        line
        for line in compare(points)
        if all(
            getattr(line.row, name, None) == value or getattr(line, name, None) == value
            for name, value in wanted.items()
        )
    ]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [((0.70, 0.71, 0.69), "agrees"), ((0.80, 0.81, 0.79), "above"), ((0.60, 0.61, 0.59), "below")],
)
def test_three_seeds_of_the_papers_setting_get_a_verdict(scores, verdict, tmp_path):
    write(tmp_path, *RTE, scores=scores)
    line = only_line(tmp_path, task="rte", source="Table 1")
    assert line.verdict == verdict
    assert (line.expected, line.seeds, line.reasons) == (70.4, 3, ())
    assert line.mean == pytest.approx(100 * np.mean(scores))


def test_the_interval_is_that_of_the_difference_of_two_means(tmp_path):
    """The expected half-width is 4.3027 * sqrt(1/3 + 1/3) and half a digit of the printed number.

    The standard deviation is 1 point, and 4.3027 is the quantile of Student's t with 2 degrees of freedom.
    """
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    line = only_line(tmp_path, task="rte", source="Table 1")
    half = 4.302653 * math.sqrt(2 / 3) + 0.05
    assert line.sd == pytest.approx(1)
    assert line.difference.value == pytest.approx(70 - 70.4)
    assert (line.difference.low, line.difference.high) == pytest.approx((-0.4 - half, -0.4 + half), abs=1e-4)


def test_the_interval_has_its_nominal_coverage():
    """Both samples are drawn from one distribution. The interval contains zero in 95 of 100 draws."""
    from rpt.reproduce.lines import _difference, _margin

    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        measured, published = rng.normal(70, 3, 5), rng.normal(70, 3, 3)
        found = _difference(measured.mean(), published.mean(), _margin(measured.tolist()), 0.0, 5)
        covered += found.low <= 0 <= found.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("overrides", "more", "reason"),
    [
        (("data=sample",), {}, "sample rows made by this project, not SuperGLUE"),
        (("backbone.dropout=false",), {}, "backbone.dropout is False, not True"),
        (("lr=0.1",), {}, "lr is 0.1, not 0.3"),
        (("encoder=mlp",), {}, "encoder is mlp, not residual"),
        (("encoder.bottleneck_dim=64",), {}, "encoder.bottleneck_dim is 64, not 250"),
        (("protocol=official",), {}, "protocol.name is official, not paper"),
        (("scorer=rank",), {}, "scorer.name is rank, not generate"),
        (("trainer.epochs=30",), {}, "trainer.epochs is 30, not 20"),
        (("backbone.dtype=bfloat16",), {}, "backbone.dtype is bfloat16, not float32"),
        (("task.version=1",), {}, "task.version is 1, not 3"),
        (("data.max_rows=9",), {}, "data.max_rows is 9, not null"),
        (("backbone.hub_id=me/t5",), {}, "weights of me/t5, not the weights of google-t5/t5-base from the hub"),
        ((), {"data__rows__reported": 20}, "20 examples were scored, but the official release has 277"),
        ((), {"data__rows__train": 100}, "100 examples were used for training, but the official release has 2,490"),
    ],
)
def test_a_setting_that_differs_from_the_papers_gets_no_verdict(overrides, more, reason, tmp_path):
    write(tmp_path, *RTE, *overrides, scores=(0.70, 0.71, 0.69), **more)
    line = only_line(tmp_path, task="rte", source="Table 1")
    assert reason in line.reasons
    assert line.verdict.startswith("no verdict: ")
    assert line.mean == pytest.approx(70)  # the line still shows the mean


@pytest.mark.slow
def test_two_seeds_get_no_verdict_and_one_seed_no_interval(tmp_path):
    write(tmp_path, *RTE, scores=(0.70, 0.71))
    write(tmp_path, RESIDUAL, "task=cb", "data=hub", scores=(0.8,))
    assert only_line(tmp_path, task="rte", source="Table 1").verdict == "no verdict: 2 seeds, but 3 are needed"
    alone = only_line(tmp_path, task="cb", source="Table 1")
    assert alone.verdict == "no verdict: 1 seed, but 3 are needed"
    assert not alone.difference.has_interval


def test_a_diverged_run_counts_with_the_score_of_the_majority_answer(tmp_path):
    write(tmp_path, *RTE, scores=(0.70, 0.72))
    write(tmp_path, *RTE, scores=(0, 0, 0), status="failed")
    line = only_line(tmp_path, task="rte", source="Table 1")
    assert line.diverged == 3
    assert line.mean == pytest.approx(100 * (0.70 + 0.72 + 3 * 0.5) / 5)


def test_an_unfinished_run_is_reported_and_not_counted(tmp_path, capsys):
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    write(tmp_path, *RTE, "lr=0.2", scores=(0.1,), status="running")
    assert main([str(tmp_path)]) == 0
    assert "not compared: 1 run whose training has not ended\n" in capsys.readouterr().out


def test_a_point_of_an_axis_is_compared_with_the_number_of_this_point(tmp_path):
    write(tmp_path, *RTE, "init=uniform", scores=(0.67, 0.68, 0.66))
    line = only_line(tmp_path, task="rte")
    assert (line.row.source, line.row.at, line.expected, line.verdict) == ("Table 4", "init=uniform", 67.3, "agrees")


def test_a_setting_of_two_tables_is_compared_with_both_numbers(tmp_path):
    write(tmp_path, "experiment=paper/t5_large/plain_n10", "task=wic", "data=hub", scores=(0.675, 0.676, 0.677))
    lines = [line for line in compare(read(tmp_path)[0]) if line.task == "wic"]
    assert [(line.row.source, line.row.metric, line.expected, line.verdict) for line in lines] == [
        ("Table 1", "score", 67.5, "agrees"),
        ("Table 5", "accuracy", 67.7, "agrees"),
    ]


@pytest.mark.slow
def test_the_interval_of_a_digitised_number_includes_the_error_of_reading_it(tmp_path):
    base = ("experiment=paper/t5_large/residual_n100", "task=wic", "data=hub")
    write(tmp_path, *base, "lr=10", scores=(0.709, 0.709, 0.709))
    line = only_line(tmp_path, task="wic")
    assert (line.row.source, line.row.kind, line.expected) == ("Figure 4", "digitised", 70.7)
    assert line.verdict == "agrees"  # the difference is 0.2, and the number was read from the figure to within 0.3
    assert line.difference.high == pytest.approx(0.5)


@pytest.mark.slow
def test_copied_numbers_and_numbers_with_a_caveat_get_no_verdict(tmp_path):
    write(tmp_path, "experiment=paper/t5_base/plain_n100", "task=wic", "data=hub", scores=(0.489,) * 3)
    write(tmp_path, "experiment=paper/t5_base/residual_n100", "task=wic", "data=hub", scores=(0.684,) * 3)
    write(tmp_path, "experiment=paper/bert_base/residual_n10", "task=wic", "data=hub", scores=(0.571,) * 3)
    write(tmp_path, "experiment=paper/t5_base/lstm_n10", "task=wic", "data=hub", scores=(0.549,) * 3)
    lines = {
        line.experiment.split("/")[1:].__str__(): line for line in compare(read(tmp_path)[0]) if line.task == "wic"
    }
    assert [line.reasons for line in lines.values()] == [
        ("the published code has no format of the tasks for bert_base",),
        ("the settings of its LSTM are not known",),
        ("the paper copied this number from Asai et al. 2022 and did not measure it",),
        ("the table follows Asai et al. 2022",),
    ]


def test_a_metric_that_the_protocol_lacks_is_named(tmp_path):
    write(tmp_path, "experiment=paper/t5_base/plain_n100", "task=multirc", "data=hub", scores=(0.587,) * 3)
    line = only_line(tmp_path, task="multirc")
    assert line.mean is None
    assert "the runs have no f1a under this protocol" in line.reasons


@pytest.mark.slow  # it composes the configurations of eight tasks
def test_the_average_needs_all_eight_tasks(tmp_path):
    scores = {task: 0.5 + number / 100 for number, task in enumerate(OFFICIAL)}
    for task, score in scores.items():
        if task != "wsc":
            write(tmp_path, RESIDUAL, f"task={task}", "data=hub", scores=(score - 0.01, score, score + 0.01))
    line = only_line(tmp_path, task="average")
    assert (line.mean, line.reasons) == (None, ("no run of wsc in this setting",))
    write(tmp_path, RESIDUAL, "task=wsc", "data=hub", scores=[scores["wsc"] + shift for shift in (-0.01, 0, 0.01)])
    line = only_line(tmp_path, task="average")
    assert line.mean == pytest.approx(100 * np.mean(list(scores.values())))
    half_width = 4.302653 * math.sqrt(2 / 3)  # half-width for a single task with a standard deviation of one point
    assert line.difference.high - line.difference.value == pytest.approx(half_width / math.sqrt(8) + 0.05, abs=1e-4)
    assert (line.expected, line.verdict) == (65.2, "below")


def test_runs_on_different_rows_are_not_averaged(tmp_path):
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69), data__checksum="other")
    assert (
        len([line for line in compare(read(tmp_path)[0]) if line.row.source == "Table 1" and line.task == "rte"]) == 2
    )


def test_the_table_and_the_json_have_the_same_values(tmp_path, capsys):
    write(tmp_path, *RTE, scores=(0.80, 0.81, 0.79))
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "paper/t5_base/residual_n10"
    assert " ".join(lines[2].split()) == "rte 80.0 1.0 3 70.4 +9.6 (+6.0 to +13.2) Table 1, printed above"
    assert any(line.startswith("note: the paper prints neither bottleneck widths") for line in lines)
    assert main([str(tmp_path), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["task"], first["source"], first["expected"], first["verdict"]) == ("rte", "Table 1", 70.4, "above")
    assert first["interval"] == pytest.approx([9.6 - 3.563, 9.6 + 3.563], abs=0.01)


def test_a_missing_experiment_is_named(tmp_path):
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    for path in tmp_path.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["chosen"]["experiment"] = "paper/t5_base/gone"
        path.write_text(json.dumps(record))
    message = "the experiment paper/t5_base/gone cannot be composed: experiment = paper/t5_base/gone: no such option"
    with pytest.raises(NothingToCompare, match=message):
        read(tmp_path)


def test_a_run_of_a_users_experiment_is_not_compared(tmp_path):
    write(tmp_path, *RTE, scores=(0.70,))
    for path in tmp_path.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["chosen"]["experiment"] = "narrow"
        path.write_text(json.dumps(record))
    with pytest.raises(NothingToCompare, match="holds no run with numbers in the paper"):
        read(tmp_path)


def test_a_folder_without_readable_runs_is_refused_with_advice(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/none: there is no such folder. Name an output_dir, such as runs.\n"
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(
        f"{tmp_path}: holds no run with numbers in the paper. Train some: python run.py"
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(NothingToCompare, match="is not JSON"):
        read(tmp_path)
    (tmp_path / "run" / "run.json").write_text('{"status": "finished"}')
    with pytest.raises(NothingToCompare, match=r"run\.json: has no config\. Move its folder away"):
        read(tmp_path)


def test_a_record_of_another_version_is_refused(tmp_path, capsys):
    write(tmp_path, *RTE, scores=(0.7,), config__lr="fast")
    (path,) = tmp_path.glob("*/run.json")
    message = f"{path}: its configuration cannot be read. Another version of rpt trained the run: use that version."
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{message}\n"
    write(tmp_path, *RTE, scores=(0.70, 0.71, 0.69))
    assert main([str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"{message}\n"
    assert "agrees" in captured.out
