"""Texts and answers whose hidden states below the prompt's layer are computed once and cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class TextLine(NamedTuple):
    """A text that a backbone reads, with the answers that a decoder scores behind it.

    Attributes:
        ids: Token ids of the text, without padding.
        segments: Segment id of each token of the text.
        answers: Token ids of each answer behind the text; empty for other backbones than decoders.
    """

    ids: tuple[int, ...]
    segments: tuple[int, ...] = ()
    answers: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Written:
    """Hidden states, before the prompt's layer, of the answers that a decoder scores behind its sources.

    Attributes:
        states: States of each source's answers one after the other, padded on the right with zeros.
    """

    states: Float[Tensor, "rows slots hidden"]
