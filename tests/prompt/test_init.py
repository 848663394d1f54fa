"""Each initialisation: the embeddings that it uses, and the settings that it refuses."""

import pickle
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer

from rpt.errors import ConfigError, Problem, RptError
from rpt.prompt import init
from rpt.prompt.init import InitSource, frequent_token_ids

HIDDEN = 4


@pytest.fixture(scope="module")
def source(minilm_tokenizer: Any) -> InitSource:
    """Source in which row i of the embedding has the value i, so that a prompt reveals its tokens."""
    rows = torch.arange(len(minilm_tokenizer), dtype=torch.float64)[:, None].repeat(1, HIDDEN)
    return InitSource(rows, minilm_tokenizer, choices=("entailment", "neutral", "uncrossable"))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens_of(prompt: Tensor, source: InitSource) -> list[str]:
    tokens: list[str] = source.tokenizer.convert_ids_to_tokens(prompt[:, 0].int().tolist())
    return tokens


def test_the_most_frequent_tokens_of_bert_are_english_words(minilm_tokenizer):
    ids = frequent_token_ids(minilm_tokenizer, 12)
    words = "the of and in to was he is as for on with"
    assert minilm_tokenizer.convert_ids_to_tokens(ids) == words.split(" ")


def test_frequent_tokens_exclude_special_unused_and_one_character_tokens(minilm_tokenizer):
    ids = frequent_token_ids(minilm_tokenizer, 100_000)
    tokens = minilm_tokenizer.convert_ids_to_tokens(ids)
    assert 20_000 < len(ids) == len(set(ids)) < len(minilm_tokenizer)
    assert not set(ids) & set(minilm_tokenizer.all_special_ids)
    assert not [token for token in tokens if token.startswith("[unused")]
    assert not [token for token in tokens if len(token.removeprefix("##")) == 1]
    assert list(ids) == sorted(ids)


@pytest.mark.shared
def test_the_most_frequent_tokens_of_t5_are_english_words(shared_dir):
    folder = shared_dir / "t5-tokenizer"
    if not folder.is_dir():
        pytest.skip(f"no T5 tokenizer at {folder}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = frequent_token_ids(tokenizer, 100_000)
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert tokens[:6] == ["▁the", "▁and", "▁to", "▁of", "▁fill", "▁in"]
    assert not [token for token in tokens if "extra_id" in token]
    assert not set(string.ascii_letters) & {token.removeprefix("▁") for token in tokens}


class ByteLevel:
    """Byte-level tokenizer like GPT-2's, whose vocabulary has only difficult cases."""

    all_special_ids = (0,)
    added_tokens_decoder = {9: "<|user|>"}  # noqa: RUF012 (transformers has the same attribute)
    tokens = ("<|end|>", "!", "Ġ", "ĠĠ", "Ċ", "Ã", "<0x0A>", "Ġthe", "ing", "<|user|>", "ĠCB")

    def get_vocab(self) -> dict[str, int]:
        # The order of the entries is reversed, because a real vocabulary may have any order.
        return {token: index for index, token in reversed(list(enumerate(self.tokens)))}

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens).translate(str.maketrans("ĠĊÃ", " \n\N{REPLACEMENT CHARACTER}"))


def test_frequent_tokens_of_a_byte_level_vocabulary_exclude_bytes_and_spaces():
    assert frequent_token_ids(ByteLevel(), 100) == (7, 8, 10)
    assert frequent_token_ids(ByteLevel(), 2) == (7, 8)


def test_vocab_draws_each_frequent_token_once(source):
    prompt = init.vocab(source, 50, rng(), num_tokens=60)
    drawn = prompt[:, 0].int().tolist()
    assert len(set(drawn)) == 50
    assert set(drawn) <= set(frequent_token_ids(source.tokenizer, 60))


def test_vocab_repeats_tokens_when_the_prompt_is_longer_than_the_list(source):
    prompt = init.vocab(source, 50, rng(), num_tokens=2)
    assert set(tokens_of(prompt, source)) == {"the", "of"}


