"""Faster attention for a Llama on a CPU. Its results equal transformers' forward pass bit by bit.

The eager attention of transformers copies keys and values for every query head of a group. `GroupedAttention`
multiplies all query heads of a group by one key head instead, with a backward pass of its own. `benchmarks/README.md`
has the measured gain, and other attempts that gave none.

`fuse` changes the class of a module to a subclass, so parameters and their names stay the same. It does not change a
module whose exact type it does not know. The subclass calls the forward pass of transformers for inputs that it does
not cover, for example on a GPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from transformers.models.llama.modeling_llama import LlamaAttention, apply_rotary_pos_emb

softmax_backward = torch.ops.aten._softmax_backward_data


class GroupedAttention(Function):
    """Attention of transformers' eager kind, without a copy of keys and values for each query head.

    Consecutive query heads share a key head. One product serves all query heads of a group.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Float[Tensor, "rows heads slots dim"],
        key: Float[Tensor, "rows kv_heads keys dim"],
        value: Float[Tensor, "rows kv_heads keys dim"],
        mask: Float[Tensor, "rows 1 slots keys"] | None,
        scaling: float,
    ) -> Float[Tensor, "rows slots heads*dim"]:
        """Compute attention, with a softmax in float32 as in transformers.

        Args:
            ctx: Context of autograd, which keeps tensors for the backward pass.
            query: Query of each head.
            key: Keys.
            value: Values.
            mask: Bias that is added to the scores. None adds nothing.
            scaling: Factor of the scores, a power of two. It is applied to the query, which has fewer entries than the
                scores. A power of two adds no rounding error.

        Returns:
            Weighted values of all heads, in the dtype of the query.
        """
        rows, heads, slots, dim = query.shape
        kv_heads, keys = key.shape[1:3]
        batch = rows * kv_heads
        query = (query * scaling).reshape(batch, -1, dim)  # [rows * kv_heads, heads / kv_heads * slots, dim]
        key, value = key.reshape(batch, keys, dim), value.reshape(batch, keys, dim)
        scores = torch.bmm(query, key.transpose(1, 2))
        if mask is not None:
            scores.view(rows, heads, slots, keys).add_(mask)
        unrounded = scores.softmax(dim=-1, dtype=torch.float32)
        weights = unrounded.to(scores.dtype)
        ctx.save_for_backward(query, key, value, weights, unrounded)
        ctx.scaling, ctx.shape = scaling, (rows, heads, slots, dim)
        return torch.bmm(weights, value).view(ctx.shape).transpose(1, 2).reshape(rows, slots, heads * dim)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Compute the gradients to query, key and value."""
        query, key, value, weights, unrounded = ctx.saved_tensors
        rows, heads, slots, dim = ctx.shape
        grad = grads[0].view(rows, slots, heads, dim).transpose(1, 2).reshape(query.shape)
        to_value = torch.bmm(weights.transpose(1, 2), grad)
        to_weights = torch.bmm(grad, value.transpose(1, 2)).to(unrounded.dtype)
        to_scores = softmax_backward(to_weights, unrounded, -1, unrounded.dtype).to(query.dtype)
        to_query = torch.bmm(to_scores, key).mul_(ctx.scaling).view(ctx.shape)
        to_key = torch.bmm(to_scores.transpose(1, 2), query)  # the saved query is already multiplied by the scaling
        shape = (rows, -1, key.shape[1], dim)
        return to_query, to_key.view(shape), to_value.view(shape), None, None


class FusedLlamaAttention(LlamaAttention):
    """Llama's attention, through `GroupedAttention` for eager attention on a CPU.

    The size of a head must be a power of four, such as 64, so that its inverse root is a power of two.
    """

    def forward(  # type: ignore[override]
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Compute self-attention as `LlamaAttention` does. The result has None in place of the attention weights."""
        if (
            position_embeddings is None
            or self.config._attn_implementation != "eager"
            or hidden_states.device.type != "cpu"
            or (self.training and self.attention_dropout)
            or kwargs.get("output_attentions")
            or math.frexp(self.scaling)[0] != 0.5  # the scaling is no power of two
        ):
            return super().forward(hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs)
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        layers = (self.q_proj, self.k_proj, self.v_proj)
        query, key, value = (layer(hidden_states).view(shape).transpose(1, 2) for layer in layers)
        query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        mixed: Tensor = GroupedAttention.apply(  # type: ignore[no-untyped-call]
            query, key, value, attention_mask, self.scaling
        )
        return self.o_proj(mixed), None


REPLACEMENTS: dict[type[nn.Module], type[nn.Module]] = {
    LlamaAttention: FusedLlamaAttention,
}
"""Subclass that replaces each type of module."""


def fuse(model: nn.Module) -> None:
    """Change the class of every module of a type in `REPLACEMENTS`, in place."""
    for module in model.modules():
        replacement = REPLACEMENTS.get(type(module))
        if replacement is not None:
            module.__class__ = replacement
