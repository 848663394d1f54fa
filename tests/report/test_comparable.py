"""Runs that differ in code are refused. Runs that differ in the unit are refused unless the study compares units."""

import json
import re

import numpy as np
import pytest

from rpt.report.measure.numbers import measure
from rpt.report.measure.sweep import swept_curves
from rpt.report.page.write import write_report
from rpt.report.read.collect import collect
from rpt.report.read.run import StudyError
from rpt.report.say.answer import answer
from rpt.report.say.facts import facts
from rpt.report.say.headline import headline
from rpt.report.tables.study import tables
from tests.support.report_fixture import by_name, write_run


def set_encoder_hash(folder, value):
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record["code"]["encoder"] = value
    path.write_text(json.dumps(record))


def test_code_hashes_that_differ_only_near_their_end_are_shown_in_full(tmp_path):
    first, second = write_run(tmp_path, "seed=0"), write_run(tmp_path, "seed=1")
    set_encoder_hash(first, "a" * 63 + "0")
    set_encoder_hash(second, "a" * 63 + "1")
    with pytest.raises(StudyError, match=f"source of the encoder differs, {'a' * 63}0 and {'a' * 63}1"):
        collect(tmp_path)


def test_code_hashes_that_differ_near_their_start_are_shortened(tmp_path):
    first, second = write_run(tmp_path, "seed=0"), write_run(tmp_path, "seed=1")
    set_encoder_hash(first, "0" * 64)
    set_encoder_hash(second, "1" * 64)
    with pytest.raises(StudyError, match=f"source of the encoder differs, {'0' * 28} and {'1' * 28}\\. "):
        collect(tmp_path)


def set_unit(folder, unit):
    """Write the unit of the prompt into a record. None removes the key, which records of an older rpt lack."""
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record["config"]["prompt"].pop("unit", None)
    record["config"]["prompt"].update({} if unit is None else {"unit": unit})
    path.write_text(json.dumps(record))


def write_units(root, *encoders_and_units, rates=(0.01, 0.1)):
    """Write three runs, with seeds 0 to 2, for each (encoder, unit) at each learning rate."""
    for encoder, unit in encoders_and_units:
        for rate in rates:
            for seed in range(3):
                point = (f"encoder={encoder}", f"lr={rate}", f"prompt.unit={unit}", f"seed={seed}")
                write_run(root, *point, diagnostics=False)
    return root


CROSSED = [(encoder, unit) for encoder in ("plain", "residual") for unit in ("raw", "vocab")]


@pytest.mark.slow
def test_a_study_of_units_has_the_unit_as_an_axis_and_compares_encoders_in_equal_units(tmp_path):
    study = collect(write_units(tmp_path, *CROSSED))
    assert [(axis.key, axis.label) for axis in study.axes] == [
        ("lr", "learning rate"),
        ("prompt.unit", "unit of the prompt"),
    ]
    numbers = measure(study)
    assert [pair.setting for pair in numbers.sweep] == [{"prompt.unit": "raw"}, {"prompt.unit": "vocab"}]
    along = [pair for pair in numbers.by_value if pair.axis == "prompt.unit"]
    assert {(pair.first, pair.family) for pair in along} == {("plain", "answer"), ("residual", "answer")}
    units = re.findall(r"prompt.unit=(\w+)", dict(facts(study))["prompt"])
    assert units == ["raw", "vocab"]
    assert "unit" not in by_name({table.name: table for table in tables(study, numbers, [])}["runs"])[0]


def test_encoders_that_differ_in_the_unit_are_refused_with_advice(tmp_path):
    with pytest.raises(StudyError) as refused:
        collect(write_units(tmp_path, ("plain", "raw"), ("residual", "vocab")))
    message = str(refused.value)
    assert "the unit of the prompt (prompt.unit) differs, raw and vocab." in message
    assert message.endswith("To compare both, train each encoder with both values of prompt.unit.")


def test_a_unit_that_varies_together_with_the_learning_rate_is_no_axis(tmp_path):
    write_units(tmp_path, ("residual", "raw"), rates=(0.01,))
    write_units(tmp_path, ("residual", "vocab"), rates=(0.3,))
    with pytest.raises(StudyError, match="differs, raw and vocab"):
        collect(tmp_path)


def test_tasks_that_differ_in_the_unit_are_refused(tmp_path):
    for task, unit in (("cb", "raw"), ("rte", "vocab")):
        write_run(tmp_path, f"task={task}", f"prompt.unit={unit}", diagnostics=False)
    with pytest.raises(StudyError, match="differs, raw and vocab"):
        collect(tmp_path)


def test_a_record_without_a_unit_is_raw(tmp_path):
    old, new = (write_run(tmp_path, f"seed={seed}") for seed in (0, 1))
    set_unit(old, None)
    set_unit(new, "raw")
    study = collect(tmp_path)
    rows = by_name({table.name: table for table in tables(study, measure(study), [])}["runs"])
    assert [row["unit"] for row in rows] == ["raw", "raw"]
    assert dict(facts(study))["prompt"].startswith("prompt.unit=raw,")
    set_unit(new, "vocab")
    set_unit(old, "vocab")
    assert dict(facts(collect(tmp_path)))["prompt"].startswith("prompt.unit=vocab,")


