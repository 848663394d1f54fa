"""GGUF files: their head is read without the weights, and their weights are dequantized once into a cache."""

import hashlib
import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from rpt.backbones import files
from rpt.backbones.dequantized import cache_folder, dequantized
from rpt.backbones.gguf import NotGguf, read_head
from rpt.backbones.load import load_backbone
from rpt.errors import StorageError, WeightsError
from tests.support.composed import compose

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Names of a layer's tensors in transformers, by their names in GGUF."""


def transformers_name(name):
    if name in ("token_embd.weight", "output_norm.weight"):
        return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def interleaved(weight, heads):
    """Reorder a query or key matrix for llama.cpp, in which the two rows of a rotary pair are adjacent."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def in_halves(weight, heads):
    """Reorder a query or key matrix of llama.cpp for transformers: the inverse of `interleaved`."""
    return weight.reshape(heads, -1, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def decoded(path, heads, key_heads):
    """Dequantize the tensors of a Llama with the `gguf` library, and return them by their names in transformers."""
    tensors = {}
    for tensor in GGUFReader(path).tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        if "attn_q" in tensor.name or "attn_k" in tensor.name:
            values = in_halves(values, heads if "attn_q" in tensor.name else key_heads)
        tensors[transformers_name(tensor.name)] = values
    return tensors


def write_gguf(path, model):
    """Convert a Llama in the hub's layout to a GGUF file with norms in float32 and matrices in Q4_1."""
    config = json.loads((model / "config.json").read_text())
    bpe = json.loads((model / "tokenizer.json").read_text())["model"]
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(bpe["vocab"], key=bpe["vocab"].get))
    writer.add_token_types([3, *[1] * (len(bpe["vocab"]) - 1)])  # the end token has type 3, a control token
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    writer.add_eos_token_id(0)
    weights = load_file(model / "model.safetensors")
    parts = {f"blk.{layer}.{part}.weight" for layer in range(config["num_hidden_layers"]) for part in NAMES}
    for name in ("token_embd.weight", "output_norm.weight", *sorted(parts)):
        values = weights[transformers_name(name)]
        if "attn_q" in name or "attn_k" in name:
            values = interleaved(values, heads if "attn_q" in name else key_heads)
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, quantize(values, GGMLQuantizationType.Q4_1), raw_dtype=GGMLQuantizationType.Q4_1)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


@pytest.fixture(scope="module")
def model(tiny_llama):
    return next(Path(override.partition("=")[2]) for override in tiny_llama if override.startswith("backbone.path="))


@pytest.fixture(scope="module")
def quantised(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "tiny.Q4_1.gguf"
    write_gguf(path, model)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_head_has_the_values_that_the_configuration_check_needs(quantised, model):
    head = read_head(quantised)
    assert head["general.architecture"] == "llama"
    assert head["llama.context_length"] == 1024
    assert not any(key.startswith("tokenizer.") for key in head)
    assert files.locate(None, str(quantised.parent), None, None) == quantised.parent
    assert files.family_of(quantised.parent) == "causal"
    assert files.num_positions(quantised.parent) == files.num_positions(model) == 1024
    assert files.weight_files(quantised.parent) == [quantised]
    assert files.weights_sha256(quantised.parent) == sha256_of(quantised)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "is not a GGUF file"),
        (lambda content: b"PK\x03\x04" + content[4:], "is not a GGUF file"),
        (
            lambda content: content[:4] + b"\x01\0\0\0" + content[8:],
            "version 1 of the GGUF format, but rpt reads only versions 2 and 3",
        ),
        (lambda content: content[:40], "is damaged: its header cannot be read"),
        (lambda content: content[:24] + b"\xff" * 8 + content[32:], "is damaged: its header cannot be read"),
    ],
)
def test_a_file_whose_head_cannot_be_read_is_refused(quantised, tmp_path, damage, message):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(damage(quantised.read_bytes()))
    with pytest.raises(NotGguf, match=message):
        read_head(broken)
    with pytest.raises(files.NoSuchBackbone, match=message):
        files.family_of(tmp_path)


def test_a_folder_with_two_gguf_files_is_refused(quantised, tmp_path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).symlink_to(quantised)
    with pytest.raises(files.NoSuchBackbone, match=r"holds several GGUF files: a\.gguf, b\.gguf\. Move"):
        files.weight_files(tmp_path)


def test_dequantized_weights_equal_those_of_the_gguf_library(quantised, model):
    config = json.loads((model / "config.json").read_text())
    expected = decoded(quantised, config["num_attention_heads"], config["num_key_value_heads"])
    found = load_file(dequantized(quantised) / "model.safetensors")
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], values), name
    original = load_file(model / "model.safetensors")["model.embed_tokens.weight"]
    assert not np.array_equal(found["model.embed_tokens.weight"], original)  # quantisation has changed the weights


