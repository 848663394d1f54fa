"""Sections of a run's record, and the kinds of their values.

A record may come from an earlier version of rpt, or from a run that has not ended. A value that the file lacks has no
attribute: reading it raises `MissingValue`. `rpt.tracking.record.Record.missing` names such values beforehand.
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
"""Bound of the numbers in a record, so that every number fits an array of 64-bit numbers."""

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
    """Declare a section by name that is empty if the file lacks it."""
    return Field(default_factory=dict)


class RecordSection(BaseModel):
    """Base class of the sections of a record: strict kinds, immutable. Keys of a later version of rpt are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    _can_be_absent: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Note which values a file may lack."""
        cls._can_be_absent = frozenset(name for name, field in cls.model_fields.items() if field.default is ABSENT)

    def model_post_init(self, context: Any) -> None:
        """Remove the attributes of the values that the file lacks."""
        for name in self._can_be_absent - self.model_fields_set:
            del self.__dict__[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say which value is missing."""
            if name in type(self).model_fields:
                raise MissingValue(f"the record has no {name}")
            return super().__getattr__(name)


def section_of(field: FieldInfo) -> type[RecordSection] | None:
    """Return the section that a field holds; None for a field with a single value."""
    section = section_in(field.annotation)
    return section if section is not None and issubclass(section, RecordSection) else None


class TaskFacts(RecordSection):
    """Task of the run.

    Attributes:
        name: Name of the task.
        version: Version of the task's formats and metrics.
        metrics: Rule of each official metric, by name.
    """

    name: Text = absent()
    version: Value = absent()
    metrics: TextsByName = absent()


class ProtocolFacts(RecordSection):
    """Protocol of the run.

    Attributes:
        name: Name of the protocol: `official` or `paper`.
        select_on: Rows that select the checkpoint: `held_out` or `validation`.
        held_out_share: Share of the training rows that are held out.
        task_prefix: Whether the task's name stands before each input text.
        habits: Habits of the published code that the run follows.
    """

    name: Text = absent()
    select_on: Text = absent()
    held_out_share: Value = absent()
    task_prefix: Value = absent()
    habits: Texts = absent()


class RowCounts(RecordSection):
    """Number of rows of each split.

    Attributes:
        train: Number of rows that the run was trained on.
        held_out: Number of rows held out of the training rows.
        reported: Number of rows whose score is reported.
    """

    train: Natural = absent()
    held_out: Natural = absent()
    reported: Natural = absent()


class DataFacts(RecordSection):
    """Source of the rows, and what was done to them.

    Attributes:
        source: Source of the rows: `sample`, `jsonl` or `hub`.
        release: Name of the release whose checksum the rows have; None for other rows.
        folder: Folder of the task in the official release.
        version: Version of the sample rows; None for other sources.
        checksum: sha256 of the rows.
        rows: Number of rows of each split.
        cut: Number of rows with cut texts, by split. A split without such rows is left out.
        tied: Number of rows whose choices have the same tokens, by split. A split without such rows is left out.
        k_per_class: Number of training rows of each class in a few-shot run.
        drawn: Ids of the rows of a few-shot run, by split.
    """

    source: Text = absent()
    release: TextOrNull = None
    folder: TextOrNull = None
    version: Value = absent()
    checksum: Text = absent()
    rows: RowCounts = absent()
    cut: Counts = absent()
    tied: Counts = absent()
    k_per_class: Natural = absent()
    drawn: Anything = absent()


class BackboneFacts(RecordSection):
    """Backbone of the run.

    Attributes:
        name: Name of the backbone, `backbone.name`.
        family: Family of the model: `encoder`, `seq2seq` or `causal`.
        fingerprint_checkpoint: Hash of the weights as the file holds them.
        fingerprint_before: Hash of the loaded weights before training.
        fingerprint_after: Hash of the weights after training; equal to `fingerprint_before` if the backbone is frozen.
        weights_sha256: sha256 of the weight file; for several files, sha256 over their names and sums.
        parameters: Number of weights.
        dtype: Number format of the weights.
        attention: Attention implementation of transformers.
    """

    name: Text = absent()
    family: Text = absent()
    fingerprint_checkpoint: Text = absent()
    fingerprint_before: Text = absent()
    fingerprint_after: Text = absent()
    weights_sha256: Value = absent()
    parameters: Natural = absent()
    dtype: Text = absent()
    attention: Value = absent()


class ParameterCounts(RecordSection):
    """Count of the numbers that are trained and kept.

    Attributes:
        paper: Numbers of prompt and encoder that receive a gradient, without biases, as the paper counts them.
        held: Numbers of prompt and encoder that receive a gradient, with biases.
        kept: Numbers of the exported prompt.
        head: Numbers of the head.
        body: Numbers of a fine-tuned backbone.
    """

    paper: Natural = absent()
    held: Natural = absent()
    kept: Natural = absent()
    head: Natural = absent()
    body: Natural = absent()


class EvaluationFacts(RecordSection):
    """Forward passes of an evaluation.

    Attributes:
        token_budget: Largest number of tokens of a forward pass; None for no limit.
        one_row_per_forward: Whether each forward pass holds a single row.
        fixed_shapes: Whether the forward passes have fixed shapes, so that other rows cannot change a row's bits.
    """

    token_budget: Value = absent()
    one_row_per_forward: Flag = absent()
    fixed_shapes: Flag = absent()


class GitState(RecordSection):
    """State of rpt's checkout.

    Attributes:
        commit: Commit of the checkout.
        dirty: Whether files differ from the commit.
    """

    commit: Text = absent()
    dirty: Flag = absent()


class EnvironmentFacts(RecordSection):
    """Environment of the run.

    Attributes:
        python: Version of Python.
        packages: Version of each package, by name.
        git: Commit of rpt's checkout; None outside a checkout.
        platform: Operating system.
        bits: Facts that two trainings with the same bits must share: `device`, `threads`, `torch`, `transformers`,
            `forwards` (`own`, or `shared` in a pack) and `devices`.
    """

    python: Value = absent()
    packages: Values = empty()
    git: Annotated[GitState | None, Words("a section or null")] = None
    platform: Value = absent()
    bits: Values = empty()


class PackFacts(RecordSection):
    """Pack in which the run was trained.

    Attributes:
        size: Number of runs.
        members: Identity hashes of the runs.
        exact: Whether each forward pass holds rows of a single run.
    """

    size: Natural = absent()
    members: Texts = ()
    exact: Flag = absent()


class BestCheckpoint(RecordSection):
    """Selected checkpoint.

    Attributes:
        epoch: Number of epochs trained before the checkpoint.
        step: Number of steps trained before the checkpoint.
        held_out: Official metrics, their mean `score` and the loss on the rows that select the checkpoint.
    """

    epoch: Natural = absent()
    step: Natural = absent()
    held_out: Scores = empty()
