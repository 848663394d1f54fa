"""A plain PyTorch loop with the parts of rpt: the same batches, backbone, prompt encoder, head and optimizer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.peers.stopwatch import Stopwatch, Taken
from rpt.data.datamodule import PackData
from rpt.data.rows import Rows
from rpt.training.module import PromptTuner


class BareSteps:
    """Function that takes the steps of the first epoch in a loop without Lightning, records or packing.

    Args:
        tuner: Module of a single run, whose backbone, prompt, head and optimizer the loop uses.
        data: Data of the run. The batches are built before the measured time.
    """

    def __init__(self, tuner: PromptTuner, data: PackData) -> None:
        self.run, self.backbone, self.scorer = tuner.runs[0], tuner.backbone, tuner.scorer
        self.model = tuner.backbone.model
        loader = data.train_dataloader()
        loader.first_step = 0
        self.batches = list(loader)
        losses: dict[str, Callable[[Rows, Tensor], Tensor]] = {
            "encoder": self._encoder,
            "causal": self._causal,
            "seq2seq": self._seq2seq,
        }
        self.loss = losses[data.config.backbone.family]

    def __call__(self) -> Taken:
        """Take the steps of the epoch."""
        trained, optimizer = self.run.trainable, self.run.optimizer
        examples = tokens = 0
        stopwatch = Stopwatch()
        for batch in self.batches:
            prompt = trained().to(self.backbone.dtype)
            self.loss(batch, prompt.expand(len(batch), -1, -1)).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            examples += len(batch)
            tokens += batch.num_tokens(0, prompt.shape[0])
        stopwatch.step_ends()
        return Taken(stopwatch.seconds, examples, tokens)

    def _encoder(self, rows: Rows, prompt: Tensor) -> Tensor:
        """Return the mean cross-entropy over the labels, with the prompt behind `[CLS]`."""
        text, ones = self.backbone.embed(rows.ids), rows.mask.new_ones(prompt.shape[:2])
        embeds = torch.cat([text[:, :1], prompt, text[:, 1:]], dim=1)
        mask = torch.cat([ones, rows.mask], dim=1)
        types = torch.cat([torch.zeros_like(ones), rows.segments], dim=1)
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask, token_type_ids=types).last_hidden_state
        is_text = mask.clone()
        is_text[:, 1 : 1 + prompt.shape[1]] = 0
        weights = is_text[..., None].float()
        pooled = (hidden.float() * weights).sum(dim=1) / weights.sum(dim=1)
        head = self.run.trainable.head
        assert head is not None
        return nn.functional.cross_entropy(head(pooled), rows.target)

    def _seq2seq(self, rows: Rows, prompt: Tensor) -> Tensor:
        """Return the mean cross-entropy over the tokens of the answers, with the prompt in front of the text."""
        embeds = torch.cat([prompt, self.backbone.embed(rows.ids)], dim=1)
        mask = torch.cat([rows.mask.new_ones(prompt.shape[:2]), rows.mask], dim=1)
        labels = rows.written.masked_fill(rows.written_mask == 0, -100)
        loss: Tensor = self.model(inputs_embeds=embeds, attention_mask=mask, labels=labels, use_cache=False).loss
        return loss

    def _causal(self, rows: Rows, prompt: Tensor) -> Tensor:
        """Return the mean cross-entropy over the tokens of the answers. The output layer reads only their slots."""
        pairs = zip(rows.ids, rows.mask, rows.written, rows.written_mask, strict=True)
        lines = [torch.cat([ids[mask == 1], out[seen == 1]]) for ids, mask, out, seen in pairs]
        ids = nn.utils.rnn.pad_sequence(lines, batch_first=True)
        lengths, written = torch.tensor([len(line) for line in lines]), rows.written_mask.sum(dim=1)
        slots = torch.arange(ids.shape[1])
        is_answer = (slots >= (lengths - written)[:, None]) & (slots < lengths[:, None])
        embeds = torch.cat([prompt, self.backbone.embed(ids)], dim=1)
        mask = torch.cat([rows.mask.new_ones(prompt.shape[:2]), (slots < lengths[:, None]).long()], dim=1)
        hidden = self.model.base_model(inputs_embeds=embeds, attention_mask=mask, use_cache=False).last_hidden_state
        line, slot = is_answer.nonzero(as_tuple=True)
        logits = self.model.get_output_embeddings()(hidden[line, slot + prompt.shape[1] - 1])
        return nn.functional.cross_entropy(logits.float(), ids[line, slot])