def test_a_vocabulary_without_words_is_refused():
    tokenizer = ByteLevel()
    tokenizer.tokens = ("<|end|>", "a", "b")
    source = InitSource(torch.zeros(3, HIDDEN), tokenizer, choices=())
    with pytest.raises(ConfigError) as error:
        init.vocab(source, 2, rng(), num_tokens=5000)
    assert str(error.value) == (
        "init.num_tokens = 5000: this tokenizer has no tokens of more than one character to draw "
        "from. Set init=uniform or init=normal."
    )


def test_uniform_covers_the_range_between_its_bounds(source):
    prompt = init.uniform(source, 2000, rng(), low=-0.5, high=0.25)
    assert prompt.min().item() == pytest.approx(-0.5, abs=1e-3)
    assert prompt.max().item() == pytest.approx(0.25, abs=1e-3)
    assert prompt.mean().item() == pytest.approx(-0.125, abs=0.01)


def test_uniform_refuses_a_lower_bound_above_the_upper_bound(source):
    with pytest.raises(ConfigError) as error:
        init.uniform(source, 2, rng(), low=0.5, high=-0.5)
    assert str(error.value) == "init.low = 0.5: must be below init.high, which is -0.5."


def test_normal_has_its_standard_deviation(source):
    prompt = init.normal(source, 5000, rng(), std=0.02)
    assert prompt.std().item() == pytest.approx(0.02, rel=0.02)
    assert prompt.mean().item() == pytest.approx(0, abs=1e-3)


def test_the_first_rows_are_means_of_the_label_tokens_in_label_order(source):
    prompt = init.labels(source, 5, rng(), num_tokens=2)
    for row, choice in zip(prompt, source.choices, strict=False):
        ids = source.tokenizer.convert_tokens_to_ids(source.tokenizer.tokenize(choice))
        assert torch.equal(row, torch.full((HIDDEN,), np.mean(ids)).float())
    assert len(source.tokenizer.tokenize(source.choices[2])) > 1
    assert set(tokens_of(prompt[3:], source)) == {"the", "of"}


@pytest.mark.parametrize(
    ("choices", "length", "message"),
    [
        ((), 5, "init = labels: this task has no label texts, because each row has its own "
         "choices. Set init=vocab."),
        (("yes", "no", "so"), 2, "prompt.length = 2: init=labels needs a virtual token for each "
         "of the 3 labels. Set prompt.length=3 or more, or init=vocab."),
        (("yes", " "), 5, "init = labels: a label text has no tokens: ('yes', ' '). "
         "Set init=vocab."),
    ],
    ids=["none", "more than rows", "empty"],
)  # fmt: skip
def test_labels_that_cannot_be_used_are_refused(source, choices, length, message):
    source = InitSource(source.embedding, source.tokenizer, choices)
    with pytest.raises(ConfigError) as error:
        init.labels(source, length, rng(), num_tokens=9)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("length", "tokens"),
    [(2, "true or"), (3, "true or false"), (7, "true or false true or false true")],
)
def test_a_text_is_repeated_or_truncated_to_the_length(source, length, tokens):
    prompt = init.from_text(source, length, rng(), text="True or false")
    assert tokens_of(prompt, source) == tokens.split()


def test_an_empty_text_is_refused(source):
    with pytest.raises(ConfigError) as error:
        init.from_text(source, 2, rng(), text="")
    assert str(error.value) == ("init.text = '': has no tokens. Set init.text to some words, or init=vocab.")


def refusal(source: InitSource, path: Path) -> str:
    """Return the message that refuses a file, without the key and the path."""
    with pytest.raises(ConfigError) as error:
        init.from_file(source, 2, rng(), path=str(path))
    start = f"init.path = {path}: "
    assert str(error.value).startswith(start)
    return str(error.value).removeprefix(start)


PROMPT = np.arange(2 * HIDDEN, dtype=np.float32).reshape(2, HIDDEN)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_a_numpy_prompt_is_read_in_any_precision(source, tmp_path, dtype):
    np.save(tmp_path / "prompt.npy", PROMPT.astype(dtype))
    prompt = init.from_file(source, 2, rng(), path=str(tmp_path / "prompt.npy"))
    assert torch.equal(prompt, torch.tensor(PROMPT))


