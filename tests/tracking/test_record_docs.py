"""The documentation of the record names every key, and the record documents every attribute."""

from pathlib import Path

from rpt.tracking.record import Record
from rpt.tracking.record_base import section_of
from tests.support.record_table import attributes, table

DOCS = Path(__file__).parents[2] / "docs" / "records.md"


def test_every_attribute_of_the_record_is_documented():
    sections = [Record]
    for section in sections:
        assert list(attributes(section)) == list(section.model_fields), section
        sections += [inner for field in section.model_fields.values() if (inner := section_of(field)) is not None]
    assert len(sections) == 14


def test_the_table_in_the_documentation_agrees_with_the_model():
    assert table() in DOCS.read_text(encoding="utf-8"), "update it: python -m tests.support.record_table"
