"""Rows without a right answer get one wherever their task reads one, and the given row stays as it is."""

import json

import pytest

from rpt.errors import ReaderError
from rpt.predict.placeholders import filled
from rpt.tasks.task import Task


class OwnPlaces(Task):
    """A user's task with the right answers in a list of objects."""

    answer_field = "gold"

    def answer_places(self, row):
        """Yield the statements. A row without a list is of a wrong form."""
        yield from ((statement, "good") for statement in row["statements"])

    def read_row(self, row):
        """Yield an example for each statement."""
        for number, statement in enumerate(row.parts("statements")):
            yield self.example(statement, (row.number("idx"), number), {"text": statement.text("text")})


def test_a_task_of_the_user_says_where_its_rows_have_answers():
    task = OwnPlaces(name="mood", fields=["text"], labels=["bad", "good"], choices=["bad", "good"])
    row = {"idx": 3, "statements": [{"text": "It rains."}, {"text": "It shines.", "gold": "bad"}]}
    before = json.dumps(row)
    made, is_labelled = filled(task, row, "row 1")
    assert [statement["gold"] for statement in made["statements"]] == ["good", "bad"]
    assert (is_labelled, json.dumps(row)) == (False, before)
    assert [example.target for example in task.examples([("row 1", made)])] == [1, 0]
    assert filled(task, made, "row 1") == (made, True)
    with pytest.raises(ReaderError, match=r"row 2: the task's reader .*OwnPlaces raised KeyError: 'statements'"):
        filled(task, {"idx": 4}, "row 2")