@pytest.mark.parametrize("unit", ["raw", "vocab"])
def test_a_run_without_a_prompt_is_compared_with_both_units(tmp_path, unit):
    set_unit(write_run(tmp_path, "encoder=none"), "raw")
    write_run(tmp_path, f"prompt.unit={unit}", diagnostics=False)
    study = collect(tmp_path)
    assert [run.method for run in study.baselines] == ["head alone"]
    rows = by_name({table.name: table for table in tables(study, measure(study), [])}["runs"])
    assert [row["unit"] for row in rows] == [unit, None]
    assert dict(facts(study))["prompt"].startswith(f"prompt.unit={unit},")


def write_layers(root, *layers):
    """Write runs of two encoders with three seeds and two learning rates at each layer."""
    for layer in layers:
        for encoder in ("plain", "residual"):
            for rate in (0.01, 0.1):
                for seed in range(3):
                    point = (f"encoder={encoder}", f"lr={rate}", f"seed={seed}", f"backbone.prompt_layer={layer}")
                    write_run(root, *point, diagnostics=False)
    return root


def test_layers_of_the_prompt_are_an_axis_over_which_no_score_is_averaged(tmp_path):
    study = collect(write_layers(tmp_path, 0, 3))
    axes = [(axis.key, axis.label, axis.values) for axis in study.axes]
    assert axes == [("lr", "learning rate", (0.01, 0.1)), ("backbone.prompt_layer", "layer of the prompt", (0, 3))]
    numbers = measure(study)
    assert [pair.setting for pair in numbers.sweep] == [{"backbone.prompt_layer": layer} for layer in (0, 3)]
    assert [row.curve.setting for row in numbers.robustness] == 2 * [{"backbone.prompt_layer": n} for n in (0, 3)]
    position = "prompt.unit=vocab, backbone.prompt_at=after_cls"
    assert dict(facts(study))["prompt"] == f"{position} and {position}, backbone.prompt_layer=3"
    columns = by_name({table.name: table for table in tables(study, numbers, [])}["runs"])[0]
    assert columns["backbone.prompt_layer"] == "0"


def write_values(root, *points, **options):
    """Write runs of two encoders with three seeds at each point, which is a tuple of overrides."""
    for point in points:
        for encoder in ("plain", "residual"):
            for seed in range(3):
                write_run(root, f"encoder={encoder}", f"seed={seed}", *point, diagnostics=False, **options)
    return root


BERTS = ("minilm", "bert_base")


@pytest.mark.parametrize(
    ("points", "settings"),
    [
        ([("backbone.prompt_layer=0",), ("backbone.prompt_layer=3",)], [{"backbone.prompt_layer": n} for n in (0, 3)]),
        ([("prompt.unit=raw",), ("prompt.unit=vocab",)], [{"prompt.unit": unit} for unit in ("raw", "vocab")]),
        (
            [("backbone=smollm2", f"backbone.prompt_at={place}") for place in ("front", "end")],
            [{"backbone.prompt_at": place} for place in ("end", "front")],
        ),
        ([(f"backbone={name}",) for name in BERTS], [{"backbone": name} for name in ("bert_base", "minilm")]),
    ],
)
def test_encoders_are_compared_at_each_value_of_an_axis_over_which_no_score_is_averaged(tmp_path, points, settings):
    study = collect(write_values(tmp_path, *points))
    numbers = measure(study)
    (axis,) = study.axes
    assert study.main_axis is None
    assert numbers.sweep == []
    assert sorted((pair.setting for pair in numbers.tuned if pair.second == "plain"), key=str) == settings
    assert {pair.family for pair in numbers.tuned} == {"answer"}
    assert [len(row.curve.points) for row in numbers.robustness] == [1, 1, 1, 1]
    assert {(pair.first, pair.axis, pair.family) for pair in numbers.by_value} == {
        ("plain", axis.key, "answer"),
        ("residual", axis.key, "answer"),
    }
    assert all(len(curve.points) == 1 for curve in swept_curves(study))


