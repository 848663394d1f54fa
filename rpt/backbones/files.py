"""Where a backbone's files lie and what they say of it, without loading any weights.

The configuration check asks these questions, so neither torch nor transformers is imported here.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from rpt.backbones.gguf import NotGguf, read_head
from rpt.backbones.hub import HubError, cached_snapshot, fetch
from rpt.modules import find_module
from rpt.reading import Unreadable, read_object, reason_of

FAMILIES = {
    "encoder": ("bert", "roberta", "xlm-roberta", "deberta-v2", "electra", "distilbert"),
    "seq2seq": ("t5", "mt5"),
    "causal": ("llama", "gpt2", "gpt_neox", "qwen2", "qwen3", "mistral", "phi3", "olmo2"),
}
"""The model types (`model_type` in config.json) that are served; the tests run each of them."""

GGUF_ARCHITECTURES = ("llama",)
"""The same for GGUF files (`general.architecture`)."""

FIRST_POSITION = {"roberta": 2, "xlm-roberta": 2}
"""Model types that count positions from their padding id on, and so have fewer than their table's rows."""

UNBOUNDED = ("t5", "mt5", "deberta-v2")
"""Model types with relative positions alone."""

TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json")
"""Files that each suffice for a fast tokenizer."""

PIECES = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model")
"""Files that a fast tokenizer is made of by the package sentencepiece."""


class NoSuchBackbone(LookupError):
    """The backbone's files are not on this machine, or of no kind that rpt serves; the message says what to do."""


def locate(package: str | None, path: str | None, hub_id: str | None, revision: str | None) -> Path:
    """The folder that holds a backbone's config, tokenizer and weights, in the hub's layout or as one GGUF file.

    Args:
        package: The Python package that ships the files; None for a folder on disk.
        path: The folder, inside the package or on disk.
        hub_id: The model on the hub, `owner/name`: taken from the local cache, else fetched.
        revision: Branch, tag or commit on the hub; None for its main branch.

    Raises:
        NoSuchBackbone: The package is not installed, the folder is incomplete, or the hub does not give the model.
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
        raise NoSuchBackbone("neither backbone.path nor backbone.hub_id says where it is. Set one of them.")
    else:
        folder = _named_folder(package, path)
    _refuse_half_a_model(folder)
    return folder


def cached(hub_id: str, revision: str | None) -> Path | None:
    """The folder of a model of the hub if all of it is in the local cache, else None.

    Raises:
        NoSuchBackbone: `hub_id` is no name that a model can have.
    """
    try:
        folder = cached_snapshot(hub_id, revision)
    except HubError as error:
        raise NoSuchBackbone(str(error)) from error
    try:
        if folder is not None:
            _refuse_half_a_model(folder)
    except NoSuchBackbone:  # of another program, which needed its config alone
        return None
    return folder


def gguf_file(folder: Path) -> Path | None:
    """The folder's GGUF file, if that is what it holds instead of the hub's layout.

    Raises:
        NoSuchBackbone: There are several.
    """
    if (folder / "config.json").is_file():
        return None
    found = sorted(folder.glob("*.gguf"))
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise NoSuchBackbone(f"{folder} holds {names}. Move the one that is meant to a folder of its own.")
    return found[0] if found else None


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights: safetensors where there are any, else PyTorch's, one or all shards by name.

    Raises:
        NoSuchBackbone: There are none, or shards are missing.
    """
    packed = gguf_file(folder)
    if packed is not None:
        return [packed]
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            return _shards(index)
    raise NoSuchBackbone(f"{folder} has no weights: neither model.safetensors nor pytorch_model.bin. {_COPY}")