def test_a_model_from_a_gguf_file_has_the_outputs_of_a_plain_llama(quantised, model):
    config = LlamaConfig.from_pretrained(model)
    plain = LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()
    weights = decoded(quantised, config.num_attention_heads, config.num_key_value_heads)
    missing = plain.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()}, strict=False)
    assert missing == (["lm_head.weight"], [])  # the output layer is tied to the embedding
    options = {"family": "causal", "dtype": torch.float32, "attention": "eager"}
    backbone = load_backbone(quantised.parent, expected_sha256=sha256_of(quantised), **options)
    ids = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        torch.testing.assert_close(backbone.model(ids).logits, plain(ids).logits, rtol=0, atol=1e-6)


def test_the_tokenizer_of_the_file_gives_the_same_ids(quantised, model, sample_texts):
    converted, original = (AutoTokenizer.from_pretrained(folder) for folder in (dequantized(quantised), model))
    assert len(converted) == len(original)
    assert converted.eos_token == original.eos_token
    for text in [*sample_texts[:50], " True", "a\n\nb  c", "2019", "naïve"]:
        assert converted(text)["input_ids"] == original(text)["input_ids"]
        assert converted.decode(converted(text)["input_ids"]) == text


def test_a_second_call_uses_the_cached_folder(quantised, cache):
    first = dequantized(quantised)
    times = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert dequantized(quantised) == first
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == times
    assert list(cache.iterdir()) == [first]  # no temporary folder is left


def test_files_with_different_content_have_different_folders(quantised, tmp_path):
    other = tmp_path / quantised.name
    other.write_bytes(quantised.read_bytes() + b"\0")
    assert dequantized(other) != dequantized(quantised)


def test_a_file_with_a_wrong_sha256_is_refused_before_it_is_dequantized(quantised, cache):
    with pytest.raises(WeightsError, match=f"its sha256 is {sha256_of(quantised)}, expected {'0' * 64}"):
        load_backbone(
            quantised.parent, family="causal", dtype=torch.float32, attention="eager", expected_sha256="0" * 64
        )
    assert not cache.exists()


def test_a_truncated_file_is_refused_and_leaves_no_files(quantised, cache, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(quantised.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match=r"cut\.gguf: cannot be read as a model"):
        dequantized(cut)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_refused(quantised, cache):
    cache.write_text("a file, where the folder should be")
    with pytest.raises(StorageError, match=r"cache: cannot be written .*Set RPT_CACHE to a writable folder"):
        dequantized(quantised)


def test_environment_variables_determine_the_folder_of_the_cache(monkeypatch, cache):
    assert cache_folder() == cache
    monkeypatch.delenv("RPT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/rpt")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder() == Path("/home/somebody/.cache/rpt")


COMMAND = "import sys; from pathlib import Path; from rpt.backbones.dequantized import dequantized\n"


def start(code, quantised, **options):
    command = [sys.executable, "-c", COMMAND + code, str(quantised)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.slow  # two processes import torch
def test_two_simultaneous_processes_make_one_folder(quantised, cache):
    both = [start("print(dequantized(Path(sys.argv[1])))", quantised) for _ in range(2)]
    out = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], out
    assert out[0][0] == out[1][0]
    assert [str(path) for path in cache.iterdir()] == [out[0][0].strip()]


@pytest.mark.slow  # starts a process with a limit on the size of files
def test_a_full_disk_is_a_storage_error_and_leaves_no_files(quantised, cache):
    code = (
        "from rpt.errors import StorageError\n"
        "try: dequantized(Path(sys.argv[1]))\n"
        "except StorageError as error: print(error)\n"
    )
    limited = start(code, quantised, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    out, errors = limited.communicate()
    assert (limited.returncode, "Set RPT_CACHE to a writable folder" in out) == (0, True), errors
    assert list(cache.iterdir()) == []


@pytest.mark.slow  # dequantizes 134.5 million weights
def test_smollm2_equals_its_packaged_file_bit_for_bit_and_generates_english():
    values = compose(["backbone=smollm2"])["backbone"]
    folder = files.locate(values["package"], values["path"], None, None)
    (quantised,) = files.weight_files(folder)
    options = {"family": "causal", "dtype": torch.float32, "attention": "sdpa"}
    backbone = load_backbone(folder, expected_sha256=values["sha256"], **options)
    loaded = dict(backbone.model.named_parameters())
    expected = decoded(quantised, heads=9, key_heads=3)
    assert sorted(loaded) == sorted(expected)
    assert [name for name, found in loaded.items() if not np.array_equal(found.numpy(), expected[name])] == []
    ids = backbone.tokenizer("The capital of France is", return_tensors="pt").input_ids
    written = backbone.generate(backbone.embed(ids), torch.ones_like(ids), 2)
    assert written == [" Paris."] or written == ["Paris."]


def test_the_package_of_smollm2_is_installed_and_has_the_expected_weights():
    values = compose(["backbone=smollm2"])["backbone"]
    assert importlib.util.find_spec(values["package"]) is not None
    folder = files.locate(values["package"], values["path"], None, None)
    assert files.weights_sha256(folder) == values["sha256"]
    assert files.num_positions(folder) == 8192
    assert files.weight_files(folder)[0].stat().st_size == 98_362_432
