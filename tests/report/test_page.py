"""The HTML page of a report: its text, its links, and its protection against code in run folders."""

import base64
import hashlib
import json
import math
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from rpt.report.figures import draw
from rpt.report.measure.numbers import measure
from rpt.report.page.page import render
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.say.answer import Paragraph, answer
from rpt.report.say.facts import commands, facts
from rpt.report.say.headline import Headline, headline
from rpt.report.tables.nearest import MOST_TOKENS, nearest_tables
from rpt.report.tables.study import tables
from rpt.report.tables.table import Column, Table
from rpt.stats.estimate import Estimate
from tests.support.report_fixture import write_run

COMMAND = "python -m rpt.report runs/few"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Study of two encoders at two learning rates and the head alone. One run is unfinished."""
    runs = tmp_path_factory.mktemp("runs")
    for seed in ("seed=0", "seed=1"):
        write_run(runs, "encoder=none", seed)
        for encoder in ("encoder=plain", "encoder=residual"):
            write_run(runs, encoder, "lr=0.003", seed)
            write_run(runs, encoder, "lr=0.03", seed, warnings=["constant prediction: <b>all</b>"])
    write_run(runs, "seed=7", status="running")
    write_run(runs, "seed=8", status="stopped")
    return collect(runs)


@pytest.fixture(scope="module")
def parts(study):
    """Tables, answer, figures and diagnoses of the study, the arguments of `render`."""
    diagnoses = diagnose(study)
    numbers = measure(study, diagnoses)
    return (
        tables(study, numbers, diagnoses),
        answer(study, numbers),
        draw(study, numbers, diagnoses),
        diagnoses,
    )


@pytest.fixture(scope="module")
def first(study, parts):
    numbers = measure(study, parts[-1])
    return headline(study, numbers, answer(study, numbers))


@pytest.fixture(scope="module")
def out(study):
    return study.runs[0].folder.parent / "report"


@pytest.fixture(scope="module")
def page(study, parts, first, out):
    return render(study, *parts, headline=first, out=out, command=COMMAND)


def with_tables(study, out, *found):
    first = Headline("None.", "", "", "")
    return render(study, found, [Paragraph("", ["None."])], [], [], headline=first, out=out, command=COMMAND)


@pytest.mark.slow
def test_equal_studies_give_equal_pages(study, parts, first, out, page):
    assert render(study, *parts, headline=first, out=out, command=COMMAND) == page


@pytest.mark.slow
def test_the_page_loads_no_other_files(page):
    loaded = re.findall(r'<(?:img|script|link|iframe|source|object|embed)\b[^>]*?(?:src|href)="([^"]{0,40})', page)
    assert len(loaded) == 1 + 11  # an empty icon and 11 figures
    assert {value.split(":")[0] for value in loaded} == {"data"}
    assert "@import" not in page
    assert "url(" not in page


def test_the_content_security_policy_allows_only_the_pages_own_style_and_script(page):
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        checksum = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{checksum}&#39;" in page
    assert "default-src &#39;none&#39;" in page
    assert "unsafe" not in page


def test_html_in_warnings_of_runs_is_escaped(page):
    assert "constant prediction: &lt;b&gt;all&lt;/b&gt;" in page
    assert "<b>" not in page


def test_the_question_comes_before_the_answer_and_the_main_figure_before_the_tables(study, page):
    order = [page.index(text) for text in ('class="banner"', 'id="answer"', 'id="figure-score-by-lr"', 'id="changes"',
             'id="full"', 'id="facts"', 'id="table-robustness"', 'id="table-comparisons"', 'id="table-scores"',
             'id="table-runs"', 'id="methods"', 'id="files"')]  # fmt: skip
    assert order == sorted(order)
    assert study.question is None or study.question in page


def test_the_banner_names_sample_rows_and_is_missing_for_real_rows(study, page, tmp_path):
    assert "no number here is a SuperGLUE score" in page
    folder = write_run(tmp_path)
    record = json.loads((folder / "run.json").read_text())
    record["data"] |= {"source": "jsonl", "release": "SuperGLUE", "folder": "CB"}
    (folder / "run.json").write_text(json.dumps(record))
    real = with_tables(collect(tmp_path), tmp_path / "report")
    assert 'class="banner"' not in real
    assert "SuperGLUE CB from jsonl" in real


def test_the_page_names_sample_rows_once_and_every_table_and_figure_has_the_mark(page, parts):
    """Figures have the mark, too, because readers copy them without the page."""
    words = re.sub(r'alt="[^"]*"', "", re.sub(r"<style>.*?</style>", "", page, flags=re.S))
    assert "SAMPLE DATA" not in words
    assert words.count("Sample data.") == 1
    assert all(table.caption.startswith("SAMPLE DATA: not a SuperGLUE score. ") for table in parts[0])
    assert all(figure.alt.startswith("SAMPLE DATA") for figure in parts[2])


def test_the_first_screen_has_the_answer_its_number_and_the_main_figure(page, parts, first):
    start = page[page.index('id="answer"') : page.index("<nav ")]
    assert first.sentence in start
    assert f"<strong>{first.value}</strong>" in start
    assert first.label in start
    assert f'id="figure-{parts[2][0].name}"' in start
    assert page.count(first.sentence) == 1
    assert page.count(f'id="figure-{parts[2][0].name}"') == 1


def test_the_headline_is_the_first_difference_of_the_answer(tmp_path):
    for seed in range(3):
        for encoder, skill in (("plain", 0.5), ("residual", 0.9)):
            for rate in (0.01, 0.1):
                write_run(tmp_path, f"encoder={encoder}", f"lr={rate}", f"seed={seed}", skill=skill, rows=200)
    study = collect(tmp_path)
    numbers = measure(study)
    found = headline(study, numbers, answer(study, numbers))
    difference = numbers.sweep[0].comparison.difference
    assert found.sentence == "Averaged over the sweep, residual scores higher than plain."
    assert found.value == f"{100 * difference.value:+.1f}"
    assert found.interval == f"[{100 * difference.low:.1f}, {100 * difference.high:.1f}]"
    assert found.label == "points, residual minus plain, averaged over the sweep"


def test_the_headline_of_a_study_of_one_encoder_is_its_score(tmp_path):
    for seed in range(3):
        write_run(tmp_path, f"seed={seed}")
    study = collect(tmp_path)
    numbers = measure(study)
    found = headline(study, numbers, answer(study, numbers))
    assert found.value == f"{100 * numbers.robustness[0].tuned.value:.1f}"
    assert found.label == "points, residual, tuned on the held-out rows"


def test_every_run_is_linked_relative_to_the_page(study, page, out):
    links = [unquote(link) for link in re.findall(r'href="(\.\./[^"]*)"', page)]
    folders = [run.folder for run in (*study.runs, *study.baselines)] + [*study.unfinished, *study.stopped]
    assert sorted((out / link).resolve() for link in links) == sorted(folder.resolve() for folder in folders)


def test_every_table_and_figure_links_its_files(parts, page):
    found, _, figures, _ = parts
    for table in found:
        assert all(f'href="tables/{table.name}.{ending}"' in page for ending in ("csv", "md", "tex"))
    for figure in figures:
        assert all(f'href="figures/{figure.name}.{ending}"' in page for ending in ("pdf", "svg", "png"))
        assert base64.b64encode(figure.files["svg"]).decode() in page


def test_an_estimate_is_sorted_by_its_value_and_shown_with_its_interval(study, out):
    cells = [[Estimate(0.7034, 0.68, 0.72, 3), None, "b"]]
    columns = [Column("score", "score", scale=100.0, note="Of all."), Column("empty", "empty"), Column("text", "text")]
    page = with_tables(study, out, Table("odd", "Odd", "Caption.", columns, cells))
    assert 'data-order="0.7034">70.3 <span class="interval">[68.0, 72.0]</span>' in page
    assert '<td class="number" data-order=""></td>' in page
    assert '<td data-order="b">b</td>' in page
    assert "<dt>score</dt><dd>Of all.</dd>" in page
    assert "Further tables" in page


def test_infinity_is_sorted_after_all_numbers(study, out):
    page = with_tables(study, out, Table("odd", "Odd", "", [Column("n", "n")], [[12], [math.inf]]))
    assert 'data-order="Infinity">inf<' in page


def test_the_task_has_a_column_only_in_a_study_of_several_tasks(study, out, tmp_path):
    odd = Table("odd", "Odd", "", [Column("task", "task"), Column("x", "x")], [["cb", 1]])
    assert '<th scope="col">task</th>' not in with_tables(study, out, odd)
    for task in ("cb", "rte"):
        write_run(tmp_path, f"task={task}")
    assert '<th scope="col">task</th>' in with_tables(collect(tmp_path), tmp_path / "report", odd)


def test_unfinished_runs_are_listed_with_their_status(study, page):
    ((folder, reason),) = study.unfinished.items()
    assert f"{folder.name}</a>: {reason}" in page
    assert "1 folder without a finished run" in page


def test_stopped_runs_are_listed_apart_from_unfinished_runs(study, page):
    ((folder, reason),) = study.stopped.items()
    assert f"{folder.name}</a>: {reason}" in page
    assert "1 run without a reported score" in page


def test_facts_come_from_the_records(study):
    found = dict(facts(study))
    assert found["tasks"] == "cb (version 2)"
    assert found["prompt"] == "prompt.unit=vocab, backbone.prompt_at=after_cls"
    assert found["varied"] == "encoder plain, residual; learning rate 0.003, 0.03"
    assert found["runs"].startswith("8 with a prompt and 2 without a prompt. ")
    assert found["seeds"] == "0, 1"
    assert found["trained"] == "2026-11-23"
    assert found["code"] == "rpt 0.1.0, commit 0f460bdd63, on cpu"
    assert "359 train, 89 held out, 64 reported" in found["data"]


def test_the_page_has_the_commands_that_repeat_the_report_and_a_run(study, tmp_path):
    assert [command for _, command in commands(study, COMMAND)] == [
        COMMAND,
        f"python -m rpt.replay {study.runs[0].folder}",
    ]
    write_run(tmp_path, "group=learning_rate")
    shipped = commands(collect(tmp_path), COMMAND)
    assert "python run.py -cn learning_rate" in [command for _, command in shipped]


def test_the_table_of_nearest_tokens_has_each_seed_and_truncates_long_prompts(tmp_path):
    write_run(tmp_path, f"prompt.length={MOST_TOKENS + 5}", "seed=3")
    read = collect(tmp_path)
    (found,) = nearest_tables(read, diagnose(read))
    assert found.seeds == [3]
    assert len(found.rows) == MOST_TOKENS
    assert found.length == MOST_TOKENS + 5
    assert [word for word, _ in found.rows[0][0]] == ["true", "false", "maybe"]
    found = tables(read, measure(read), diagnose(read))
    first = Headline("None.", "", "", "")
    page = render(read, found, [], [], diagnose(read), headline=first, out=tmp_path / "report", command=COMMAND)
    assert "<code>&lt;b&gt;</code>" in page
    assert f"The first {MOST_TOKENS} of {MOST_TOKENS + 5}" in page


def test_the_templates_have_the_file_types_of_the_package_data():
    import rpt.report.page

    folder = Path(rpt.report.page.__file__).parent / "templates"
    endings = {path.suffix for path in folder.iterdir()}
    assert endings == {".j2", ".css", ".js"}  # pyproject.toml lists these types as package data
