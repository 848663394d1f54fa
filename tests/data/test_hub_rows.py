"""Rows that do not follow the hub's view are refused with their position. `test_hub.py` tests rows that follow it."""

import pytest

from rpt.data.hub_rows import canonical
from rpt.errors import DataError

RECORD = {
    "passage": "Ann met Bob.",
    "query": "@placeholder met Bob.",
    "entity_spans": [{"text": "Ann", "start": 0, "end": 3}, {"text": "Bob", "start": 8, "end": 11}],
    "answers": ["Ann"],
    "idx": {"passage": 0, "query": 0},
}
MULTIRC = {
    "paragraph": "Ann met Bob.", "question": "Who met Bob?", "answer": "Ann", "label": 1,
    "idx": {"paragraph": 0, "question": 0, "answer": 0},
}  # fmt: skip
OTHER = {**MULTIRC, "idx": {"paragraph": 1, "question": 1, "answer": 1}}


@pytest.mark.parametrize(
    ("folder", "rows", "reason"),
    [
        (
            "ReCoRD",
            [{**RECORD, "entity_spans": None}],
            "f:1: has no entity_spans; the hub's ReCoRD rows have passage, query, entity_spans, answers, idx. An older "
            "copy of the data set has no entity_spans. Use data.hub_id=aps/super_glue, or data=jsonl.",
        ),
        (
            "MultiRC",
            [{**MULTIRC, "paragraph": None}],
            "f:1: has no paragraph; the hub's MultiRC rows have paragraph, question, answer, idx, label. "
            "Use data.hub_id=aps/super_glue, or data=jsonl.",
        ),
        ("MultiRC", [{**MULTIRC, "label": 2}], "f:1: label = 2 is none of the label numbers -1 to 1."),
        (
            "MultiRC",
            [MULTIRC, OTHER, MULTIRC],
            "f:3: idx paragraph 0 comes again after other rows. Keep the rows in order.",
        ),
        (
            "MultiRC",
            [MULTIRC, {**MULTIRC, "paragraph": "Bob met Ann."}],
            "f:2: has another paragraph than f:1, although both have idx 0.",
        ),
        (
            "ReCoRD",
            [{**RECORD, "entity_spans": [{"text": "Bob", "start": 0, "end": 3}]}],
            "f:1: entity_spans says 'Bob' for characters 0 to 3 of the passage, which hold another text.",
        ),
        (
            "ReCoRD",
            [{**RECORD, "entity_spans": [{"text": "Ann", "start": 0, "end": 4}]}],
            "f:1: entity_spans says 'Ann' for characters 0 to 4 of the passage, which hold another text.",
        ),
        ("ReCoRD", [{**RECORD, "answers": ["Eve"]}], "f:1: the answer 'Eve' is none of the passage's entity_spans."),
    ],
)
def test_a_row_that_does_not_follow_the_view_is_refused(folder, rows, reason):
    with pytest.raises(DataError) as caught:
        list(canonical(folder, [(f"f:{number}", row) for number, row in enumerate(rows, start=1)]))
    assert str(caught.value) == reason