@pytest.mark.parametrize("names", [["anything"], ["prompt", "other"], ["other", "prompt_embeddings"]], ids=str)
def test_a_safetensors_prompt_is_read_by_its_name_or_as_the_only_tensor(source, tmp_path, names):
    tensors = {name: torch.zeros(1) for name in names if name == "other"}
    tensors |= {name: torch.tensor(PROMPT).bfloat16() for name in names if name != "other"}
    save_file(tensors, tmp_path / "prompt.safetensors")
    prompt = init.from_file(source, 2, rng(), path=str(tmp_path / "prompt.safetensors"))
    assert torch.equal(prompt, torch.tensor(PROMPT))


@pytest.mark.shared
def test_a_published_prompt_is_read(minilm_tokenizer, shared_dir):
    path = shared_dir / "google-prompts" / "t5_1_1_lm100k_base.rte.npy"
    if not path.is_file():
        pytest.skip(f"no published prompt at {path}")
    source = InitSource(torch.zeros(1, 768), minilm_tokenizer, choices=())
    prompt = init.from_file(source, 100, rng(), path=str(path))
    assert torch.equal(prompt, torch.tensor(np.load(path, allow_pickle=False)))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3), (3,), (2, 4, 1), (0, 4)], ids=str)
def test_a_prompt_of_another_shape_is_refused(source, tmp_path, shape):
    np.save(tmp_path / "p.npy", np.zeros(shape))
    other = "Choose a prompt that was trained for this backbone."
    cure = "Set prompt.length=3." if shape == (3, 4) else other
    assert refusal(source, tmp_path / "p.npy") == (
        f"has shape {list(shape)}, but the shape must be [2, 4] (prompt.length, numbers of a token). {cure}"
    )


@pytest.mark.parametrize(
    "values",
    [
        PROMPT * np.nan,
        np.full((2, HIDDEN), np.inf),
        np.full((2, HIDDEN), 1e300),
        PROMPT.astype(int),
    ],
    ids=["nan", "infinite", "beyond float32", "integers"],
)
def test_values_that_are_not_finite_float32_numbers_are_refused(source, tmp_path, values):
    np.save(tmp_path / "p.npy", values)
    assert refusal(source, tmp_path / "p.npy") == ("holds values that are not finite floats. Choose a trained prompt.")


def test_a_missing_file_or_another_kind_of_file_is_refused(source, tmp_path):
    assert refusal(source, tmp_path / "p.npy") == (
        "no such file. Give a path from the folder in which the run is started."
    )
    assert refusal(source, tmp_path / "p.pt") == "must end in .safetensors or .npy."


@pytest.mark.parametrize("name", ["p.npy", "p.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a prompt"], ids=["empty", "text"])
def test_a_damaged_file_is_refused(source, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    message = refusal(source, tmp_path / name)
    assert message.startswith("cannot be read (")
    assert message.endswith("). Choose another file.")


def test_a_truncated_array_and_an_array_with_pickled_objects_are_refused(source, tmp_path):
    np.save(tmp_path / "whole.npy", PROMPT)
    (tmp_path / "p.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-4])
    assert refusal(source, tmp_path / "p.npy").startswith("cannot be read (")
    np.save(tmp_path / "p.npy", np.array([[None]]), allow_pickle=True)
    assert refusal(source, tmp_path / "p.npy").startswith(
        "cannot be read (Array can't be memory-mapped: Python objects"
    )


def test_a_file_of_several_unknown_tensors_is_refused(source, tmp_path):
    save_file({"b": torch.zeros(2), "a": torch.zeros(2)}, tmp_path / "p.safetensors")
    assert refusal(source, tmp_path / "p.safetensors") == (
        "holds ['a', 'b'], but must hold one tensor, or a tensor prompt or prompt_embeddings."
    )


def test_the_message_of_a_config_error_has_every_problem_sorted_by_key():
    lr, encoder = Problem("lr", -1, "must be positive."), Problem("encoder.shared", True, "is odd.")
    error = ConfigError([lr, encoder, Problem("encoder_lr", None, "must be set.")])
    assert str(error).splitlines() == [
        "encoder.shared = true: is odd.",
        "encoder_lr = null: must be set.",
        "lr = -1: must be positive.",
    ]
    assert isinstance(error, RptError)
    assert isinstance(error, ValueError)


def test_a_config_error_can_be_pickled():
    error = ConfigError.of("lr", -1, "must be positive.")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ConfigError)
    assert again.problems == error.problems
