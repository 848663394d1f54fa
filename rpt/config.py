"""The typed schema of a run's configuration, and how a configuration is composed from `conf/`.

Values and their explanations live in the YAML files; this module holds types, bounds and nothing else, so that
a wrong value is refused with everything else that is wrong (`rpt.check`). It imports neither torch nor Hydra at
the top, because a refusal must not wait for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from rpt.bounds import Choices, Labels, MetricName, Metrics, Seed, Word
from rpt.errors import ConfigError
from rpt.options import CountOrAuto
from rpt.places import config_dir, expand_home

ASIDE = Field(json_schema_extra={"identity": False})
"""Marks a field that cannot change the number, so that it stays out of a run's identity."""


class Section(BaseModel):
    """A part of the configuration: no unknown key, no conversion of types, no infinity, no change after the check."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Component(BaseModel):
    """A leaf chosen by its constructor: `_target_` names it, every other key is one of its options."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    target: str | None = Field(alias="_target_")
    partial: bool = Field(default=False, alias="_partial_")

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's own options, as the YAML and the command line set them."""
        return dict(self.model_extra or {})


class PairFormat(Section):
    """How an encoder backbone reads a row: one text or two; `first` is the one that a limit may cut."""

    first: str
    second: str | None = None  # null: a row is one text
    per_choice: bool = False  # true: the pair is read once for each choice, and the head gives one logit
    choices: Choices | None = None  # label texts, in label order; null: the labels, or each row brings its own


class TextFormat(Section):
    """How a language model reads a row and what it is to write."""

    prefix: str = ""  # the task's name, which protocol.task_prefix=false leaves out
    source: str
    cut: str | None = None  # the field whose text a limit may cut; null: none
    choices: Choices | None = None  # what may be written, in label order; null: the labels, or each row brings its own
    framing: Literal["choice", "referent", "positives", "joined", "written"] = (
        "choice"  # what the reader makes of a row
    )


class Formats(Section):
    """A task's formats, at most one per backbone family; `referent` replaces seq2seq's where text is generated."""

    encoder: PairFormat | None = None
    seq2seq: TextFormat | None = None
    causal: TextFormat | None = None
    referent: TextFormat | None = None


class PaperConfig(Section):
    """What protocol=paper changes for a task: the published code's format, metrics and habits."""

    seq2seq: TextFormat
    metrics: Metrics
    habits: Annotated[tuple[str, ...], Field(strict=False)] = ()  # each goes into the record


class TaskConfig(Section):
    """A task on one screen: its fields, labels, metrics and formats."""

    name: Word
    version: PositiveInt
    folder: str
    reader: str  # the class that makes examples of rows
    fields: Annotated[tuple[str, ...], Field(strict=False)]
    derived: Annotated[tuple[str, ...], Field(strict=False)] = ()  # texts that the reader adds for the templates
    same_side: Annotated[tuple[str, ...], Field(strict=False)] = ()  # rows that share one of these texts stay together
    labels: Labels | None = None  # null: each row brings its own choices, or its answer is free text
    metrics: Metrics
    formats: Formats
    paper: PaperConfig | None = None  # null: the published code says nothing of the task


class DataConfig(Section):
    """Where the rows come from and which seeds order them."""

    source: Literal["sample", "jsonl", "hub"]
    root: Annotated[str | None, ASIDE]  # the rows' checksum is part of the identity instead
    hub_id: Annotated[str | None, ASIDE]
    split_seed: Seed
    order_seed: Seed
    max_rows: PositiveInt | None
    k_per_class: PositiveInt | None
    max_cut_share: Annotated[float, Field(ge=0, le=1), ASIDE]
    max_tied_share: Annotated[float, Field(ge=0, le=1), ASIDE] = 0.05  # records of before have no such key


class ProtocolConfig(Section):
    """How the checkpoint is chosen and what is reported; `name` stands for all of it in records and reports."""

    name: Literal["official", "paper"]
    select_on: Literal["held_out", "validation"]
    held_out_share: Annotated[float, Field(gt=0, lt=1)]
    task_prefix: bool


class BackboneConfig(Section):
    """The frozen language model and how the prompt meets it."""

    name: Word
    family: Literal["auto", "encoder", "seq2seq", "causal"]
    package: Annotated[str | None, ASIDE]
    path: Annotated[str | None, ASIDE]  # the weights' sha256 is part of the identity instead
    hub_id: Annotated[str | None, ASIDE]
    revision: Annotated[str | None, ASIDE]
    original: Annotated[str | None, ASIDE] = None  # hub id of a package's weights, for the exported adapter
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$"), ASIDE]
    dtype: Literal["auto", "float32", "bfloat16", "float64"]
    attention: Literal["auto", "eager", "sdpa"]
    dropout: bool = False  # records of before have no such key
    pooling: Literal["mean", "cls"]
    prompt_at: Literal["after_cls", "front"]
    text_limit: Annotated[int, Field(ge=8)]


