"""Prompt initialisations: functions `(source, length, rng, *, options) -> [length, hidden]`.

The functions return float32 on the CPU, in the unit of the prompt (`rpt.prompt.unit`). They therefore
divide embeddings of the backbone by `source.scale`, as `source.rows` does for them. All random numbers come
from `rng`, so that a seed gives the same bits whatever else the program draws. The options have no defaults in
this module; `conf/init/` holds their values. The examples use the `source` of `InitSource`'s example and
`rng = torch.Generator()`.
"""

import functools
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from rpt.config.options import Finite, PositiveInt, Scale
from rpt.errors import ConfigError
from rpt.prompt.stored import bad_file, read_prompt

RESERVED = re.compile(r"\[unused\d+\]|<unused_?\d+>|<extra_id_\d+>|<0x[0-9A-Fa-f]{2}>")
"""Vocabulary entries that stand for no text: unused entries, T5's sentinels (`<extra_id_0>`), single bytes."""


@dataclass(frozen=True)
class InitSource:
    """The inputs of an initialisation: vocabulary, tokenizer and label texts.

    Attributes:
        embedding: The backbone's input embeddings, in any float dtype and on any device.
        tokenizer: The backbone's fast tokenizer (transformers).
        choices: The task's label texts in label order; empty for a task whose rows have choices of
            their own.
        scale: Scale s of the prompt's unit (`rpt.prompt.unit`). The backbone reads s times the table.

    Examples:
        >>> import torch
        >>> source = InitSource(torch.randn(len(tokenizer), 8), tokenizer, ("yes", "no"))
        >>> source.rows(source.token_ids("yes or no")).shape  # one row for each token
        torch.Size([3, 8])
    """

    embedding: Float[Tensor, "vocab hidden"]
    tokenizer: Any
    choices: tuple[str, ...]
    scale: float = 1.0

    @property
    def hidden(self) -> int:
        """The backbone's embedding width."""
        return self.embedding.shape[1]

    def rows(self, ids: Int64[Tensor, " tokens"]) -> Float32[Tensor, "tokens hidden"]:
        """Return the embeddings of tokens in the prompt's unit, as a float32 copy on the CPU."""
        return self.embedding.detach()[ids.to(self.embedding.device)].float().cpu() / self.scale

    def stored(self, path: str) -> Tensor:
        """Read the array of a trained prompt, without a check of its shape.

        Raises:
            ConfigError: The file is missing, unreadable, or of another kind.
        """
        return read_prompt(path)

    def token_ids(self, text: str) -> Int64[Tensor, " tokens"]:
        """Tokenise a text without special tokens."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return torch.tensor(ids, dtype=torch.int64)


def vocab(
    source: InitSource, length: int, rng: torch.Generator, *, num_tokens: PositiveInt
) -> Float32[Tensor, "length hidden"]:
    """Return the embeddings of random frequent tokens, without repetition if the vocabulary has enough of them.

    Args:
        source: Vocabulary, tokenizer and label texts.
        length: Number of virtual tokens.
        rng: Generator that draws the tokens.
        num_tokens: Number of most frequent tokens to draw from. A smaller vocabulary is used as a
            whole.

    Raises:
        ConfigError: the vocabulary has no usable token.

    Source: Lester et al. 2021 (arXiv 2104.08691), "Sampled Vocab".

    Examples:
        >>> vocab(source, 4, rng, num_tokens=5000).shape
        torch.Size([4, 8])
    """
    ids = torch.tensor(frequent_token_ids(source.tokenizer, num_tokens), dtype=torch.int64)
    if len(ids) == 0:
        raise ConfigError.of(
            "init.num_tokens",
            num_tokens,
            "this tokenizer has no tokens of more than one character to draw from. Set init=uniform or init=normal.",
        )
    if length > len(ids):
        drawn = torch.randint(len(ids), (length,), generator=rng)
    else:
        drawn = torch.randperm(len(ids), generator=rng)[:length]
    return source.rows(ids[drawn])


def uniform(
    source: InitSource, length: int, rng: torch.Generator, *, low: Finite, high: Finite
) -> Float32[Tensor, "length hidden"]:
    """Draw uniform numbers between `low` and `high`, in the unit of the prompt.

    Source: Residual Prompt Tuning (arXiv 2305.03937), Table 4, "Rand", with -0.5 and 0.5.

    Raises:
        ConfigError: `low` is not below `high`.

    Examples:
        >>> uniform(source, 4, rng, low=-0.5, high=0.5).shape
        torch.Size([4, 8])
    """
    if low >= high:
        raise ConfigError.of("init.low", low, f"must be below init.high, which is {high}.")
    return torch.empty(length, source.hidden, dtype=torch.float32).uniform_(low, high, generator=rng)


def normal(source: InitSource, length: int, rng: torch.Generator, *, std: Scale) -> Float32[Tensor, "length hidden"]:
    """Draw normal numbers with mean 0 and standard deviation `std`, in the prompt's unit.

    Examples:
        >>> normal(source, 4, rng, std=0.5).shape
        torch.Size([4, 8])
    """
    return std * torch.randn(length, source.hidden, dtype=torch.float32, generator=rng)


def labels(
    source: InitSource, length: int, rng: torch.Generator, *, num_tokens: PositiveInt
) -> Float32[Tensor, "length hidden"]:
    """Return the embeddings of the label texts in label order, a row for each label; `vocab` fills the other rows.

    The row of a label of several tokens is the mean of their embeddings.

    Raises:
        ConfigError: the task has no fixed label texts, a label text has no tokens, or there are more
            labels than `length`.

    Source: Lester et al. 2021 (arXiv 2104.08691), "Class Label". The mean and the filling follow
    GitHub google-research/prompt-tuning, `prompts.py` (`from_embedded_list`). That code drops labels
    beyond `length`; this function raises an error.

    Examples:
        >>> labels(source, 4, rng, num_tokens=5000).shape
        torch.Size([4, 8])
    """
    if not source.choices:
        raise ConfigError.of(
            "init",
            "labels",
            "this task has no label texts, because each row has its own choices. Set init=vocab.",
        )
    if len(source.choices) > length:
        raise ConfigError.of(
            "prompt.length",
            length,
            f"init=labels needs a virtual token for each of the {len(source.choices)} labels. "
            f"Set prompt.length={len(source.choices)} or more, or init=vocab.",
        )
    tokens = [source.token_ids(choice) for choice in source.choices]
    if any(len(ids) == 0 for ids in tokens):
        raise ConfigError.of("init", "labels", f"a label text has no tokens: {source.choices}. Set init=vocab.")
    means = torch.stack([source.rows(ids).mean(dim=0) for ids in tokens])  # [choices, hidden]
    rest = vocab(source, length - len(means), rng, num_tokens=num_tokens)
    return torch.cat([means, rest])


def from_text(source: InitSource, length: int, rng: torch.Generator, *, text: str) -> Float32[Tensor, "length hidden"]:
    """Return the embeddings of a text's tokens, repeated or cut to the prompt's length.

    Raises:
        ConfigError: the text has no tokens.

    Source: PEFT 0.21.2, `tuners/prompt_tuning/model.py` (`PromptTuningInit.TEXT`), but without
    special tokens.

    Examples:
        >>> from_text(source, 4, rng, text="answer yes or no").shape
        torch.Size([4, 8])
    """
    ids = source.token_ids(text)
    if len(ids) == 0:
        raise ConfigError.of("init.text", text, "has no tokens. Set init.text to some words, or init=vocab.")
    return source.rows(ids[torch.arange(length) % len(ids)])


def from_file(source: InitSource, length: int, rng: torch.Generator, *, path: str) -> Float32[Tensor, "length hidden"]:
    """Load a trained prompt that rpt, PEFT or Google's prompt-tuning (a NumPy array) has written.

    The file holds the numbers that the backbone reads, which this function divides by `source.scale`. A `.npy` file
    does not record its task or its backbone. The `prompt.npy` of the paper's published code holds the table and not the
    output of the encoder (github.com/arazd/ResidualPrompts, 53087ca).

    Args:
        source: Vocabulary, tokenizer and label texts.
        length: Number of virtual tokens, which the file must hold.
        rng: Not used.
        path: Path of a `.safetensors` file, of a `.npy` file, or of a folder. A `.safetensors` file must have a single
            tensor, or a tensor named `prompt` or `prompt_embeddings`. A folder must hold a run, an export, or an
            adapter of PEFT's prompt tuning or P-tuning; for a prefix, of PEFT's prefix tuning.

    Raises:
        ConfigError: the file is missing or unreadable, or its array does not fit this prompt and
            backbone.

    Examples:
        >>> import numpy as np
        >>> np.save("prompt.npy", np.zeros((4, 8), dtype="float32"))
        >>> from_file(source, 4, rng, path="prompt.npy").shape
        torch.Size([4, 8])
    """
    prompt = source.stored(path)
    if not prompt.is_floating_point() or not (prompt := prompt.float()).isfinite().all():
        raise bad_file(path, "holds values that are not finite floats. Choose a trained prompt.")
    shape, needed = list(prompt.shape), [length, source.hidden]
    if shape != needed:
        fits_backbone = len(shape) == 2 and shape[1] == source.hidden and shape[0] > 0
        cure = (
            f"Set prompt.length={shape[0]}." if fits_backbone else "Choose a prompt that was trained for this backbone."
        )
        raise bad_file(
            path,
            f"has shape {shape}, but the shape must be {needed} (prompt.length, numbers of a token). {cure}",
        )
    return prompt / source.scale


@functools.lru_cache(maxsize=4)  # the runs of a pack share a tokenizer, and its whole vocabulary is read
def frequent_token_ids(tokenizer: Any, count: int) -> tuple[int, ...]:
    """Return up to `count` ids of the vocabulary's most frequent words and word pieces, most frequent first.

    WordPiece and SentencePiece vocabularies list words by falling frequency. BPE vocabularies list
    merges by falling frequency. Some entries are not in this order and are left out:

    - special and added tokens;
    - unused entries, sentinels and bytes (`RESERVED`);
    - single characters: BERT lists its alphabet first, by code point, and BPE starts from bytes.
    """
    left_out = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}

    def is_usable(token: str, index: int) -> bool:
        if index in left_out or RESERVED.fullmatch(token):
            return False
        # "##" marks a WordPiece inside a word. The conversion removes the marks of SentencePiece and BPE.
        word = tokenizer.convert_tokens_to_string([token]).strip().removeprefix("##")
        return len(word) > 1 and "\N{REPLACEMENT CHARACTER}" not in word

    entries = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return tuple(islice((index for token, index in entries if is_usable(token, index)), count))
