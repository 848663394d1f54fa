"""Training steps of PEFT's prompt tuning in the Trainer of transformers. This module imports nothing of rpt.

The settings "as documented" are those of PEFT's quicktour: `get_peft_model`, and a Trainer with its default values.
The collators are those of transformers' task guides, which pad each batch to its longest row.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.names import BATCH, PROMPT_LENGTH
from benchmarks.peers.stopwatch import Stopwatch, Taken

TASK_TYPES = {"encoder": "SEQ_CLS", "causal": "CAUSAL_LM", "seq2seq": "SEQ_2_SEQ_LM"}


@dataclass(frozen=True)
class Settings:
    """Settings of a user of PEFT and Trainer. The defaults are the documented settings.

    Attributes:
        dtype: Dtype of the frozen weights; `auto` is the default of transformers, the dtype of the weight files.
        attention: Attention implementation; None for the default of transformers.
        sampling: Order of the rows: `random`, `group_by_length`, or `sorted` for rows that the user has sorted.
        autocast: Whether the Trainer runs with `bf16=True`.
    """

    dtype: str = "auto"
    attention: str | None = None
    sampling: str = "random"
    autocast: bool = False


DOCUMENTED = Settings()


class PeftSteps:
    """Function that trains one epoch over the rows, with a new Trainer in each call.

    Args:
        folder: Folder of the weights.
        family: Family of the backbone.
        rows: Tokenised rows; their number is a multiple of the batch size.
        num_labels: Number of labels, for a classifier.
        settings: Settings of the user.

    Attributes:
        stopwatch: Stopwatch of the training loop.
        model: Model of PEFT.
    """

    def __init__(
        self, folder: str, family: str, rows: list[dict[str, Any]], num_labels: int, settings: Settings
    ) -> None:
        from peft import PromptTuningConfig, get_peft_model
        from transformers import AutoTokenizer

        self.family, self.settings = family, settings
        self.rows = sorted(rows, key=lambda row: len(row["input_ids"])) if settings.sampling == "sorted" else rows
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        model = load(folder, family, num_labels, settings)
        if family == "causal":
            model.config.pad_token_id = self.tokenizer.pad_token_id
        self.model = get_peft_model(
            model, PromptTuningConfig(task_type=TASK_TYPES[family], num_virtual_tokens=PROMPT_LENGTH)
        )
        self.stopwatch = Stopwatch()

    @property
    def dtype(self) -> Any:
        """Dtype of the frozen weights."""
        return self.model.get_base_model().dtype

    def __call__(self) -> Taken:
        """Train one epoch."""
        from transformers import PrinterCallback

        trainer = self._trainer()
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return Taken(self.stopwatch.seconds, len(self.rows), num_tokens(self.family, self.rows))

    def _trainer(self) -> Any:
        from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer, TrainingArguments

        kind, arguments = (
            (Seq2SeqTrainer, Seq2SeqTrainingArguments) if self.family == "seq2seq" else (Trainer, TrainingArguments)
        )
        strategies = {"sorted": "sequential"}
        return kind(
            model=self.model,
            args=arguments(
                output_dir=tempfile.gettempdir(),
                per_device_train_batch_size=BATCH,
                max_steps=len(self.rows) // BATCH,
                save_strategy="no",  # the Trainer would save after the last step, outside the measured time
                disable_tqdm=True,
                use_cpu=True,
                bf16=self.settings.autocast,
                train_sampling_strategy=strategies.get(self.settings.sampling, self.settings.sampling),
            ),
            train_dataset=self.rows,
            processing_class=self.tokenizer,
            data_collator=self._collator(),
            callbacks=[_timed(self.stopwatch)],
        )

    def _collator(self) -> Any:
        from transformers import DataCollatorForSeq2Seq, DataCollatorWithPadding

        kind = DataCollatorWithPadding if self.family == "encoder" else DataCollatorForSeq2Seq
        return kind(self.tokenizer)


def load(folder: str, family: str, num_labels: int, settings: Settings) -> Any:
    """Load the model of a family as transformers' guides do."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

    options: dict[str, Any] = {"dtype": settings.dtype}
    if settings.attention is not None:
        options["attn_implementation"] = settings.attention
    if family == "encoder":
        return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=num_labels, **options)
    kind = AutoModelForCausalLM if family == "causal" else AutoModelForSeq2SeqLM
    return kind.from_pretrained(folder, **options)


def num_tokens(family: str, rows: list[dict[str, Any]]) -> int:
    """Count the tokens of prompts, texts and outputs, without padding."""
    outputs = sum(len(row["labels"]) for row in rows) if family == "seq2seq" else 0
    return sum(len(row["input_ids"]) + PROMPT_LENGTH for row in rows) + outputs


def _timed(stopwatch: Stopwatch) -> Any:
    from transformers import TrainerCallback

    class Timed(TrainerCallback):
        """Callback of the Trainer that tells a stopwatch the times of the steps."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            stopwatch.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            stopwatch.step_ends()

    return Timed()


def quiet() -> None:
    """Silence progress bars and warnings of transformers."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # transformers 5.23 itself uses a name that it has deprecated.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
