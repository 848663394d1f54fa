"""Tokenise source texts and answers as each family of language models expects them. No weights are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rpt.backbones.tokens import Tokens, tokenize

CONTEXT = 64
"""Number of characters at the end of a source that are tokenised together with an answer."""


@dataclass(frozen=True)
class SourceText:
    """A text that a language model reads before it writes an answer.

    Attributes:
        text: Text of the task's template, filled with the fields of a row.
        ids: Token ids that the model reads, with special tokens such as the begin-of-sequence token.
        tokens: Result of the tokenizer for the text. It may have an end-of-sequence token that `ids` lacks.
    """

    text: str
    ids: list[int]
    tokens: Tokens

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Span of characters of each token of `ids`, its end excluded; an empty span for a special token."""
        return self.tokens.offsets[: len(self.ids)]


class TextTokenizer(ABC):
    """Tokenizer of sources and answers for a family of language models.

    Args:
        tokenizer: Fast tokenizer of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def sources(self, texts: Sequence[str]) -> list[SourceText]:
        """Tokenise sources, with the special tokens that this family of models reads."""
        return [
            SourceText(text, row.ids, row) for text, row in zip(texts, tokenize(self.tokenizer, texts), strict=True)
        ]

    @abstractmethod
    def answers(self, sources: Sequence[SourceText], texts: Sequence[Sequence[str]]) -> list[list[list[int] | None]]:
        """Tokenise the texts that may be written behind sources.

        Args:
            sources: Tokenised sources.
            texts: Texts that may be written behind each source.

        Returns:
            Token ids of each text of each source, end marker included. None for a text that has no tokens of its own,
            because the tokenizer joins its beginning with the end of the source.
        """


class Seq2SeqTokenizer(TextTokenizer):
    """Tokenizer of the T5 family. Source and answer each end in `</s>`."""

    def answers(self, sources: Sequence[SourceText], texts: Sequence[Sequence[str]]) -> list[list[list[int] | None]]:
        """Tokenise answers by themselves, because the decoder's input does not contain the source.

        See `TextTokenizer.answers` for the arguments and the result.
        """
        known = list({text: None for row in texts for text in row})
        ids = {text: row.ids for text, row in zip(known, tokenize(self.tokenizer, known), strict=True)}
        return [[ids[text] for text in row] for row in texts]


class CausalTokenizer(TextTokenizer):
    """Tokenizer of decoders. An answer follows a space and ends in the tokenizer's end-of-text token."""

    def sources(self, texts: Sequence[str]) -> list[SourceText]:
        """Tokenise sources. An end marker of the tokenizer's template is removed, because the answer follows."""
        return [replace(source, ids=_without_end(source)) for source in super().sources(texts)]

    def answers(self, sources: Sequence[SourceText], texts: Sequence[Sequence[str]]) -> list[list[list[int] | None]]:
        """Tokenise a space and each text as the continuation of its source, and add the end marker.

        A text that is tokenised by itself may have other tokens, because SentencePiece puts a space in front of it. See
        `TextTokenizer.answers` for the arguments and the result.
        """
        contexts = self._contexts(sources)
        pairs = list({(context, text): None for context, row in zip(contexts, texts, strict=True) for text in row})
        before = self._ids([context for context, _ in pairs])
        joint = self._ids([f"{context} {text}" for context, text in pairs])
        behind: dict[tuple[str, str], list[int] | None] = {}
        for pair, source, both in zip(pairs, before, joint, strict=True):
            is_kept = both[: len(source)] == source
            behind[pair] = [*both[len(source) :], self.tokenizer.eos_token_id] if is_kept else None
        return [[behind[context, text] for text in row] for context, row in zip(contexts, texts, strict=True)]

    def _contexts(self, sources: Sequence[SourceText]) -> list[str]:
        """Return the part of each source that determines the tokens of an answer: its end, or the whole source.

        The end suffices if its second half has the same tokens when it is tokenised without the rest of the source.
        Most sources of a task have the same end, so few texts must be tokenised with their answers.
        """
        ends = [_end(source.text) for source in sources]
        contexts = []
        for source, end, ids in zip(sources, ends, self._ids(ends), strict=True):
            half = ids[len(ids) // 2 :]
            contexts.append(end if half and source.ids[-len(half) :] == half else source.text)
        return contexts

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise texts without special tokens. Equal texts are tokenised once."""
        known = list(dict.fromkeys(texts))
        rows = tokenize(self.tokenizer, known, template=False)
        ids = {text: row.ids for text, row in zip(known, rows, strict=True)}
        return [ids[text] for text in texts]


def text_tokenizer(family: str, tokenizer: Any) -> TextTokenizer:
    """Build the tokenizer of sources and answers for a family of language models: `seq2seq` or `causal`."""
    return Seq2SeqTokenizer(tokenizer) if family == "seq2seq" else CausalTokenizer(tokenizer)


def pad_id_of(tokenizer: Any) -> int:
    """Return the token id for padding: the padding token, or the end marker if the tokenizer has no padding token."""
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def _end(text: str) -> str:
    """Return at most the last `CONTEXT` characters of a text, beginning with a whole word."""
    return text if len(text) <= CONTEXT else text[text.find(" ", len(text) - CONTEXT) + 1 :]


def _without_end(source: SourceText) -> list[int]:
    """Return a source's token ids without the special tokens that the tokenizer adds behind its text."""
    parts = source.tokens.sequence_ids
    count = len(parts)
    while count and parts[count - 1] is None:
        count -= 1
    return source.ids[:count]
