"""Check the files of a submission (a ZIP file). Nothing is unpacked to disk."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeGuard
from zipfile import BadZipFile

from rpt.data.jsonl import parse_line
from rpt.errors import DataError
from rpt.submit.leaderboard import FILES, NESTED, LeaderboardFile
from rpt.system.reading import reason_of

MOST_BYTES = 16 * 2**20
"""Largest accepted size of an unpacked file, in bytes. The largest valid file, ReCoRD.jsonl, has under a megabyte."""

MOST_PROBLEMS = 20
"""Largest number of problems that are reported. The check ends when it has found this many."""

LONGEST_VALUE = 100
"""Largest number of characters of a value that are quoted in a problem."""

MEMBERS = [f"{name}.jsonl" for name in FILES]
"""Names of the files that are read. Of several files with the same name, only the first is read."""

BROKEN_ARCHIVE = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, lzma.LZMAError, BadZipFile)
"""Errors of zipfile for damaged archives. NotImplementedError, for unknown compression, is a RuntimeError."""


def check_submission(path: Path | BytesIO) -> tuple[list[str], list[str]]:
    """Check a submission.

    Args:
        path: Path of a ZIP file, or the content of one.

    Returns:
        Problems, each with file and line, and names of the files that the submission lacks.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            first = {member.filename: member for member in reversed(members)}
            found = chain(_names(members), *(_member(archive, first[name]) for name in MEMBERS if name in first))
            problems = list(islice(found, MOST_PROBLEMS))
    except BROKEN_ARCHIVE as error:
        return [f"{path}: cannot be read as a ZIP file ({reason_of(error)})"], []
    return problems, [name for name in FILES if f"{name}.jsonl" not in first]


def _names(members: list[zipfile.ZipInfo]) -> Iterator[str]:
    names = [member.filename for member in members]
    if not names:
        yield "the ZIP file is empty"
    for name in dict.fromkeys(names):
        if name.removesuffix(".jsonl") not in FILES or not name.endswith(".jsonl"):
            yield f"{_shown(name)}: is no file of a submission; allowed are {', '.join(MEMBERS)}"
        elif names.count(name) > 1:
            yield f"{name}: is in the ZIP file {names.count(name)} times"


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[str]:
    """Yield the problems of a file in the archive."""
    file = FILES[member.filename.removesuffix(".jsonl")]
    try:
        with archive.open(member) as stream:
            content = stream.read(MOST_BYTES + 1)
        lines = content.decode("utf-8").split("\n")
    except BROKEN_ARCHIVE as error:
        yield f"{member.filename}: cannot be read ({reason_of(error)})"
        return
    if len(content) > MOST_BYTES:
        yield f"{member.filename}: is larger than {MOST_BYTES // 2**20} MiB"
        return
    yield from _lines(file, lines[:-1] if lines[-1] == "" else lines)


def _lines(file: LeaderboardFile, lines: list[str]) -> Iterator[str]:
    name, last = f"{file.name}.jsonl", -1
    if len(lines) != file.rows:
        yield f"{name}: has {len(lines):,} lines, and the test split has {file.rows:,} rows"
    for number, line in enumerate(lines, start=1):
        place = f"{name}:{number}"
        try:
            entry = parse_line(line, place)
        except DataError as error:
            yield str(error)
            continue
        idx = entry.get("idx")
        if not _is_number(idx):
            yield f"{place}: idx {_shown(idx)} is not a whole number"
        else:
            if idx <= last:
                yield f"{place}: idx {idx} is not above {last}, the idx of the line before"
            last = idx
        yield from (_passage if file.name == NESTED else _label)(file, entry, place, frozenset({"idx"}))


def _label(file: LeaderboardFile, entry: dict[str, Any], place: str, others: frozenset[str]) -> Iterator[str]:
    """Yield the problems of an entry, whose keys must be `label` and the names in `others`."""
    if entry.keys() != others | {"label"}:
        keys = _shortened(", ".join(entry))
        yield f"{place}: has the keys {keys}; it must have {', '.join(sorted(others | {'label'}))}"
        return
    label = entry["label"]
    if file.labels is None:
        if not isinstance(label, str) or not label.strip():
            yield f"{place}: label {_shown(label)} is not a text"
    elif not any(label == known and type(label) is type(known) for known in file.labels):
        yield f"{place}: label {_shown(label)} is unknown; allowed are {', '.join(map(repr, file.labels))}"


def _passage(file: LeaderboardFile, entry: dict[str, Any], place: str, others: frozenset[str]) -> Iterator[str]:
    """Yield the problems of a passage with questions and answers (MultiRC). `others` are further keys of an answer."""
    passage = entry.get("passage")
    questions = passage.get("questions") if isinstance(passage, dict) else None
    if not isinstance(questions, list) or not questions:
        yield f"{place}: passage.questions is not a list of at least one question"
        return
    for number, question in enumerate(questions):
        where = f"{place}: passage.questions[{number}]"
        answers = question.get("answers") if isinstance(question, dict) else None
        if not isinstance(answers, list) or not answers or not _is_number(question.get("idx")):
            yield f"{where} needs idx and a list of answers"
            continue
        for position, answer in enumerate(answers):
            if not isinstance(answer, dict) or not _is_number(answer.get("idx")):
                yield f"{where}.answers[{position}] needs idx and label"
            else:
                yield from _label(file, answer, f"{where}.answers[{position}]", others)


def _shown(value: Any) -> str:
    """Format a value for a message, shortened. A text is put in quotes."""
    return _shortened(repr(value))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
