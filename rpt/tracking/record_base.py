"""Base class of the sections of a run's record, and the kinds of their values.

A record may come from an earlier version of rpt, or from a run that has not ended. A value that the file lacks has no
attribute: reading it raises `MissingValue`. `rpt.tracking.record.Record.problems` lists the values that are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from rpt.config.sections import section_in
from rpt.errors import StorageError

ABSENT = object()
"""Default of every value that a file may lack."""


class RecordError(StorageError):
    """A record cannot be read, or holds values that rpt does not write."""


class MissingValue(RecordError, AttributeError):
    """A record does not hold a value that was read from it."""


class Words(NamedTuple):
    """Name of a kind of value in a message, such as "a number"."""

    text: str


LARGEST = 2.0**63
"""Upper bound of the absolute value of each number in a record, so that it fits into 64 bits."""

Finite = Annotated[float, Field(gt=-LARGEST, lt=LARGEST, allow_inf_nan=False)]
NumberOrNull = Annotated[Finite | None, Words("a number or null")]
Whole = Annotated[int, Field(gt=-(2**63), lt=2**63), Words("a whole number")]
Natural = Annotated[int, Field(ge=0, lt=2**63), Words("a whole number of 0 or more")]
NaturalOrNull = Annotated[Annotated[int, Field(ge=0, lt=2**63)] | None, Words("a whole number of 0 or more, or null")]
Text = Annotated[str, Words("a text")]
TextOrNull = Annotated[str | None, Words("a text or null")]
Texts = Annotated[tuple[str, ...], Field(strict=False), Words("a list of texts")]
Flag = Annotated[bool, Words("true or false")]
Value = Annotated[str | int | float | bool | None, Words("a text, a number or null")]
Values = Annotated[dict[str, Value], Words("a section of texts, numbers or null")]
TextsByName = Annotated[dict[str, str], Words("a section of texts")]
Counts = Annotated[dict[str, Natural], Words("a section of whole numbers of 0 or more")]
Scores = Annotated[dict[str, Finite | None], Words("a section of numbers")]
"""Numbers by metric. A number that is not finite is written as null."""
Anything = Annotated[dict[str, Any], Words("a section")]


def absent(**options: Any) -> Any:
    """Declare a value that a file may lack."""
    return Field(default=ABSENT, **options)


def empty() -> Any:
    """Declare a dictionary that is empty if the file lacks it."""
    return Field(default_factory=dict)


class RecordSection(BaseModel):
    """Base class of the sections of a record, which are immutable. A value of another kind than declared is refused.

    Keys that a later version of rpt has added are kept.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    _can_be_absent: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Store the names of the values that a file may lack."""
        cls._can_be_absent = frozenset(name for name, field in cls.model_fields.items() if field.default is ABSENT)

    def model_post_init(self, context: Any) -> None:
        """Remove the attributes of the values that the file lacks."""
        for name in self._can_be_absent - self.model_fields_set:
            del self.__dict__[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise `MissingValue` with the name of the missing value."""
            if name in type(self).model_fields:
                raise MissingValue(f"the record has no {name}")
            return super().__getattr__(name)


def section_of(field: FieldInfo) -> type[RecordSection] | None:
    """Return the section that a field holds; None for a field with a single value."""
    section = section_in(field.annotation)
    return section if section is not None and issubclass(section, RecordSection) else None