@pytest.mark.slow
def test_layers_alone_have_a_report_without_a_mean_or_a_worst_case_over_layers(tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "report"
    runs.mkdir()
    write_values(runs, ("backbone.prompt_layer=0",), ("backbone.prompt_layer=3",))
    write_run(runs, "encoder=none", "seed=0")
    study, paragraphs = write_report(runs, out, None, "")
    headings = [part.heading for part in paragraphs]
    assert headings[1:4] == [*(f"cb, layer of the prompt {n}" for n in (0, 3)), "cb, along layer of the prompt"]
    text = " ".join(map(str, paragraphs))
    page = (out / "index.html").read_text()
    for words in ("averaged over", "Averaged over", "worst layer"):
        assert words not in text
        assert words not in page
    assert text.count("residual with layer of the prompt 3") == 1
    table = (out / "tables" / "robustness.csv").read_text().splitlines()[0]
    assert "tuned" in table
    assert not re.search("average|worst|best", table)
    files = {path.name for path in (out / "figures").iterdir()}
    assert "score-by-backbone-prompt_layer.svg" in files
    assert "differences-by-backbone-prompt_layer.svg" in files
    assert "intervals.svg" not in files
    assert headline(study, measure(study), paragraphs).sentence.startswith(
        "Along layer of the prompt, the data support none of 2 differences"
    )


def test_another_axis_is_the_main_axis_of_a_study_that_also_varies_the_layer(tmp_path):
    layers, rows = (0, 3), (4, 16)
    points = [(f"backbone.prompt_layer={n}", f"data.k_per_class={k}") for n in layers for k in rows]
    study = collect(write_values(tmp_path, *points))
    assert [axis.key for axis in study.axes] == ["backbone.prompt_layer", "data.k_per_class"]
    assert (study.main_axis.key, study.other_axes) == ("data.k_per_class", study.axes[:1])
    numbers = measure(study)
    assert [(pair.setting, pair.num_points) for pair in numbers.sweep] == [
        ({"backbone.prompt_layer": layer}, 2) for layer in layers
    ]


@pytest.mark.slow
def test_values_are_compared_at_each_value_of_an_axis_over_which_no_score_is_averaged(tmp_path):
    """Both layers have two rates and two units: values are averaged over the rates alone."""
    layers, units = (0, 3), ("raw", "vocab")
    points = [
        (f"backbone.prompt_layer={layer}", f"prompt.unit={unit}", f"lr={rate}")
        for layer in layers
        for unit in units
        for rate in (0.03, 0.3)
    ]
    study = collect(write_values(tmp_path, *points))
    numbers = measure(study)
    found = [pair for pair in numbers.by_value if pair.first == "plain"]
    compared = [(pair.axis, *pair.setting.items(), pair.num_points) for pair in found if pair.axis != "lr"]
    assert sorted(compared, key=str) == [  # runs that started together have the order of their folders' names
        *(("backbone.prompt_layer", ("prompt.unit", unit), 2) for unit in units),
        *(("prompt.unit", ("backbone.prompt_layer", layer), 2) for layer in layers),
    ]
    (pair,) = [pair for pair in found if pair.axis == "prompt.unit" and pair.setting["backbone.prompt_layer"] == 3]
    means = [
        np.mean([
            run.score for run in study.runs
            if run.method == "plain" and (run.values["prompt.unit"], run.values["backbone.prompt_layer"]) == (unit, 3)
        ])
        for unit in (pair.first_value, pair.second_value)
    ]  # fmt: skip
    assert pair.comparison.difference.value == pytest.approx(means[0] - means[1])
    paragraphs = answer(study, numbers)
    headings = [part.heading for part in paragraphs]
    assert "cb, along unit of the prompt (layer of the prompt 3)" in headings
    assert "cb, along layer of the prompt (unit of the prompt raw)" in headings
    rows = by_name({table.name: table for table in tables(study, numbers, [])}["comparisons_by_value"])
    cells = [(row["axis"], row["prompt.unit"], row["backbone.prompt_layer"]) for row in rows]
    assert cells.count(("unit of the prompt", None, "3")) == 2
    assert cells.count(("layer of the prompt", "raw", None)) == 2
    assert headline(study, numbers, paragraphs).label.endswith("(layer of the prompt 0)")


@pytest.mark.slow
def test_the_head_alone_is_compared_with_the_prompts_of_its_backbone_at_every_layer(tmp_path):
    write_values(tmp_path, *((f"backbone={name}", f"backbone.prompt_layer={n}") for name in BERTS for n in (0, 3)))
    for name in BERTS:
        for seed in range(3):
            write_run(tmp_path, "encoder=none", f"backbone={name}", f"seed={seed}", diagnostics=False)
    study = collect(tmp_path)
    assert [axis.key for axis in study.axes] == ["backbone.prompt_layer", "backbone"]
    pairs = [pair for pair in measure(study).tuned if pair.second == "head alone" and pair.first == "residual"]
    assert sorted((pair.setting["backbone"], pair.setting["backbone.prompt_layer"]) for pair in pairs) == [
        (name, layer) for name in sorted(study.axes[1].values) for layer in (0, 3)
    ]


def test_a_record_without_a_layer_has_layer_0_and_a_run_without_a_prompt_has_none(tmp_path):
    old, new = (write_run(tmp_path, f"seed={seed}") for seed in (0, 1))
    for folder in (old, write_run(tmp_path, "encoder=none", "backbone.prompt_layer=3")):
        path = folder / "run.json"
        record = json.loads(path.read_text())
        record["config"]["backbone"].pop("prompt_layer")
        path.write_text(json.dumps(record))
    assert new != old
    study = collect(tmp_path)
    assert study.axes == ()
    assert [run.method for run in study.baselines] == ["head alone"]
