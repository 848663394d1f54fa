"""A training loop with the habits of the published code (ResidualPrompts, commit 53087ca).

The habits: rows are padded to 512 tokens, weights are float32, and the backbone's dropout is active. In the first 250
steps of each epoch, a T5 backbone also generates the answers of the batch, to print a training score.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.names import BATCH, PROMPT_LENGTH
from benchmarks.peers.peft_steps import num_tokens
from benchmarks.peers.stopwatch import Stopwatch, Taken

WIDTH = 512
"""Number of tokens to which rows are padded, prompt included."""


class PublishedSteps:
    """Function that takes one training step over eight rows.

    Args:
        family: Family of the backbone.
        model: Model of transformers in float32, whose weights are frozen.
        rows: Tokenised rows. The step uses eight of them, evenly spaced.
        max_new_tokens: Largest number of tokens of a generated answer.
    """

    def __init__(self, family: str, model: Any, rows: list[dict[str, Any]], max_new_tokens: int) -> None:
        self.family, self.model, self.max_new_tokens = family, model.requires_grad_(False), max_new_tokens
        self.rows = rows[:: max(1, len(rows) // BATCH)][:BATCH]
        embedding = model.get_input_embeddings().weight
        self.prompt = nn.Parameter(embedding[:PROMPT_LENGTH].detach().clone())
        self.optimizer = torch.optim.AdamW([self.prompt], lr=0.3, weight_decay=1e-5)
        width = WIDTH - PROMPT_LENGTH
        self.ids = _padded([row["input_ids"] for row in self.rows], 0, width)
        self.mask = _padded([row["attention_mask"] for row in self.rows], 0, width)
        labels = [row["labels"] if isinstance(row["labels"], list) else [row["labels"]] for row in self.rows]
        longest = width if family == "causal" else max(map(len, labels))
        self.labels = _padded(labels, -100, longest)

    def __call__(self) -> Taken:
        """Take the step. A T5 backbone also generates the answers, as in one of the first 250 steps of an epoch."""
        stopwatch = Stopwatch()
        was_training = self.model.training
        self.model.train()
        embeds, mask = self._inputs()
        self.model(inputs_embeds=embeds, attention_mask=mask, labels=self._targets()).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.family == "seq2seq":
            with torch.no_grad():
                embeds, mask = self._inputs()
                encoder = self.model.get_encoder()
                states = encoder(inputs_embeds=embeds, attention_mask=mask)
                self.model.generate(
                    encoder_outputs=states, attention_mask=mask, max_new_tokens=self.max_new_tokens, do_sample=False
                )
        stopwatch.step_ends()
        self.model.train(was_training)
        return Taken(stopwatch.seconds, len(self.rows), num_tokens(self.family, self.rows))

    def _inputs(self) -> tuple[Tensor, Tensor]:
        """Return embeddings `[rows, WIDTH, hidden]` of prompt and text, and their mask `[rows, WIDTH]`."""
        text = self.model.get_input_embeddings()(self.ids)
        prompt = self.prompt.expand(len(text), -1, -1)
        ones = self.mask.new_ones(len(text), PROMPT_LENGTH)
        return torch.cat([prompt, text], dim=1), torch.cat([ones, self.mask], dim=1)

    def _targets(self) -> Tensor:
        if self.family == "causal":
            return torch.cat([self.labels.new_full((len(self.labels), PROMPT_LENGTH), -100), self.labels], dim=1)
        return self.labels.squeeze(1) if self.family == "encoder" else self.labels


def _padded(rows: list[list[int]], value: int, width: int) -> Tensor:
    return torch.tensor([(row + [value] * width)[:width] for row in rows])
