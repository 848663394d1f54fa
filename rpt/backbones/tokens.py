"""Tokenise texts. A special token that is spelled out in a row's text, such as `</s>`, is treated as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tokens(Protocol):
    """The tokens of a text or of a pair of texts. The class `Encoding` of the library tokenizers has this interface.

    Attributes:
        ids: Token ids, including the special tokens (`[CLS]`, `</s>`) that the tokenizer's template adds.
        type_ids: Segment id of each token. BERT's template gives 1 to the second text.
        offsets: Span of characters of each token in its own text.
        sequence_ids: Index of the text of each token: 0 or 1, or None for a special token that the template adds.
    """

    @property
    def ids(self) -> list[int]:
        """Token ids."""

    @property
    def type_ids(self) -> list[int]:
        """Segment id of each token."""

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Span of characters of each token in its own text."""

    @property
    def sequence_ids(self) -> list[int | None]:
        """Index of the text of each token; None for a special token that the template adds."""


@dataclass(frozen=True)
class Spelled:
    """`Tokens` of a text in which spelled-out special tokens are replaced by the tokens of their characters."""

    ids: list[int]
    type_ids: list[int]
    offsets: list[tuple[int, int]]
    sequence_ids: list[int | None]


def tokenize(
    tokenizer: Any, texts: Sequence[str], seconds: Sequence[str] | None = None, *, template: bool = True
) -> list[Tokens]:
    """Tokenise texts or pairs of texts, without padding or a limit.

    A special token that is spelled out in a text, such as `</s>` or `[SEP]`, becomes the tokens of its characters.

    Args:
        tokenizer: Fast tokenizer of transformers.
        texts: Texts, or the first text of each pair.
        seconds: Second text of each pair; None for single texts.
        template: Whether the tokenizer adds the special tokens of its template.
    """
    if not texts:
        return []
    pairs = [list(texts)] if seconds is None else [list(texts), list(seconds)]
    rows = tokenizer(*pairs, add_special_tokens=template, split_special_tokens=True, verbose=False).encodings
    model = tokenizer.backend_tokenizer.model
    if type(model).__name__ != "Unigram":
        return list(rows)
    # A Unigram model finds special tokens in any text, because they are entries of its vocabulary.
    control = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    return [_spelled(row, control, model, tokenizer.unk_token_id) if _has(row, control) else row for row in rows]


def _has(row: Tokens, control: set[int]) -> bool:
    """Whether a text contains a spelled-out special token. Special tokens that the template adds do not count."""
    return any(token in control and part is not None for token, part in zip(row.ids, row.sequence_ids, strict=True))


def _spelled(row: Tokens, control: set[int], model: Any, unknown: int) -> Spelled:
    spelled = Spelled([], [], [], [])
    for token, segment, span, part in zip(row.ids, row.type_ids, row.offsets, row.sequence_ids, strict=True):
        pieces = [token]
        if token in control and part is not None:
            tokens_of_signs = [model.token_to_id(sign) for sign in model.id_to_token(token)]
            pieces = [unknown if piece is None else piece for piece in tokens_of_signs]
        spelled.ids.extend(pieces)
        spelled.type_ids.extend([segment] * len(pieces))
        spelled.offsets.extend([span] * len(pieces))
        spelled.sequence_ids.extend([part] * len(pieces))
    return spelled
