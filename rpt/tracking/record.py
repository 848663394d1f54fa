"""A run's record, `run.json`: everything that explains the run's score.

A record may be damaged, or come from another version of rpt or from a stranger. Code that reads run folders therefore
uses `Record.read`, and checks the values that it needs by `Record.problems`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from rpt.system.reading import Unreadable, read_json
from rpt.tracking.flat import Leaf, flatten
from rpt.tracking.kinds import NATURAL, SECTION, SECTION_OR_NULL, TEXT, TEXT_OR_NULL, Kind, problems_of, shown
from rpt.tracking.record_base import (
    Anything,
    MissingValue,
    Natural,
    NaturalOrNull,
    NumberOrNull,
    RecordError,
    RecordSection,
    Scores,
    Text,
    TextOrNull,
    Texts,
    Values,
    Whole,
    Words,
    absent,
    empty,
    section_of,
)
from rpt.tracking.record_sections import (
    BackboneFacts,
    BestCheckpoint,
    DataFacts,
    EnvironmentFacts,
    EvaluationFacts,
    HalvingFacts,
    PackFacts,
    ParameterCounts,
    PromptFacts,
    ProtocolFacts,
    TaskFacts,
)
from rpt.tracking.status import RECORD_STATUSES, RecordStatus

__all__ = ["TRAIN_AGAIN", "MissingValue", "Record", "RecordError"]

TRAIN_AGAIN = "Move the folder away, or set rerun=true to train again."


class Record(RecordSection):
    """Record of a run.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "run.json").write_text(json.dumps({"status": "finished", "scores": {"score": 0.5}}))
    >>> record = Record.read(folder)
    >>> record.status, record.scores["score"]
    ('finished', 0.5)

    `rpt.train` writes the record twice: at the start and at the end of the training. The values after `pack` in the
    list below, `backbone.fingerprint_after`, and the values of `prompt` that describe the end, are written at the end.

    Attributes:
        schema_version: Version of the record's layout. This rpt writes version 3, and reads versions 2 and 3.
        status: Status of the run when the record was written.
        name: Name of the run's folder.
        identity_hash: Identity hash of the run (`rpt.tracking.identity`).
        setting_hash: Hash of the run's setting, without its code; None in records of earlier versions.
        answer_hash: Hash of everything on which an answer depends; None in records of earlier versions.
        code: Version of the training code, and hash of the source of each component; absent in schema 2.
        chosen: Option of each configuration group.
        config: Whole configuration of the run.
        started: Time of the start, ISO 8601, UTC.
        resumed: Times at which the training was resumed.
        warnings: Warnings about the score or the training.
        task: Task of the run.
        protocol: Protocol of the run.
        data: Source and number of the rows.
        backbone: Backbone of the run.
        evaluation: Size and shape of the forward passes of an evaluation.
        majority: Metrics of always giving the most frequent answer, and their mean, `score`.
        environment: Machine, versions and code.
        parameters: Numbers of trained and exported parameters.
        prompt: Unit and size of the soft prompt; None for a run without a prompt, and in records of earlier versions.
        resumed_step: Step from which the training was resumed last; 0 for a training without an interruption.
        pack: Pack in which the run was trained.
        finished: Time of the end, ISO 8601, UTC.
        error: Reason for the failure or interruption.
        traceback: Traceback of an exception in the run's own code.
        seconds: Seconds of training and evaluation.
        tokens: Number of tokens of prompts, texts and answers trained on.
        tokens_per_second: `tokens` divided by `seconds`.
        steps: Number of optimizer steps.
        peak_memory_bytes: Peak memory.
        scores: Official metrics on the reported rows, and their mean, `score`, each from 0 to 1.
        loss: Mean loss over the reported rows, in nats.
        off_label_share: Share of the answers that are none of the choices.
        best: Selected checkpoint; None for a run without trainable parameters.
        adapter: Reason why the folder `adapter/` was not written; None if it was written.
        halving: Successive halving in which the run competed; None for a run that did not compete.
    """

    schema_version: Whole = absent(alias="schema")
    status: Annotated[RecordStatus, Words("running, interrupted, finished, stopped or failed")]
    name: Text = absent()
    identity_hash: Text = absent()
    setting_hash: TextOrNull = None
    answer_hash: TextOrNull = None
    code: Values = empty()
    chosen: Anything = empty()
    config: Anything = empty()
    started: Text = absent()
    resumed: Texts = ()
    warnings: Texts = ()
    task: TaskFacts = TaskFacts()
    protocol: ProtocolFacts = ProtocolFacts()
    data: DataFacts = DataFacts()
    backbone: BackboneFacts = BackboneFacts()
    evaluation: EvaluationFacts = EvaluationFacts()
    majority: Scores = empty()
    environment: EnvironmentFacts = EnvironmentFacts()
    parameters: ParameterCounts = ParameterCounts()
    prompt: Annotated[PromptFacts | None, Words("a section or null")] = None
    resumed_step: Natural = 0
    pack: PackFacts = PackFacts()
    finished: TextOrNull = None
    error: TextOrNull = None
    traceback: TextOrNull = None
    seconds: NumberOrNull = None
    tokens: NaturalOrNull = None
    tokens_per_second: NumberOrNull = None
    steps: NaturalOrNull = None
    peak_memory_bytes: NaturalOrNull = None
    scores: Scores = empty()
    loss: NumberOrNull = None
    off_label_share: NumberOrNull = None
    best: Annotated[BestCheckpoint | None, Words("a section or null")] = None
    adapter: TextOrNull = None
    halving: Annotated[HalvingFacts | None, Words("a section or null")] = None

    @classmethod
    def read(cls, folder: Path | str, advice: str = TRAIN_AGAIN) -> Record:
        """Read the record of a run folder.

        Args:
            folder: Folder of a run.
            advice: Sentence that advises the user if the record is refused.

        Raises:
            RecordError: The file cannot be read, is not a record of rpt, or holds a value that rpt does not write.
        """
        path = Path(folder) / "run.json"
        try:
            values = read_json(path)
        except Unreadable as error:
            raise RecordError(f"{error}. {advice}") from error
        if not isinstance(values, dict) or "status" not in values:
            raise RecordError(f"{path}: is no record of rpt. {advice}")
        if values["status"] not in RECORD_STATUSES:
            status = shown(values["status"])
            raise RecordError(f"{path}: status = {status}: rpt writes {', '.join(RECORD_STATUSES)}. {advice}")
        try:
            record = cls.model_validate(values)
        except ValidationError as error:
            problems = dict.fromkeys(_problem(values, details["loc"]) for details in error.errors(include_url=False))
            raise RecordError(f"{path}: {'; '.join(problems)}. {advice}") from error
        _, wrong = problems_of(values, OF_CONFIG)
        if wrong:
            raise RecordError(f"{path}: {'; '.join(wrong)}. {advice}")
        return record

    def values(self) -> dict[str, Any]:
        """Return the content of `run.json`: every value that was read or set, as plain values."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def updated(self, **values: Any) -> Record:
        """Return the record with other values."""
        return self.model_copy(update=values)

    def problems(self, needed: Mapping[str, Kind | None]) -> tuple[list[str], list[str]]:
        """Compare the record with the values that a reader needs.

        Args:
            needed: Kind that each needed value must have, by dotted key; None for the kind that the record declares.

        Returns:
            Missing keys, each up to its first part that is missing, and a message for each value of the wrong kind.
        """
        return problems_of(self, needed, _find)

    def flat(self) -> dict[str, Leaf]:
        """Return the configuration by dotted key; a list is formatted as JSON."""
        return flatten(self.config)

    @property
    def has_ended(self) -> bool:
        """Whether the run is finished or failed, so that means and shares over runs include it."""
        return self.status in ("finished", "failed")

    @property
    def is_over(self) -> bool:
        """Whether the same command does not go on with the training: the run is finished, stopped or failed."""
        return self.status in ("finished", "stopped", "failed")

    @property
    def stop_reason(self) -> str | None:
        """Sentence on the rung at which successive halving stopped the run; None for a run that was not stopped."""
        if self.status != "stopped":
            return None
        try:
            return "stopped by successive halving" if self.halving is None else self.halving.describe()
        except MissingValue:
            return "stopped by successive halving"

    @property
    def has_diverged(self) -> bool:
        """Whether the run has no score, because its loss became NaN or infinite, or because it raised an exception."""
        return self.status == "failed"

    @property
    def is_failed(self) -> bool:
        """Whether the run diverged, or its score is not above the score of the majority answer."""
        return self.has_diverged or bool((self.scores["score"] or 0.0) <= (self.majority["score"] or 0.0))

    def score_or_majority(self, metric: str = "score") -> float | None:
        """Return the value of a metric for means over runs. A run that diverged has the value of the majority answer.

        Args:
            metric: Name of the metric.

        Returns:
            Value from 0 to 1; None if the record does not have the metric.
        """
        return (self.majority if self.has_diverged else self.scores).get(metric)


