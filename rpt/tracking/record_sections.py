"""Sections of a run's record, as immutable classes. A value that the file lacks has no attribute."""

from __future__ import annotations

from typing import Annotated

from rpt.tracking.record_base import (
    Anything,
    Counts,
    Flag,
    Natural,
    NaturalOrNull,
    NumberOrNull,
    RecordSection,
    Scores,
    Text,
    TextOrNull,
    Texts,
    TextsByName,
    Value,
    Values,
    Words,
    absent,
    empty,
)


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
        habits: Habits that the run follows: rules of the published code that change a score.
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
        reported: Number of validation rows that were scored, whose score is reported.
        validation: Number of rows of the validation set if only a part of them was scored; otherwise None.
    """

    train: Natural = absent()
    held_out: Natural = absent()
    reported: Natural = absent()
    validation: NaturalOrNull = None


class DataFacts(RecordSection):
    """Source of the rows, and how the rows of each split were cut and drawn.

    Attributes:
        source: Source of the rows: `sample`, `jsonl` or `hub`.
        release: Name of the release whose checksum the rows have; None for other rows.
        folder: Folder of the task in the official release.
        version: Version of the sample rows; None for other sources.
        checksum: sha256 of the rows.
        rows: Number of rows of each split.
        cut: Number of rows whose texts were cut, by split. A split without such rows has no entry.
        tied: Number of rows in which several choices have the same tokens, by split. A split without such rows has no
            entry.
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
        weights_sha256: sha256 of the weight file; for several files, sha256 over their names and sha256 sums.
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
    """Numbers of trained and exported parameters.

    Attributes:
        paper: Number of parameters of prompt and encoder that receive a gradient, without biases, as the paper counts.
        held: Number of parameters of prompt and encoder that receive a gradient, with biases.
        kept: Number of values in the exported prompt, or in the kept table and encoder if no prompt is exported.
        head: Number of parameters of the classification head.
        body: Number of parameters of a fine-tuned backbone; 0 for a frozen backbone.
    """

    paper: Natural = absent()
    held: Natural = absent()
    kept: Natural = absent()
    head: Natural = absent()
    body: Natural = absent()


class PromptFacts(RecordSection):
    """Unit of the soft prompt, and its norm relative to the vocabulary's embeddings.

    Attributes:
        unit: Unit of the prompt, `prompt.unit`: `raw` or `vocab`.
        scale: Scale s of the unit: the backbone reads s (P + phi(P)).
        vocabulary_rms: Root mean square of the backbone's input embeddings. For a prompt before a later layer, root
            mean square of the vocabulary's states before this layer. For a prefix, root mean square of the vocabulary's
            keys and values.
        start_norm_ratio: Root mean square of the encoded prompt before the first step, divided by `vocabulary_rms`.
        start_update_ratio: Norm of phi(P) divided by the norm of P before the first step, mean over the virtual tokens;
            None for an encoder without a skip connection.
        first_step: Distance that the first step with a gradient moves the encoded prompt, divided by the prompt's norm.
        end_norm_ratio: Root mean square of the exported prompt, divided by `vocabulary_rms`.
        end_update_ratio: Norm of phi(P) divided by the norm of P of the exported prompt, mean over the virtual tokens;
            None for an encoder without a skip connection.
        not_folded: Reason why the encoder has no exported prompt: it `computes a prompt for each text`, or it `changes
            the embeddings of the text`. None for an encoder with an exported prompt.
        every_layer: Whether the prompt is a prefix, that is keys and values of every layer, in place of input vectors.
    """

    unit: Text = absent()
    scale: NumberOrNull = None
    vocabulary_rms: NumberOrNull = None
    start_norm_ratio: NumberOrNull = None
    start_update_ratio: NumberOrNull = None
    first_step: NumberOrNull = None
    end_norm_ratio: NumberOrNull = None
    end_update_ratio: NumberOrNull = None
    not_folded: TextOrNull = None
    every_layer: Flag = False


def is_folded(prompt: PromptFacts | None) -> bool:
    """Whether a run keeps its prompt as one matrix; True without a prompt (None)."""
    return prompt is None or prompt.not_folded is None


class EvaluationFacts(RecordSection):
    """Size and shape of the forward passes of an evaluation.

    Attributes:
        token_budget: Largest number of tokens of a forward pass, padding included.
        one_row_per_forward: Whether each forward pass holds a single row.
        fixed_shapes: Whether forward passes have fixed shapes, so that a row's results do not depend on other rows.
        max_new_tokens: Largest number of tokens of a generated answer; None for a run that generates no text, and in
            records of earlier versions.
    """

    token_budget: Value = absent()
    one_row_per_forward: Flag = absent()
    fixed_shapes: Flag = absent()
    max_new_tokens: NaturalOrNull = None


class GitState(RecordSection):
    """State of rpt's checkout.

    Attributes:
        commit: Commit of the checkout.
        dirty: Whether tracked files differ from the commit.
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
        bits: Facts that must be equal for bitwise equal trainings: `device`, `threads`, `torch`, `transformers`,
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


class HalvingFacts(RecordSection):
    """Successive halving in which the run competed, and the decision that stopped the run.

    Attributes:
        rungs: Number of rungs of the competition.
        keep: Share of the points that go on after each rung.
        rung: Number of the rung at which the run was stopped, from 1. A run that was not stopped lacks this key and the
            keys below.
        epoch: Number of epochs trained.
        rank: Rank of the run's point at the rung, from 1.
        competitors: Number of points that were ranked.
        score: Mean over the point's runs of the best held-out score until the rung, by which the point was ranked.
    """

    rungs: Natural = absent()
    keep: NumberOrNull = absent()
    rung: Natural = absent()
    epoch: Natural = absent()
    rank: Natural = absent()
    competitors: Natural = absent()
    score: NumberOrNull = absent()

    def describe(self) -> str:
        """Describe the decision: `stopped at rung 1 of 3, epoch 2, as rank 9 of 12, held-out score 0.714`."""
        where = f"stopped at rung {self.rung} of {self.rungs}, epoch {self.epoch}"
        return f"{where}, as rank {self.rank} of {self.competitors}, held-out score {self.score or 0.0:.3f}"


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