class ScorerConfig(Section):
    """How a row becomes an answer. `auto` is resolved by `rpt.check`."""

    name: Literal["auto", "head", "rank", "generate"]
    length_normalised: bool


class TrainerConfig(Section):
    """The loop: how long, how wide, on what."""

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
    checkpoint_seconds: Annotated[PositiveFloat, ASIDE] = 60.0  # records of before have no such key
    progress: Annotated[bool, ASIDE]


Tag = Annotated[str, Field(min_length=1, max_length=64)]
"""A tag of W&B, within the lengths that W&B takes."""


class LoggerConfig(Section):
    """One place that curves go to besides the run folder."""

    kind: Literal["csv", "wandb", "tensorboard"]
    project: str | None = None
    entity: str | None = None
    mode: Literal["offline", "online", "disabled"] = "offline"
    name: str | None = None  # of the run in W&B
    tags: Annotated[tuple[Tag, ...], Field(strict=False)] = ()


class PackingConfig(Section):
    """How runs that are trained together share a forward; a run alone is not touched by it."""

    exact: bool


class PromptConfig(Section):
    """The soft prompt's shape."""

    length: PositiveInt


class Expected(Section):
    """A row of numbers that the paper gives for an experiment; `rpt.reproduce` puts ours beside them."""

    source: str  # the table or figure
    kind: Literal["printed", "recomputed", "digitised"]
    at: str | None = None  # the override that the row's setting has beside the experiment's; null: none
    metric: MetricName | Literal["score"] = "score"  # which of a run's scores the numbers are
    copied: str | None = None  # whose numbers the paper repeats; null: its own runs'
    caveat: str | None = None  # why no run of ours can be like those of the paper; null: one can
    points: dict[str, Annotated[float, Field(ge=0, le=100)]]  # by task; `average` is that of all eight


class Config(Section):
    """One run, whole. Built by `rpt.check.check` alone."""

    task: TaskConfig
    data: DataConfig
    protocol: ProtocolConfig
    backbone: BackboneConfig
    encoder: Component
    init: Component
    scorer: ScorerConfig
    optim: Component
    trainer: TrainerConfig
    logger: Annotated[dict[str, LoggerConfig], ASIDE] = {}  # Hydra leaves the key out for logger=[]
    packing: Annotated[PackingConfig, ASIDE]  # the same run, to the last bits; the record says how it was packed
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
    question: Annotated[str | None, ASIDE] = None  # records of before have neither this nor `expected`
    expected: Annotated[tuple[Expected, ...] | None, Field(strict=False), ASIDE] = None
    rerun: Annotated[bool, ASIDE]
    replay: Annotated[str | None, ASIDE]
    chosen: Annotated[dict[str, str], ASIDE]  # the option taken from each group, for names and tables

    @property
    def has_prompt(self) -> bool:
        """Whether a soft prompt is trained; without one (`encoder=none`) only the head is."""
        return self.encoder.target is not None

    @property
    def has_own_forwards(self) -> bool:
        """Whether no forward holds rows of two runs: asked for, or because what is dropped is drawn for each run."""
        return self.packing.exact or self.backbone.dropout

    @property
    def is_trained(self) -> bool:
        """Whether anything is trained; a language model without a prompt is not, unless its own weights are."""
        return self.has_prompt or self.backbone.family == "encoder" or self.trainer.tune == "all"


def compose(overrides: list[str]) -> dict[str, Any]:
    """Compose a configuration as `python run.py OVERRIDES` does: the plain dictionary that `rpt.check.check` takes."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    from rpt.broken_config import deep_files_refused

    with deep_files_refused(), initialize_config_dir(str(config_dir()), version_base="1.3"):
        composed = hydra_compose("config", overrides, return_hydra_config=True)
    return plain(composed, composed.hydra.runtime.choices)


def plain(composed: Any, choices: Any) -> dict[str, Any]:
    """Turn a composed configuration into a plain resolved dictionary.

    Args:
        composed: The composed configuration, with or without its `hydra` part.
        choices: Hydra's record of the option taken from each group; kept as `chosen`.

    Returns:
        The values, with `~` in paths expanded. What nobody set stays as the text `???`.

    Raises:
        ConfigError: Somebody has set `chosen` itself.
    """
    # Key by key, because a copy without Hydra's own part costs more than all the rest of a sweep's point.
    values = {key: _resolved(composed, key) for key in composed if key != "hydra"}
    if "chosen" in values:
        raise ConfigError.of("chosen", values["chosen"], "no such key. Options are chosen as GROUP=OPTION.")
    expand_home(values)
    chosen = {str(k): str(v) for k, v in choices.items() if not str(k).startswith("hydra")}
    return {**{str(key): value for key, value in values.items()}, "chosen": chosen}


def _resolved(composed: Any, key: Any) -> Any:
    """One top-level value, plain; `???` for what nobody set."""
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(composed, key):
        return "???"
    value = composed[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
