"""Encoder-decoder backbones (the T5 family). The prompt precedes the source in the encoder's input."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from rpt.backbones.language import LanguageModel, gathered
from rpt.backbones.lines import TextLine, Written
from rpt.backbones.text_cache import Context


class Seq2SeqBackbone(LanguageModel):
    """A frozen T5. Source and answer each end in `</s>`."""

    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
        context: Context | Written | None = None,
    ) -> Float[Tensor, "choices written"]:
        """Compute the log-probability of each token of texts that the decoder writes.

        The encoder reads each source once. Its states are repeated for each text of the source. `context` is always
        None: the encoder's states of a source depend on the prompt, so they cannot be cached.

        See `LanguageModel.log_likelihoods` for the arguments and the result.
        """
        hidden = self._encode(embeds, mask)
        if len(row_of) != len(hidden):  # with equal lengths, each source has a single text
            hidden, mask = hidden.index_select(0, row_of), mask.index_select(0, row_of)
        start = ids.new_full((len(ids), 1), self.start_id)
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
            attention_mask=mask,
            decoder_input_ids=torch.cat([start, ids[:, :-1]], dim=1),
            use_cache=False,
        ).logits
        return gathered(logits, ids, id_mask)

    def generate(
        self, embeds: Float[Tensor, "rows width hidden"], mask: Int64[Tensor, "rows width"], max_new_tokens: int
    ) -> list[str]:
        """Generate texts from the encoder's states by greedy decoding. See `LanguageModel.generate`."""
        hidden = BaseModelOutput(last_hidden_state=self._encode(embeds, mask))
        written = self.model.generate(
            encoder_outputs=hidden, attention_mask=mask, generation_config=self._greedy(max_new_tokens)
        )
        return self._texts(written)

    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the encoder's states of a text. The answers of `line` do not change them and have no states."""
        ids = torch.tensor([line.ids], device=self.device)
        return self._encode(self.embed(ids), torch.ones_like(ids))[0]

    def _encode(
        self, embeds: Float[Tensor, "rows width hidden"], mask: Int64[Tensor, "rows width"]
    ) -> Float[Tensor, "rows width hidden"]:
        hidden = self.model.get_encoder()(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden
