"""Find a backbone's files and read facts about the model from them, without loading weights.

The check of a configuration calls this module, so neither torch nor transformers is imported here.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from rpt.backbones.gguf import read_head, require_count
from rpt.backbones.hub import HubError, cached_snapshot, fetch
from rpt.system.checksums import file_sha256
from rpt.system.modules import find_module
from rpt.system.reading import Unreadable, read_object, reason_of

FAMILIES = {
    "encoder": ("bert", "roberta", "xlm-roberta", "deberta-v2", "electra", "distilbert"),
    "seq2seq": ("t5", "mt5"),
    "causal": ("llama", "gpt2", "gpt_neox", "qwen2", "qwen3", "mistral", "phi3", "olmo2"),
}
"""Supported model types (`model_type` in config.json), by family. The tests run a model of each type."""

GGUF_ARCHITECTURES = ("llama",)
"""Supported architectures of GGUF files (`general.architecture`)."""

FIRST_POSITION = {"roberta": 2, "xlm-roberta": 2}
"""Index of the first usable position, for model types that count positions from their padding id plus 1."""

UNBOUNDED = ("t5", "mt5", "deberta-v2")
"""Model types with only relative positions, which take inputs of any length."""

TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json")
"""Names of files from which a fast tokenizer can be built. Any of them suffices."""

PIECES = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model")
"""Names of SentencePiece files. Building a fast tokenizer from them needs the package sentencepiece."""

COPY_ADVICE = "Copy the whole model again, or name another folder."
"""Advice for missing and damaged files of a model."""


class NoSuchBackbone(LookupError):
    """The backbone's files are missing, damaged or of an unsupported kind. The message says what to do."""


def locate(package: str | None, path: str | None, hub_id: str | None, revision: str | None) -> Path:
    """Find the folder of a backbone's config, tokenizer and weights, in the hub's layout or as one GGUF file.

    Args:
        package: Name of the Python package that ships the files; None for a folder on disk.
        path: Path of the folder, inside the package or on disk; None for a model of the hub.
        hub_id: Name of the model on the hub, `owner/name`; None for a folder. The model is read from the local cache,
            or downloaded.
        revision: Branch, tag or commit on the hub; None for its main branch.

    Raises:
        NoSuchBackbone: The package is not installed, the folder is incomplete, or the hub does not provide the model.
    """
    if hub_id is not None:
        folder = cached(hub_id, revision)
        if folder is not None:
            return folder
        try:
            folder = fetch(hub_id, revision)
        except HubError as error:
            raise NoSuchBackbone(str(error)) from error
    elif path is None:
        raise NoSuchBackbone("neither backbone.path nor backbone.hub_id names a model. Set one of them.")
    else:
        folder = _named_folder(package, path)
    _refuse_half_a_model(folder)
    return folder


def cached(hub_id: str, revision: str | None) -> Path | None:
    """Return the folder of a hub model in the local cache; None if the model is missing or incomplete there.

    Raises:
        NoSuchBackbone: `hub_id` is not a valid name of a model.
    """
    try:
        folder = cached_snapshot(hub_id, revision)
    except HubError as error:
        raise NoSuchBackbone(str(error)) from error
    try:
        if folder is not None:
            _refuse_half_a_model(folder)
    except NoSuchBackbone:  # another program may have fetched only the config
        return None
    return folder


