"""The typed schema of a run's configuration.

Values and their explanations are in the YAML files. The schema holds only types and bounds, so that
`rpt.config.check` can report all wrong values at once. This module imports neither torch nor Hydra, so that a wrong
configuration is refused without these imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from rpt.config.bounds import ASIDE, Choices, Labels, Metrics, Seed, Word
from rpt.config.options import CountOrAuto, Size
from rpt.config.trainer_flags import LightningFlags


class NotValid(Exception):
    """Code has read a value that the schema refused. `rpt.config.partial` builds sections without such values."""


class Section(BaseModel):
    """Base class of a section of the configuration: strict types, no unknown keys, no infinite numbers, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers would take every unknown attribute for a value

        def __getattr__(self, name: str) -> Any:
            """Refuse the read of a value that is not valid; Python calls this only for missing attributes."""
            if name in type(self).model_fields:
                raise NotValid(name)
            return super().__getattr__(name)


class Component(BaseModel):
    """Component that a user may replace. `_target_` names its constructor; the other keys are constructor arguments."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    target: str | None = Field(alias="_target_")
    partial: bool = Field(default=False, alias="_partial_")

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the constructor, as the YAML file and the command line set them."""
        return dict(self.model_extra or {})


class PairFormat(Section):
    """Format of a row for an encoder backbone: one text or two. If a row has too many tokens, `first` is cut."""

    first: str
    second: str | None = None  # null: a row is one text
    per_choice: bool = False  # true: the backbone reads one text for each choice, and the head gives it one logit
    choices: Choices | None = None  # label texts, in label order; null: the task's labels, or each row's choices


class TextFormat(Section):
    """Format of a row for a language model: the input text and the possible answers."""

    prefix: str = ""  # text in front of `source`, such as the task's name; protocol.task_prefix=false leaves it out
    source: str
    cut: str | None = None  # field whose text may be cut if the source is too long; null: no field
    choices: Choices | None = None  # answer texts, in label order; null: the task's labels, or each row's choices
    framing: Literal["choice", "referent", "positives", "joined", "written"] = (
        "choice"  # way in which the reader turns a row into examples
    )


class Formats(Section):
    """Formats of a task, one for each backbone family. If a T5 generates text, `referent` (WSC) replaces `seq2seq`."""

    encoder: PairFormat | None = None
    seq2seq: TextFormat | None = None
    causal: TextFormat | None = None
    referent: TextFormat | None = None


class PaperConfig(Section):
    """Changes of a task under protocol=paper: format, metrics and habits (rules) of the paper's published code."""

    seq2seq: TextFormat
    metrics: Metrics
    habits: Annotated[tuple[str, ...], Field(strict=False)] = ()  # rules of that code, one sentence each


class TaskConfig(Section):
    """A task: its fields, labels, metrics and formats."""

    name: Word
    version: PositiveInt
    folder: str
    reader: str  # dotted path of the class that turns rows into examples
    fields: Annotated[tuple[str, ...], Field(strict=False)]
    derived: Annotated[tuple[str, ...], Field(strict=False)] = ()  # texts that the reader adds for the templates
    same_side: Annotated[tuple[str, ...], Field(strict=False)] = ()  # fields whose equal texts keep rows in one split
    labels: Labels | None = None  # null: each row has its own choices, or its answer is free text
    metrics: Metrics
    formats: Formats
    paper: PaperConfig | None = None  # null: the paper's published code lacks the task


class DataConfig(Section):
    """Source of the rows, and seeds of their order."""

    source: Literal["sample", "jsonl", "hub"]
    root: Annotated[str | None, ASIDE]  # the checksum of the rows is part of the identity instead
    hub_id: Annotated[str | None, ASIDE]
    split_seed: Seed
    order_seed: Seed
    max_rows: PositiveInt | None
    k_per_class: PositiveInt | None
    max_cut_share: Annotated[float, Field(ge=0, le=1), ASIDE]
    max_tied_share: Annotated[float, Field(ge=0, le=1), ASIDE] = 0.05  # default for older records without the key


class ProtocolConfig(Section):
    """Rules for selecting the checkpoint and for the reported rows. Records and reports show the protocol's `name`."""

    name: Literal["official", "paper"]
    select_on: Literal["held_out", "validation"]
    held_out_share: Annotated[float, Field(gt=0, lt=1)]
    task_prefix: bool


class BackboneConfig(Section):
    """The frozen language model and the position of the prompt in its input."""

    name: Word
    family: Literal["auto", "encoder", "seq2seq", "causal"]
    package: Annotated[str | None, ASIDE]
    path: Annotated[str | None, ASIDE]  # the sha256 of the backbone's files is part of the identity instead
    hub_id: Annotated[str | None, ASIDE]
    revision: Annotated[str | None, ASIDE]
    original: Annotated[str | None, ASIDE] = None  # hub id of a package's weights, for the exported adapter
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$"), ASIDE]
    dtype: Literal["auto", "float32", "bfloat16", "float64"]
    attention: Literal["auto", "eager", "sdpa"]
    dropout: bool = False  # default for older records without the key
    pooling: Literal["mean", "cls"]
    prompt_at: Literal["after_cls", "front", "end"]
    prompt_layer: NonNegativeInt = 0  # default for older records without the key
    text_limit: Annotated[int, Field(ge=8)]
    prompt_scale: PositiveFloat | None = None  # default for older records without the key
    text_cache_memory: Annotated[Size, ASIDE] = "4GiB"  # default for older records without the key
    text_cache_dir: Annotated[str | None, Field(min_length=1), ASIDE] = None
    text_cache_disk: Annotated[Size, ASIDE] = "64GiB"


