"""`python -m tests.support.record_table`: print the table of a record's keys for `docs/records.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import getdoc

from rpt.tracking.record import Record
from rpt.tracking.record_base import RecordSection, Words, section_of

AT_THE_END = "finished"
"""First key of a record that is written at the end of a run. All keys after it are written at the end, too."""

WRITTEN_LATER = ("fingerprint_after", "first_step", "end_norm_ratio", "end_update_ratio")
"""Keys that are written at the end into a section that is written at the start."""


def table() -> str:
    """Format a line for each key and each key of a section: the key, its kind, its meaning, and when it is written."""
    lines = ["| key | kind | content | written at |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _rows(Record))]) + "\n"


def _rows(section: type[RecordSection], above: str = "", moment: str = "start") -> Iterator[tuple[str, ...]]:
    meanings = attributes(section)
    for name, field in section.model_fields.items():
        key = field.alias or name
        if not above and key == AT_THE_END:
            moment = "end"
        at = "end" if key in WRITTEN_LATER else moment
        inner = section_of(field)
        kind = next((item.text for item in field.metadata if isinstance(item, Words)), "a section")
        yield f"`{above}{key}`", kind, meanings[name].replace("None", "null"), at
        if inner is not None:
            yield from _rows(inner, f"{above}{key}.", at)


def attributes(section: type[RecordSection]) -> dict[str, str]:
    """Read the meaning of each attribute from the docstring of a section, on one line."""
    meanings: dict[str, list[str]] = {}
    body = (getdoc(section) or "").partition("Attributes:\n")[2]
    for line in body.splitlines():
        name, colon, text = line.strip().partition(": ")
        if colon and name in section.model_fields and line.startswith("    ") and not line.startswith("     "):
            meanings[name] = [text]
        elif line.strip() and meanings:
            meanings[next(reversed(meanings))].append(line.strip())
    return {name: " ".join(texts).removesuffix(".") for name, texts in meanings.items()}


if __name__ == "__main__":
    sys.stdout.write(table())