def gguf_file(folder: Path) -> Path | None:
    """Return the folder's GGUF file; None if the folder has the hub's layout or no GGUF file.

    Raises:
        NoSuchBackbone: The folder holds several GGUF files.
    """
    if (folder / "config.json").is_file():
        return None
    files = sorted(folder.glob("*.gguf"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise NoSuchBackbone(f"{folder} holds several GGUF files: {names}. Move the right one to its own folder.")
    return files[0] if files else None


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files: a GGUF file, else safetensors, else PyTorch files. Shards are sorted by name.

    Raises:
        NoSuchBackbone: The folder has no weight file, or shards are missing.
    """
    if (packed := gguf_file(folder)) is not None:
        return [packed]
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            return _shards(index)
    raise NoSuchBackbone(f"{folder} has no weights: neither model.safetensors nor pytorch_model.bin. {COPY_ADVICE}")


def weights_sha256(folder: Path) -> str:
    """Compute the sha256 of the weight file. For several shards, it is the sha256 of lines `name sha256`.

    Raises:
        NoSuchBackbone: The folder has no weight file, or a weight file cannot be read.
    """
    files = weight_files(folder)
    sums = [_sha256(file) for file in files]
    if len(files) == 1:
        return sums[0]
    lines = (f"{file.name} {checksum}\n" for file, checksum in zip(files, sums, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_sha256(folder: Path, weights: str) -> str:
    """Compute the sha256 over a model's weights, config and tokenizer.

    Args:
        folder: Folder of the model.
        weights: Result of `weights_sha256` for the folder.
    """
    if gguf_file(folder) is not None:
        return weights  # a GGUF file holds config and tokenizer too
    texts = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt", *TOKENIZERS, *PIECES)
    lines = [f"weights {weights}\n"]
    lines += [f"{name} {_sha256(folder / name)}\n" for name in sorted(texts) if (folder / name).is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def model_type(folder: Path) -> str:
    """Read the model's type from its config, such as `bert` or `t5`; `gguf llama` for a GGUF file of a Llama.

    Raises:
        NoSuchBackbone: The config cannot be read, or has no `model_type`.
    """
    if (packed := gguf_file(folder)) is not None:
        return f"gguf {_head(packed)['general.architecture']}"
    kind = model_config(folder).get("model_type")
    if not isinstance(kind, str):
        raise NoSuchBackbone(f'{folder / "config.json"} names no model_type. Add it, such as "model_type": "bert".')
    return kind


def family_of(folder: Path) -> str:
    """Return the family of a model: `encoder`, `seq2seq` or `causal`.

    Raises:
        NoSuchBackbone: The model's type is not supported, or its config cannot be read.
    """
    own = model_type(folder)
    served = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
    served |= {f"gguf {kind}": "causal" for kind in GGUF_ARCHITECTURES}
    if own not in served:
        kinds = "; ".join(f"{family}: {', '.join(kinds)}" for family, kinds in FAMILIES.items())
        raise NoSuchBackbone(f"{folder} holds a model of type {own}, which rpt does not support. It supports {kinds}.")
    return served[own]


def num_positions(folder: Path) -> int | None:
    """Read the largest number of tokens that a backbone takes, prompt included; None if no limit is known.

    Raises:
        NoSuchBackbone: `config.json` or the head of a GGUF file cannot be read.
    """
    if (packed := gguf_file(folder)) is not None:
        head = _head(packed, "context_length")
        return int(head[f"{head['general.architecture']}.context_length"])
    config = model_config(folder)
    kind = config.get("model_type")
    if kind in UNBOUNDED:
        return None
    positions = _whole(config.get("n_positions", config.get("max_position_embeddings")))
    if positions is None:
        return None
    window = _whole(config.get("sliding_window")) if config.get("use_sliding_window", True) else None
    return min(positions - FIRST_POSITION.get(str(kind), 0), window or positions)


def model_config(folder: Path) -> dict[str, Any]:
    """Read a model's config.json.

    Raises:
        NoSuchBackbone: The file cannot be read as a JSON object.
    """
    try:
        return read_object(folder / "config.json")
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error


def _package_folder(package: str) -> Path:
    spec = find_module(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    if not folders:
        raise NoSuchBackbone(f"its weights come in the package {package}, which is not installed. Run: make setup")
    return Path(folders[0])


def _named_folder(package: str | None, path: str) -> Path:
    """Return the folder of a path, on disk or inside a package. Its content is not checked."""
    try:
        folder = (Path() if package is None else _package_folder(package)) / Path(path).expanduser()
        is_file = folder.is_file()
    except (OSError, RuntimeError) as error:  # the name is too long, or ~name has no home folder
        raise NoSuchBackbone(f"{path}: cannot be a folder ({reason_of(error)}). Set backbone.path=DIR.") from error
    if is_file:
        raise NoSuchBackbone(f"{folder} is a file. Set backbone.path to its folder: {folder.parent}.")
    return folder


def _refuse_half_a_model(folder: Path) -> None:
    """Refuse a folder that lacks a config, a tokenizer or weights. A GGUF file holds all three."""
    if gguf_file(folder) is not None:
        return
    _refuse_prompt(folder)
    if not (folder / "config.json").is_file():
        raise NoSuchBackbone(f"there is no config.json in {folder}. Run make setup, or name another folder.")
    weight_files(folder)
    if any((folder / name).is_file() for name in TOKENIZERS):
        return
    if not any((folder / name).is_file() for name in PIECES):
        raise NoSuchBackbone(f"{folder} has no tokenizer: none of {', '.join(TOKENIZERS + PIECES)}. {COPY_ADVICE}")
    if importlib.util.find_spec("sentencepiece") is None:
        need = f"{folder} has no tokenizer.json, and making one takes a package that is not installed"
        raise NoSuchBackbone(f"{need}. Run: pip install sentencepiece")


def _refuse_prompt(folder: Path) -> None:
    """Refuse a folder that holds a PEFT adapter or a trained prompt instead of a model."""
    adapter, has_config = folder / "adapter_config.json", (folder / "config.json").is_file()
    start = "Set backbone.path to the folder of a model. To start from the prompt, set init=file init.path="
    if adapter.is_file():  # transformers would apply an adapter to a model in the same folder
        beside = " beside a model. Move one of them to a folder of its own." if has_config else ", not a model."
        raise NoSuchBackbone(f"{folder} holds a PEFT adapter{beside} {start}{folder / 'adapter_model.safetensors'}.")
    if (folder / "run.json").is_file() and not has_config:
        raise NoSuchBackbone(f"{folder} is the folder of a run, not a model. {start}{folder / 'prompt.safetensors'}.")


def _shards(index: Path) -> list[Path]:
    """Return all shards that an index file names, sorted by name."""
    try:
        named = read_object(index).get("weight_map")
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error
    if not isinstance(named, dict) or not named or not all(isinstance(name, str) for name in named.values()):
        raise NoSuchBackbone(f"{index}: has no weight_map that names the file of each tensor. {COPY_ADVICE}")
    shards = [index.parent / Path(name).name for name in sorted(set(named.values()))]
    missing = [file.name for file in shards if not file.is_file()]
    if missing:
        raise NoSuchBackbone(f"{index.parent} lacks weights that its index names: {', '.join(missing)}. {COPY_ADVICE}")
    return shards


def _head(packed: Path, *counts: str) -> dict[str, Any]:
    try:
        head = read_head(packed)
        for name in counts:
            require_count(packed, head, name)
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error
    return head


def _whole(value: object) -> int | None:
    return value if type(value) is int else None


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise NoSuchBackbone(f"{path}: cannot be read ({reason_of(error)}). {COPY_ADVICE}") from error