OF_CONFIG = {
    "config.group": TEXT_OR_NULL,
    "config.question": TEXT_OR_NULL,
    "config.report": SECTION_OR_NULL,
    **dict.fromkeys((f"config.report.{key}" for key in ("leader", "reference", "method")), TEXT_OR_NULL),
    "config.prompt": SECTION,
    "config.prompt.unit": TEXT,
    "config.backbone": SECTION,
    "config.backbone.prompt_at": TEXT,
    "config.backbone.prompt_layer": NATURAL,
}
"""Kind of each value of the configuration that `Record.read` checks, by dotted key. A value may be missing."""


def _problem(values: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    """Write the message for a wrong value: its dotted key, the value, and the kind that it must have.

    Args:
        values: Content of `run.json`.
        location: Keys and indices that lead to the wrong value.
    """
    section: type[RecordSection] | None = Record
    keys, value, words = [], values, ""
    for part in location:
        if section is None:
            break
        field = next((field for name, field in section.model_fields.items() if (field.alias or name) == part), None)
        assert field is not None
        keys.append(str(part))
        value = value[str(part)]
        section = section_of(field)
        words = next((item.text for item in field.metadata if isinstance(item, Words)), "a section")
    return f"{'.'.join(keys)} = {shown(value)}: must be {words}"


def _find(record: Record, key: str) -> tuple[str | None, Any]:
    """Find the value of a dotted key.

    Returns:
        `(None, value)` for a key that exists. Otherwise `(missing, None)`, where `missing` is the key up to its first
        part that is missing.
    """
    value: Any = record
    parts = key.split(".")
    for count, part in enumerate(parts, 1):
        if isinstance(value, RecordSection):
            name = "schema_version" if part == "schema" else part
            is_present = name in value.model_fields_set
            value = getattr(value, name) if is_present else None
        else:
            is_present = isinstance(value, Mapping) and part in value
            value = value[part] if is_present else None
        if not is_present:
            return ".".join(parts[:count]), None
    return None, value
