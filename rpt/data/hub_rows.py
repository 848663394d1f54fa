"""Turn rows of the hub's flattened view of SuperGLUE back into rows of the official release.

The view has one row per answer (MultiRC) or query (ReCoRD), numbers for labels, and WSC's spans as top-level fields.
It lacks fields that no example reads (MultiRC's `version`, ReCoRD's `source`). It does not say which mentions of a
ReCoRD answer the annotators marked, so every mention of the answer's text is taken.

Source: the loading script `super_glue.py` of github.com/huggingface/datasets, versions 1.0.2 and 1.0.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from rpt.errors import DataError

Row = Mapping[str, Any]
Placed = tuple[str, Row]

LABELS: dict[str, tuple[str | int | bool, ...]] = {
    "BoolQ": (False, True),
    "CB": ("entailment", "contradiction", "neutral"),
    "COPA": (0, 1),
    "MultiRC": (0, 1),
    "RTE": ("entailment", "not_entailment"),
    "WiC": (False, True),
    "WSC": (False, True),
}
"""Label values of the release in the order of the view's label numbers 0, 1, ..., by the release's folder."""

FIELDS: dict[str, tuple[str, ...]] = {
    "BoolQ": ("question", "passage", "idx", "label"),
    "CB": ("premise", "hypothesis", "idx", "label"),
    "COPA": ("premise", "choice1", "choice2", "question", "idx", "label"),
    "MultiRC": ("paragraph", "question", "answer", "idx", "label"),
    "ReCoRD": ("passage", "query", "entity_spans", "answers", "idx"),
    "RTE": ("premise", "hypothesis", "idx", "label"),
    "WiC": ("word", "sentence1", "sentence2", "start1", "end1", "start2", "end2", "idx", "label"),
    "WSC": ("text", "span1_index", "span1_text", "span2_index", "span2_text", "idx", "label"),
}
"""Fields that a row of the view must have, by the release's folder."""


def canonical(folder: str, rows: Iterable[Placed]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Turn rows of the view lazily into rows of the release.

    Args:
        folder: Name of the task's folder in the release: `CB`, `MultiRC`, ...
        rows: `(place, row)` in the view's order. The place names the row in messages.

    Returns:
        `(place, row)` of the release. A row made from several rows of the view has the place of the first of them.

    Raises:
        DataError: A row does not have the view's fields and labels, or the rows of a passage do not follow each other.
    """
    checked = (_checked(folder, place, row) for place, row in rows)
    if folder == "MultiRC":
        return _multirc(checked)
    if folder == "ReCoRD":
        return _record(checked)
    return ((place, _single(folder, place, row)) for place, row in checked)


def label_names(folder: str) -> list[str] | None:
    """Return the names of the label numbers 0, 1, ... in the hub's copy; None for a task without labels."""
    if folder == "COPA":
        return ["choice1", "choice2"]
    if folder == "MultiRC":
        return ["False", "True"]
    return [str(label) for label in LABELS[folder]] if folder in LABELS else None


def _checked(folder: str, place: str, row: Row) -> Placed:
    for field in FIELDS[folder]:
        if row.get(field) is None:
            older = " An older copy of the data set has no entity_spans." if field == "entity_spans" else ""
            field_names = ", ".join(FIELDS[folder])
            advice = "Use data.hub_id=aps/super_glue, or data=jsonl."
            raise DataError(f"{place}: has no {field}; the hub's {folder} rows have {field_names}.{older} {advice}")
    return place, row


def _single(folder: str, place: str, row: Row) -> dict[str, Any]:
    made = {field: row[field] for field in FIELDS[folder] if field not in ("idx", "label")}
    if folder == "WSC":
        made = {"text": made.pop("text"), "target": made}
    return {**made, "idx": row["idx"], **_label(folder, place, row)}


def _label(folder: str, place: str, row: Row) -> dict[str, Any]:
    """Return the row's label under the key `label`, or an empty dict for -1, which marks an unlabelled row."""
    number, labels = row["label"], LABELS[folder]
    if number == -1:
        return {}
    if not isinstance(number, int) or not 0 <= number < len(labels):
        raise DataError(f"{place}: label = {number!r} is none of the label numbers -1 to {len(labels) - 1}.")
    return {"label": labels[number]}


def _lines(rows: Iterable[Placed], level: str, text: str) -> Iterator[tuple[int, list[Placed]]]:
    """Group the rows that came from the same line of the release.

    Args:
        rows: `(place, row)` in the view's order.
        level: Key of `idx` that numbers the lines.
        text: Name of the field with the passage, which must be equal in all rows of a line.
    """
    seen: set[int] = set()
    for number, of_line in groupby(rows, key=lambda placed: placed[1]["idx"][level]):
        gathered = list(of_line)
        if number in seen:
            raise DataError(
                f"{gathered[0][0]}: idx {level} {number} comes again after other rows. Keep the rows in order."
            )
        seen.add(number)
        for place, row in gathered:
            if row[text] != gathered[0][1][text]:
                raise DataError(f"{place}: has another {text} than {gathered[0][0]}, although both have idx {number}.")
        yield number, gathered


def _multirc(rows: Iterable[Placed]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, gathered in _lines(rows, "paragraph", "paragraph"):
        questions: dict[int, dict[str, Any]] = {}
        for place, row in gathered:
            text, idx = row["question"], row["idx"]["question"]
            question = questions.setdefault(idx, {"question": text, "answers": [], "idx": idx})
            answer = {"text": row["answer"], "idx": row["idx"]["answer"]}
            question["answers"].append({**answer, **_label("MultiRC", place, row)})
        first, top = gathered[0]
        yield first, {"idx": number, "passage": {"text": top["paragraph"], "questions": list(questions.values())}}


def _record(rows: Iterable[Placed]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, gathered in _lines(rows, "passage", "passage"):
        first, top = gathered[0]
        mentions = _mentions(first, top)
        entities = [{"start": mention["start"], "end": mention["end"]} for mention in mentions]
        queries = [_query(place, row, mentions) for place, row in gathered]
        yield first, {"idx": number, "passage": {"text": top["passage"], "entities": entities}, "qas": queries}


def _query(place: str, row: Row, mentions: list[dict[str, Any]]) -> dict[str, Any]:
    query = {"query": row["query"], "idx": row["idx"]["query"]}
    if not row["answers"]:
        return query
    strangers = set(row["answers"]) - {mention["text"] for mention in mentions}
    if strangers:
        raise DataError(f"{place}: the answer {min(strangers)!r} is none of the passage's entity_spans.")
    return {**query, "answers": [mention for mention in mentions if mention["text"] in row["answers"]]}


def _mentions(place: str, row: Row) -> list[dict[str, Any]]:
    """Return the entities with the positions of their first and last character, as in the release.

    The view's `end` is the position behind the last character. The release's `end`, the position of the last character,
    is accepted as well. The text of the entity shows which of the two positions a row has.
    """
    spans = row["entity_spans"]
    if isinstance(spans, Mapping):  # a column of lists, as `datasets` before 4.0 stored a sequence of spans
        spans = [
            {"text": text, "start": start, "end": end}
            for text, start, end in zip(spans["text"], spans["start"], spans["end"], strict=True)
        ]
    mentions = []
    for span in spans:
        text, start = span["text"], span["start"]
        last = start + len(text) - 1
        if row["passage"][start : last + 1] != text or span["end"] not in (last, last + 1):
            where = f"characters {start} to {span['end']} of the passage"
            raise DataError(f"{place}: entity_spans says {text!r} for {where}, which hold another text.")
        mentions.append({"start": start, "end": last, "text": text})
    return mentions
