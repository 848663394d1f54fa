"""Write a report whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rpt.report.answer import Paragraph, answer
from rpt.report.collect import collect
from rpt.report.diagnostics import diagnose
from rpt.report.figures import draw
from rpt.report.headline import headline
from rpt.report.numbers import measure
from rpt.report.page import render
from rpt.report.study import Study, StudyError
from rpt.report.tables import tables
from rpt.report.writers import WRITERS
from rpt.tracking.files import storage, write_atomic

PARTS = ("index.html", "figures", "tables")
"""What lies in a report's folder."""


def write_report(directory: Path, out: Path, group: str | None, command: str) -> tuple[Study, list[Paragraph]]:
    """Read run folders and write their report; returns the study and its answer.

    Args:
        directory: The `output_dir` of the sweep.
        out: The report's folder; an earlier report there is replaced.
        group: Which study of several.
        command: That makes the report again.

    Raises:
        StudyError: The runs make no study, or `out` holds other things than a report.
        StorageError: It cannot be written.
    """
    _refuse_other_folder(out)
    study = collect(directory, group)
    diagnoses = diagnose(study)
    numbers = measure(study, diagnoses)
    found, words = tables(study, numbers, diagnoses), answer(study, numbers)
    figures = draw(study, numbers, diagnoses)
    first = headline(study, numbers, words)
    page = render(study, found, words, figures, diagnoses, headline=first, out=out, command=command)
    with storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        try:
            draft.chmod(0o755)
            (draft / "figures").mkdir()
            (draft / "tables").mkdir()
            write_atomic(draft / "index.html", page.encode())
            for figure in figures:
                figure.write(draft / "figures")
            for table in found:
                for ending, to_text in WRITERS.items():
                    write_atomic(draft / "tables" / f"{table.name}.{ending}", to_text(table).encode())
            _put(draft, out)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return study, words


def _refuse_other_folder(out: Path) -> None:
    """Replacing removes what was there, so only a report may be."""
    if not out.exists():
        return
    others = [entry.name for entry in out.iterdir() if entry.name not in PARTS] if out.is_dir() else [out.name]
    if others:
        advice = "Name another folder with --out."
        raise StudyError(
            f"{out}: is no report of rpt, it holds {others[0]}, and a report replaces its folder. {advice}"
        )


def _put(draft: Path, out: Path) -> None:
    """Put a finished folder in its place; the earlier one goes only when the new one is there."""
    if not out.exists():
        draft.replace(out)
        return
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old."))
    out.replace(aside)  # onto an empty folder
    try:
        draft.replace(out)
    except BaseException:
        aside.replace(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