def weights_sha256(folder: Path) -> str:
    """sha256 of the weight file; of several shards, of the lines `name sha256` of each.

    Raises:
        NoSuchBackbone: There are no weights, or they cannot be read.
    """
    files = weight_files(folder)
    sums = [_sha256(file) for file in files]
    if len(files) == 1:
        return sums[0]
    lines = (f"{file.name} {found}\n" for file, found in zip(files, sums, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_sha256(folder: Path, weights: str) -> str:
    """sha256 of all that makes the model: its weights, its config and its tokenizer.

    Args:
        folder: Of the model.
        weights: What `weights_sha256` says of it.
    """
    if gguf_file(folder) is not None:
        return weights  # one file holds it all
    texts = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt", *TOKENIZERS, *PIECES)
    lines = [f"weights {weights}\n"]
    lines += [f"{name} {_sha256(folder / name)}\n" for name in sorted(texts) if (folder / name).is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def model_type(folder: Path) -> str:
    """What the model's own config calls its architecture: `bert`, `t5`, `llama`; of a GGUF file `gguf llama`.

    Raises:
        NoSuchBackbone: The config cannot be read, or does not say.
    """
    packed = gguf_file(folder)
    if packed is not None:
        return f"gguf {_head(packed).get('general.architecture')}"
    found = model_config(folder).get("model_type")
    if not isinstance(found, str):
        raise NoSuchBackbone(f'{folder / "config.json"} names no model_type. Add it, such as "model_type": "bert".')
    return found


def family_of(folder: Path) -> str:
    """The family that serves a model: `encoder`, `seq2seq` or `causal`.

    Raises:
        NoSuchBackbone: None does, or the model's config cannot be read.
    """
    found = model_type(folder)
    served = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
    served |= {f"gguf {kind}": "causal" for kind in GGUF_ARCHITECTURES}
    if found not in served:
        kinds = "; ".join(f"{family}: {', '.join(kinds)}" for family, kinds in FAMILIES.items())
        raise NoSuchBackbone(f"{folder} holds a model of type {found}, which rpt does not serve. Served are {kinds}.")
    return served[found]


def num_positions(folder: Path) -> int | None:
    """How many tokens a backbone can take, prompt included; None where its positions have no end.

    Raises:
        NoSuchBackbone: `config.json` cannot be read.
    """
    packed = gguf_file(folder)
    if packed is not None:
        head = _head(packed)
        return _whole(head.get(f"{head.get('general.architecture')}.context_length"))
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
    """The content of a model's config.json.

    Raises:
        NoSuchBackbone: The file cannot be read as a JSON object.
    """
    try:
        return read_object(folder / "config.json")
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {_COPY}") from error


_COPY = "Copy the whole model, or name another folder."


def _package_folder(package: str) -> Path:
    spec = find_module(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    if not folders:
        raise NoSuchBackbone(f"its weights come in the package {package}, which is not installed. Run: make setup")
    return Path(folders[0])


def _named_folder(package: str | None, path: str) -> Path:
    """The folder that a package and a path name; it need not be complete."""
    try:
        folder = (Path() if package is None else _package_folder(package)) / Path(path).expanduser()
        is_file = folder.is_file()
    except (OSError, RuntimeError) as error:  # a name that is too long; no home for ~name
        raise NoSuchBackbone(f"{path}: cannot be a folder ({reason_of(error)}). Set backbone.path=DIR.") from error
    if is_file:
        raise NoSuchBackbone(f"{folder} is a file. Set backbone.path to its folder: {folder.parent}.")
    return folder


def _refuse_half_a_model(folder: Path) -> None:
    """A folder must hold config, tokenizer and all weights, or one GGUF file, which has all three."""
    if gguf_file(folder) is not None:
        return
    _refuse_prompt(folder)
    if not (folder / "config.json").is_file():
        raise NoSuchBackbone(f"there is no config.json in {folder}. Run make setup, or name another folder.")
    weight_files(folder)
    if any((folder / name).is_file() for name in TOKENIZERS):
        return
    if not any((folder / name).is_file() for name in PIECES):
        raise NoSuchBackbone(f"{folder} has no tokenizer: none of {', '.join(TOKENIZERS + PIECES)}. {_COPY}")
    if importlib.util.find_spec("sentencepiece") is None:
        need = f"{folder} has no tokenizer.json, and making one takes a package that is not installed"
        raise NoSuchBackbone(f"{need}. Run: pip install sentencepiece")


def _refuse_prompt(folder: Path) -> None:
    """Refuse what was trained on a backbone in a backbone's place."""
    adapter, has_config = folder / "adapter_config.json", (folder / "config.json").is_file()
    start = "For a backbone name the model; to start from the prompt, set init=file init.path="
    if adapter.is_file():  # beside a model, transformers would load both as one
        beside = " beside a model. Move one of them to a folder of its own." if has_config else ", not a model."
        raise NoSuchBackbone(f"{folder} holds a PEFT adapter{beside} {start}{folder / 'adapter_model.safetensors'}.")
    if (folder / "run.json").is_file() and not has_config:
        raise NoSuchBackbone(f"{folder} is the folder of a run, not a model. {start}{folder / 'prompt.safetensors'}.")


def _shards(index: Path) -> list[Path]:
    """All files that an index names."""
    try:
        named = read_object(index).get("weight_map")
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {_COPY}") from error
    if not isinstance(named, dict) or not named or not all(isinstance(name, str) for name in named.values()):
        raise NoSuchBackbone(f"{index}: has no weight_map that names the file of each tensor. {_COPY}")
    found = [index.parent / Path(name).name for name in sorted(set(named.values()))]
    missing = [file.name for file in found if not file.is_file()]
    if missing:
        raise NoSuchBackbone(f"{index.parent} lacks weights that its index names: {', '.join(missing)}. {_COPY}")
    return found


def _head(packed: Path) -> dict[str, Any]:
    try:
        return read_head(packed)
    except (NotGguf, OSError) as error:
        raise NoSuchBackbone(f"{error}. Install the backbone again.") from error


def _whole(value: object) -> int | None:
    return value if type(value) is int else None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NoSuchBackbone(f"{path}: cannot be read ({reason_of(error)}). {_COPY}") from error
