"""A GGUF file whose head is damaged, or describes another or too large a model, is refused with a one-line message."""

import struct

import pytest

from rpt.backbones import files
from rpt.backbones.dequantized import dequantized
from rpt.backbones.soundness import refuse_unsound
from rpt.errors import WeightsError


def entry(key, kind, value):
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def head_of(*entries):
    return b"GGUF" + struct.pack("<IQQ", 3, 1, len(entries)) + b"".join(entries)


LLAMA = entry("general.architecture", 8, text("llama"))
SIZES = ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count")


def sized(**other):
    counts = dict.fromkeys(SIZES, 2) | other
    return head_of(LLAMA, *(entry(f"llama.{name}", 10, struct.pack("<Q", count)) for name, count in counts.items()))


NESTED = entry("a", 9, struct.pack("<IQ", 9, 1) * 5000)
REFUSED = {
    "nested": (head_of(NESTED), "arrays are nested too deeply"),
    "long array": (head_of(entry("a", 9, struct.pack("<IQ", 4, 2**62))), f"an array of {2**62} values is longer"),
    "many entries": (b"GGUF" + struct.pack("<IQQ", 3, 1, 2**63) + LLAMA, "is damaged: its header cannot be read"),
    "unknown type": (head_of(entry("a", 77, b"")), "77 is not a type of the format"),
    "cut in a text": (head_of(LLAMA)[:-2], "the file ends within a text"),
    "no UTF-8": (head_of(LLAMA).replace(b"llama", b"ll\xffma"), "is damaged: its header cannot be read"),
    "architecture is a number": (head_of(entry("general.architecture", 4, b"\1\0\0\0")), "has no text general.arch"),
    "no architecture": (head_of(), "has no text general.architecture"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of git-lfs"),
    "no sizes": (head_of(LLAMA), "has llama.context_length = None in its header"),
    "size is a text": (head_of(LLAMA, entry("llama.context_length", 8, text("9"))), "llama.context_length = '9'"),
    "no layers": (sized(block_count=0), "llama.block_count = 0 in its header"),
    "many layers": (sized(block_count=2**40), f"too few for the {2**40} layers of 2 x 2 weights"),
    "wide": (sized(embedding_length=2**40), f"too few for the 2 layers of {2**40} x 2 weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_head_that_describes_no_model_is_refused_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setenv("RPT_CACHE", str(tmp_path / "cache"))
    content, message = REFUSED[name]
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(files.NoSuchBackbone) as checked:
        refuse_unsound(tmp_path)
    with pytest.raises(WeightsError) as loaded:
        dequantized(path)
    for error in (checked, loaded):
        text = str(error.value)
        assert text.startswith(f"{path}: ")
        assert message in text
        assert text.endswith("or name another folder.")
        assert "\n" not in text
    assert not (tmp_path / "cache").exists()


def test_a_context_length_of_a_wrong_type_is_refused(tmp_path):
    (tmp_path / "a.gguf").write_bytes(head_of(LLAMA, entry("llama.context_length", 8, text("9"))))
    with pytest.raises(files.NoSuchBackbone, match=r"a\.gguf: has llama\.context_length = '9' in its header"):
        files.num_positions(tmp_path)


def test_an_unsupported_architecture_is_refused_with_the_supported_architectures(tmp_path):
    (tmp_path / "a.gguf").write_bytes(head_of(entry("general.architecture", 8, text("mamba"))))
    with pytest.raises(
        files.NoSuchBackbone, match=r"holds a model of type gguf mamba, which rpt does not support.*llama"
    ):
        files.family_of(tmp_path)


def test_an_unknown_tensor_type_is_refused_with_a_one_line_message(tmp_path, monkeypatch):
    monkeypatch.setenv("RPT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "other.gguf"
    tensor = text("token_embd.weight") + struct.pack("<IQQIQ", 2, 2, 2, 255, 0)  # two dimensions of 2, type 255
    path.write_bytes(sized() + tensor + b"\0" * 64)
    with pytest.raises(
        WeightsError, match=r"other\.gguf: cannot be read as a model \(.*255.* is not a valid.*\)\. Copy the whole"
    ):
        dequantized(path)
    assert list((tmp_path / "cache").iterdir()) == []
