"""Figures: their content, their files, and their alternative texts for readers who cannot see them."""

import json
import struct

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing

from rpt.report.figures import draw
from rpt.report.figures.figure import DPI, SAMPLE_MARK
from rpt.report.figures.panels import AxisScale, panels_of
from rpt.report.figures.sensitivity import plot
from rpt.report.figures.styles import LOOKS, OTHERS, looks_of, points
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.read.run import Axis
from tests.support.report_fixture import write_run, write_study

pytestmark = pytest.mark.slow  # about 30 s: every figure is written in three formats

SMALL = {"methods": ("plain", "residual"), "rates": (0.003, 0.03, 3.0), "seeds": (0, 1, 2)}


def read(folder):
    study = collect(folder)
    return study, measure(study), diagnose(study)


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    return read(write_study(tmp_path_factory.mktemp("rates"), **SMALL))


@pytest.fixture(scope="module")
def figures(rates):
    return {figure.name: figure for figure in draw(*rates)}


@pytest.fixture
def panel_axes(rates):
    """The drawn axes of the main panel, the panel, and its study."""
    study, numbers, _ = rates
    (panel,) = panels_of(study, numbers, study.axes[0])
    ax = Drawing().subplots()
    plot(ax, study, panel, AxisScale(study.axes[0]), looks_of(study))
    return ax, panel, study


def test_a_study_of_learning_rates_has_every_kind_of_figure(figures):
    assert [*figures] == [
        "score-by-lr", "profile", "improvement", "intervals", "differences", "convergence", "prompt-first-step",
        "prompt-gate", "prompt-drift", "prompt-norms", "prompt-cosines",
    ]  # fmt: skip


def test_the_alternative_text_of_the_profile_has_the_medians(rates, figures):
    study, _, _ = rates
    for curve in study.curves:
        assert f"{curve.method} {100 * float(np.median(curve.scores)):.1f}" in figures["profile"].alt


def test_the_first_steps_are_those_of_the_records(figures):
    alt = figures["prompt-first-step"].alt
    assert "plain from 0.003 to 3, residual from 0.03 to 30 of the prompt's norm" in alt


def test_runs_without_a_first_step_or_a_second_encoder_lack_the_figures_of_them(tmp_path):
    old = read(write_study(tmp_path / "old", **SMALL, prompt=None))
    assert "prompt-first-step" not in {figure.name for figure in draw(*old)}
    single = read(write_study(tmp_path / "single", **{**SMALL, "methods": ("plain",)}))
    assert not {"profile", "prompt-first-step"} & {figure.name for figure in draw(*single)}


def test_files_have_the_fonts_and_widths_that_journals_require(figures):
    for figure in figures.values():
        pdf, png = figure.files["pdf"], figure.files["png"]
        assert pdf.startswith(b"%PDF")
        assert b"/Type3" not in pdf
        assert b"/CIDFontType2" in pdf
        width, _ = struct.unpack(">II", png[16:24])
        assert width == (6.9 if figure.is_wide else 3.3) * DPI
        assert b"<svg" in figure.files["svg"][:1000]


def test_equal_numbers_give_equal_files_without_dates(rates, figures):
    for again in draw(*rates)[:2]:
        assert again.files == figures[again.name].files
    assert b"CreationDate" not in figures["intervals"].files["pdf"]
    assert b"dc:date" not in figures["intervals"].files["svg"]


def test_drawing_does_not_change_the_settings_of_matplotlib(rates):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(*rates)
    assert dict(matplotlib.rcParams) == before


def test_figures_of_sample_rows_are_marked_in_the_file_and_the_alternative_text(figures):
    for figure in figures.values():
        assert f"<!-- {SAMPLE_MARK} -->".encode() in figure.files["svg"]
        assert figure.alt.startswith(SAMPLE_MARK)


def test_figures_of_real_rows_are_not_marked(tmp_path):
    for method in ("plain", "residual"):
        folder = write_run(tmp_path, f"encoder={method}")
        record = json.loads((folder / "run.json").read_text())
        record["data"]["source"] = "jsonl"
        (folder / "run.json").write_text(json.dumps(record))
    for figure in draw(*read(tmp_path)):
        assert SAMPLE_MARK.encode() not in figure.files["svg"]
        assert SAMPLE_MARK not in figure.alt


def test_every_run_is_a_dot_and_a_diverged_run_a_cross_at_the_majority_baseline(panel_axes):
    ax, panel, study = panel_axes
    marks = {marker: [line for line in ax.lines if line.get_marker() == marker] for marker in (".", "x")}
    diverged = [run for run in study.runs if run.diverged]
    assert len(diverged) == 2
    assert len(marks["x"]) == 2
    assert len(marks["."]) == len(study.runs) - 2
    assert {float(line.get_ydata()[0]) for line in marks["x"]} == {100 * panel.majority}
    seen = sorted(float(line.get_ydata()[0]) for line in marks["."])
    assert seen == pytest.approx(sorted(100 * run.score for run in study.runs if not run.diverged))


