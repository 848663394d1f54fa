"""Build a report's page, figures and tables, and write them to its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rpt.report.figures import draw
from rpt.report.measure.numbers import measure
from rpt.report.page.folder import publish, refuse_other_folder
from rpt.report.page.page import render
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.read.study import Study
from rpt.report.say.answer import Paragraph, answer
from rpt.report.say.headline import headline
from rpt.report.tables.study import tables
from rpt.report.tables.writers import WRITERS
from rpt.system.writing import OTHER_OUT, check_folder


def write_report(directory: Path, out: Path, group: str | None, command: str) -> tuple[Study, list[Paragraph]]:
    """Read the run folders of a study and write its report.

    Args:
        directory: Folder with the run folders, the `output_dir` of the sweep.
        out: Folder of the report; an earlier report there is replaced.
        group: Group of the study's runs; None if the folder has a single group.
        command: Command line that makes the report again, for the page.

    Returns:
        The study, and the paragraphs of its answer.

    Raises:
        StudyError: The folder has no comparable runs, or `out` holds files that do not belong to an earlier report, or
            another process writes this report.
        StorageError: The report cannot be written.
    """
    refuse_other_folder(out)
    check_folder(out.absolute().parent, OTHER_OUT)  # the draft of the report lies beside `out`
    study = collect(directory, group)
    diagnoses = diagnose(study)
    numbers = measure(study, diagnoses)
    report_tables, words = tables(study, numbers, diagnoses), answer(study, numbers)
    figures = draw(study, numbers, diagnoses)
    first = headline(study, numbers, words)
    study = replace(study, damaged=(*study.damaged, *(message for figure in diagnoses for message in figure.damaged)))
    page = render(study, report_tables, words, figures, diagnoses, headline=first, out=out, command=command)
    files = {"index.html": page.encode()}
    files |= {
        f"figures/{figure.name}.{ending}": content for figure in figures for ending, content in figure.files.items()
    }
    files |= {
        f"tables/{table.name}.{ending}": to_text(table).encode()
        for table in report_tables
        for ending, to_text in WRITERS.items()
    }
    publish(out, files)
    return study, words