class ScorerConfig(Section):
    """Scorer that turns rows into answers. `rpt.config.check` replaces `auto` by the scorer for the backbone."""

    name: Literal["auto", "head", "rank", "generate", "own"]
    length_normalised: bool
    component: Component | None = None  # scorer of the user, which `_target_` names; `name` is then `own`

    @model_validator(mode="before")
    @classmethod
    def _named_by_target(cls, values: Any) -> Any:
        is_component = isinstance(values, dict) and "_target_" in values
        return {"name": "own", "length_normalised": False, "component": values} if is_component else values


class TrainerConfig(Section):
    """Settings of the training loop: epochs, batch size, early stopping, token budgets, devices, checkpoints."""

    epochs: PositiveInt
    batch_size: PositiveInt
    patience: PositiveInt | None
    tune: Literal["prompt", "all"]
    tune_lr: PositiveFloat
    token_budget: CountOrAuto
    eval_token_budget: CountOrAuto
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE]
    devices: Annotated[CountOrAuto, ASIDE] = 1
    checkpoint_steps: Annotated[PositiveInt, ASIDE]
    checkpoint_seconds: Annotated[PositiveFloat, ASIDE] = 60.0  # default for older records without the key
    progress: Annotated[bool, ASIDE]
    lightning: LightningFlags = LightningFlags()


Tag = Annotated[str, Field(min_length=1, max_length=64)]
"""A tag of W&B. W&B accepts 1 to 64 characters."""


class LoggerConfig(Section):
    """Logger to which a run sends its curve, in addition to the run folder."""

    kind: Literal["wandb", "tensorboard", "lightning"]
    project: str | None = None
    entity: str | None = None
    mode: Literal["offline", "online", "disabled"] = "offline"
    name: str | None = None  # name of the run in W&B
    tags: Annotated[tuple[Tag, ...], Field(strict=False)] = ()
    component: Component | None = None  # logger of Lightning, which `_target_` names

    @model_validator(mode="before")
    @classmethod
    def _named_by_target(cls, values: Any) -> Any:
        is_component = isinstance(values, dict) and "_target_" in values
        return {"kind": "lightning", "component": values} if is_component else values


class PackingConfig(Section):
    """Settings of a pack (runs that are trained together). They do not affect a run that is trained alone."""

    exact: bool


class PromptConfig(Section):
    """Shape and unit of the soft prompt."""

    length: PositiveInt
    unit: Literal["raw", "vocab"] = "raw"  # default for older records without the key
    freeze: Literal["table", "encoder"] | None = None  # default for older records without the key


class ReportConfig(Section):
    """Names for a study's report: leading encoder, encoder of the headline's comparison, and method of this run."""

    leader: str | None = None
    reference: str | None = None
    method: Annotated[str | None, Field(pattern=r"^[\w ,.+()-]{1,40}$")] = None


class Config(Section):
    """Configuration of one run. Only `rpt.config.check.check` builds it."""

    task: TaskConfig
    data: DataConfig
    protocol: ProtocolConfig
    backbone: BackboneConfig
    encoder: Component
    init: Component
    scorer: ScorerConfig
    optim: Component
    trainer: TrainerConfig
    callbacks: dict[str, Component] = {}  # Hydra leaves the key out for callbacks=[]
    logger: Annotated[dict[str, LoggerConfig], ASIDE] = {}  # Hydra leaves the key out for logger=[]
    packing: Annotated[PackingConfig, ASIDE]  # changes only the last bits of scores; the record names the packing
    prompt: PromptConfig
    lr: PositiveFloat
    encoder_lr: PositiveFloat | None
    head_lr: PositiveFloat
    weight_decay: NonNegativeFloat
    encoder_weight_decay: NonNegativeFloat
    head_weight_decay: NonNegativeFloat
    schedule: Literal["constant", "linear"]
    warmup_steps: NonNegativeInt
    clip_norm: PositiveFloat | None
    seed: Seed
    output_dir: Annotated[str, Field(min_length=1), ASIDE]
    group: Annotated[str | None, ASIDE]
    question: Annotated[str | None, ASIDE] = None  # default for older records without the key
    report: Annotated[ReportConfig, ASIDE] = ReportConfig()  # default for older records without the key
    rerun: Annotated[bool, ASIDE]
    chosen: Annotated[dict[str, str], ASIDE]  # chosen option of each group, for names and tables

    @property
    def has_prompt(self) -> bool:
        """Whether a soft prompt is trained. With `encoder=none` there is no prompt."""
        return self.encoder.target is not None

    @property
    def has_own_forwards(self) -> bool:
        """Whether each forward pass holds rows of one run only: with `packing.exact` or dropout in the backbone."""
        return self.packing.exact or self.backbone.dropout

    @property
    def is_alone(self) -> bool:
        """Whether the run must be trained without other runs, because it trains the backbone or has callbacks."""
        return self.trainer.tune == "all" or bool(self.callbacks)

    @property
    def is_trained(self) -> bool:
        """Whether the run has trainable parameters: a prompt, the head of an encoder backbone, or the backbone."""
        return self.has_prompt or self.backbone.family == "encoder" or self.trainer.tune == "all"