def test_the_axis_is_logarithmic_with_ticks_at_the_learning_rates(panel_axes):
    ax, _, _ = panel_axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.003", "0.03", "3"]
    assert ax.get_xticks() == pytest.approx(np.log10([0.003, 0.03, 3]))
    assert ax.get_xlabel() == "learning rate (log scale)"


def test_lines_show_means_and_bands_show_intervals(panel_axes):
    ax, panel, _ = panel_axes
    (residual,) = (line for line in panel.prompts if line.method == "residual")
    means = [100 * score.score.value for score in residual.points]
    drawn = [line.get_ydata() for line in ax.lines if line.get_marker() == LOOKS["residual"].marker]
    assert len(drawn) == 1
    assert drawn[0] == pytest.approx(means)
    bands = [collection.get_paths()[0].vertices[:, 1] for collection in ax.collections]
    highs = [100 * score.score.high for score in residual.points]
    assert any(set(np.round(highs, 6)) <= set(np.round(band, 6)) for band in bands)


def test_the_head_alone_and_the_majority_baseline_are_horizontal_lines(panel_axes):
    ax, panel, _ = panel_axes
    (head,) = panel.baselines
    assert head.is_everywhere
    levels = [line.get_ydata()[0] for line in ax.lines if len(set(line.get_xdata())) == 2 and line.get_xdata()[0] == 0]
    assert sorted(levels) == pytest.approx(sorted([100 * head.points[0].score.value, 100 * panel.majority]))


def test_the_alternative_text_has_the_numbers(rates, figures):
    _, numbers, _ = rates
    measured = (scored for scored in numbers.points if scored.point.method == "residual")
    best = max(measured, key=lambda scored: scored.score.value)
    alt = figures["score-by-lr"].alt
    assert f"to {points(best.score.value)} at {best.point.values['lr']:g}" in alt
    assert "2 runs diverged" in alt
    assert "head alone" in alt
    for figure in figures.values():
        assert any(sign.isdigit() for sign in figure.alt)


def test_styles_of_encoders_differ_in_colour_marker_and_line(rates):
    looks = [*LOOKS.values(), *OTHERS]
    assert len({look.marker for look in looks}) == len(looks)
    assert len({str(look.line) for look in looks}) == len(looks)
    encoders = [LOOKS[name].colour for name in ("residual", "plain", "mlp", "lstm")] + [look.colour for look in OTHERS]
    assert len(set(encoders)) == len(encoders)
    assert looks_of(rates[0])["residual"] is LOOKS["residual"]


def test_a_study_of_seeds_alone_shows_the_encoders_side_by_side(tmp_path):
    for method in ("plain", "residual"):
        for seed in range(2):
            write_run(tmp_path, f"encoder={method}", f"seed={seed}", diagnostics=False)
    names = [figure.name for figure in draw(*read(tmp_path))]
    assert names == ["score-by-encoder", "improvement", "differences", "convergence"]


def test_each_of_two_axes_has_a_figure_with_panels_for_the_other_axis(tmp_path):
    for rate in (0.003, 0.03):
        for length in (5, 20):
            write_run(tmp_path, f"lr={rate}", f"prompt.length={length}", diagnostics=False)
    study, numbers, diagnoses = read(tmp_path)
    panels = panels_of(study, numbers, study.axes[0])
    assert [dict(panel.setting) for panel in panels] == [{"prompt.length": 5}, {"prompt.length": 20}]
    names = [figure.name for figure in draw(study, numbers, diagnoses)]
    assert names[:2] == ["score-by-prompt-length", "score-by-lr"]  # the question's axis comes first


def test_an_encoder_without_the_axis_is_a_horizontal_line(tmp_path):
    write_run(tmp_path, "encoder=plain", diagnostics=False)
    for width in (5, 50):
        write_run(tmp_path, "encoder=residual", f"encoder.bottleneck_dim={width}", diagnostics=False)
    study, numbers, _ = read(tmp_path)
    (panel,) = panels_of(study, numbers, study.axes[0])
    assert {line.method: line.is_everywhere for line in panel.prompts} == {"plain": True, "residual": False}


def test_many_panels_go_into_several_figures(tmp_path):
    for rate in (0.003, 0.03):
        for length in range(1, 11):
            write_run(tmp_path, f"lr={rate}", f"prompt.length={length}", diagnostics=False)
    study, numbers, _ = read(tmp_path)
    names = [figure.name for figure in draw(study, numbers, [])]
    assert names[:3] == ["score-by-prompt-length", "score-by-lr-1", "score-by-lr-2"]


def test_texts_have_equal_distances_on_the_axis_and_numbers_their_values():
    texts = AxisScale(Axis("init", "initialisation", ("vocab", "normal"), is_log=False))
    assert not texts.is_spaced
    assert texts.places == [0, 1]
    numbers = AxisScale(Axis("trainer.epochs", "epochs", (1, 10), is_log=False))
    assert numbers.places == [1, 10]


def test_a_figure_is_written_under_its_name(figures, tmp_path):
    figures["intervals"].write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["intervals.pdf", "intervals.png", "intervals.svg"]
    assert (tmp_path / "intervals.png").read_bytes() == figures["intervals"].files["png"]
