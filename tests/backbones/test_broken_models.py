"""A damaged model folder, or a folder without a model, is refused with the file, the reason and advice."""

import copy
import pickle
import shutil

import pytest
import torch

from rpt.backbones.files import NoSuchBackbone, family_of, locate
from rpt.backbones.load import load_backbone
from rpt.backbones.soundness import refuse_unsound
from rpt.config.check import check
from rpt.data.inputs import find_backbone
from rpt.errors import ConfigError, WeightsError
from tests.support.composed import compose
from tests.support.damage import (
    CodeInPickle,
    add_tokens,
    as_pickle,
    cast_queries_to_uint8,
    cast_to_float8,
    config,
    index,
    raw,
    text,
    truncate_to_half,
    weights,
)
from tests.support.models import make_model, save_as_published

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90868376\n"
COPY = r"Copy the whole model( again)?, or name another folder\.$"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Undamaged model folders by the type of their model."""
    folders = {}
    for name in ("bert", "llama", "t5"):
        folders[name] = tmp_path_factory.mktemp(name)
        save_as_published(name, make_model(name), folders[name])
    return folders


@pytest.fixture
def folder(request, whole, tmp_path):
    """Copy a model folder, so that a test may damage the copy."""

    def copied(name):
        path = tmp_path / "model"
        shutil.copytree(whole[name], path)
        return path

    return copied


# Damage that the configuration check finds. Each case has the model's type, the damage and the error message.
CHECKED = {
    "config null": ("bert", text("config.json", "null"), rf"config\.json: holds a JSON null, .*\. {COPY}"),
    "config list": ("bert", text("config.json", "[]"), rf"config\.json: holds a JSON array, .*\. {COPY}"),
    "config number": ("bert", text("config.json", "3"), rf"config\.json: holds a JSON number, .*\. {COPY}"),
    "config empty": ("bert", text("config.json", ""), rf"config\.json: is empty\. {COPY}"),
    "config cut off": ("bert", text("config.json", '{"a": '), rf"is not JSON \(Expecting value, line 1, .*\. {COPY}"),
    "config deep": ("bert", text("config.json", '{"a":' * 99999), rf"config\.json: is nested too deeply\. {COPY}"),
    "config bytes": ("bert", text("config.json", b"\xff\xfe{}"), rf"config\.json: is not UTF-8 text .*\. {COPY}"),
    "config digits": (
        "bert",
        text("config.json", '{"a": ' + "9" * 5000 + "}"),
        rf"config\.json: cannot be read .*{COPY}",
    ),
    "config pointer": ("bert", text("config.json", POINTER), r"config\.json: is a pointer of git-lfs.*git lfs pull"),
    "type missing": ("bert", config(model_type=3), r'names no model_type\. Add it, such as "model_type": "bert"'),
    "type foreign": (
        "bert",
        config(model_type="vit"),
        r"holds a model of type vit, which rpt does not support\. It supports",
    ),
    "layers text": (
        "bert",
        config(num_hidden_layers="two"),
        r"says num_hidden_layers = 'two', but the weight files hold 2",
    ),
    "layers null": (
        "t5",
        config(num_layers=None),
        r"says num_layers = None, but the weight files hold 2 encoder layers",
    ),
    "layers fewer": (
        "llama",
        config(num_hidden_layers=1),
        r"num_hidden_layers = 1, but the weight files hold 2 layers\. Corr",
    ),
    "layers huge": ("llama", config(num_hidden_layers=10**12), r"the weight files hold 2 layers\. Correct"),
    "decoder layers": (
        "t5",
        config(num_decoder_layers=5),
        r"num_decoder_layers = 5, but the weight files hold 2 decoder lay",
    ),
    "weights pointer": (
        "bert",
        text("model.safetensors", POINTER),
        r"model\.safetensors: is a pointer of git-lfs, not the",
    ),
    "weights empty": ("bert", text("model.safetensors", ""), rf"model\.safetensors: is empty\. {COPY}"),
    "weights foreign": ("bert", text("model.safetensors", "words" * 9), rf"is not a safetensors file, or .*\. {COPY}"),
    "weights half": (
        "bert",
        raw(lambda old: old[: len(old) // 2]),
        r"is cut off: its header describes \d+ bytes, but it has",
    ),
    "weights long": ("bert", raw(lambda old: old + b"\0"), rf"has bytes behind its end: .*\. {COPY}"),
    "header half": ("bert", raw(lambda old: old[:99]), r"is not a safetensors file, or its header is damaged"),
    "GPTQ": (
        "llama",
        config(quantization_config={"quant_method": "gptq", "bits": 4}),
        r"quantised weights \(gptq in config",
    ),
    "quantised oddly": (
        "llama",
        config(quantization_config=4),
        r"holds quantised weights \(quantization_config in config",
    ),
    "fp8": (
        "llama",
        weights(cast_to_float8),
        r"holds \S+ as F8_E4M3: its weights are quantised, .*\. Name a folder with",
    ),
    "4-bit": ("llama", weights(cast_queries_to_uint8), r"holds \S+q_proj\.weight as U8: its weights are quantised"),
    "index null": ("bert", index(None), r"index\.json: holds a JSON null"),
    "index number": (
        "bert",
        index({"weight_map": {"a": 3}}),
        r"index\.json: has no weight_map that names the file of each",
    ),
    "index empty": ("bert", index({"weight_map": {}}), r"index\.json: has no weight_map that names the file of each"),
    "shard missing": (
        "bert",
        index({"weight_map": {"a": "b.safetensors"}}),
        r"lacks weights that its index names: b\.safet",
    ),
    "tokenizer pointer": ("bert", text("tokenizer.json", POINTER), r"tokenizer\.json: is a pointer of git-lfs"),
    "tokenizer empty": ("bert", text("tokenizer.json", ""), rf"tokenizer\.json: is empty\. {COPY}"),
    "adapter beside": (
        "llama",
        text("adapter_config.json", "{}"),
        r"holds a PEFT adapter beside a model\. Move one .* init=file init\.path=\S+adapter_model\.safetensors\.$",
    ),
    "file": ("bert", None, r"is a file\. Set backbone\.path to its folder: "),
}

# Damage that is found when the backbone is loaded. Each case has the same entries as in `CHECKED`.
LOADED = {
    "width text": ("bert", config(hidden_size="wide"), rf"config\.json describes no model .*hidden_size.*\. {COPY}"),
    "width null": ("llama", config(hidden_size=None), r"config\.json describes no model"),
    "width zero": ("bert", config(hidden_size=0), r"config\.json|shape"),
    "width other": (
        "bert",
        config(hidden_size=64),
        r"has shape \[.*32.*\] in the weight files, but the model in config\.json has",
    ),
    "heads zero": ("llama", config(num_attention_heads=0), r"config\.json describes no model"),
    "heads odd": ("bert", config(num_attention_heads=3), r"config\.json describes no model"),
    "vocabulary": ("llama", config(vocab_size=61), r"has shape \[60, 32\] in the weight files, .* has \[61, 32\]"),
    "positions": ("bert", config(max_position_embeddings=10**9), r"has shape \[512, 32\] in the weight files"),
    "norm null": ("bert", config(layer_norm_eps=None), r"config\.json"),
    "activation": ("bert", config(hidden_act="nonsense"), r"config\.json describes no model .*nonsense"),
    "rope unknown": (
        "llama",
        config(rope_parameters={"rope_type": "spiral", "rope_theta": 1.0}),
        r"config\.json .*spiral",
    ),
    "rope old": ("llama", config(rope_scaling={"type": "spiral"}, rope_parameters=None), r"config\.json .*spiral"),
    "rope number": ("llama", config(rope_parameters=7), r"config\.json describes no model"),
    "T5's activation": ("t5", config(feed_forward_proj="a-b-c"), r"config\.json describes no model"),
    "tokenizer object": ("bert", text("tokenizer.json", "{}"), r"its tokenizer cannot be used"),
    "tokenizer null": ("llama", text("tokenizer.json", "null"), r"tokenizer\.json: holds a JSON null, where an object"),
    "tokenizer words": ("t5", text("tokenizer.json", "words"), r"tokenizer\.json: is not JSON \(Expecting value, line"),
    "tokenizer deep": ("bert", text("tokenizer.json", '{"a":' * 9999), r"tokenizer\.json: is nested too deeply"),
    "tokenizer config": ("bert", text("tokenizer_config.json", "[]"), r"tokenizer_config\.json: holds a JSON array"),
    "tokenizer class": (
        "bert",
        text("tokenizer_config.json", '{"tokenizer_class": 3}'),
        r"its tokenizer cannot be used",
    ),
    "tokens": (
        "bert",
        add_tokens,
        r"tokens up to number 68, and the model's embedding table has 60 rows\. Copy the token",
    ),
    "generation": ("llama", text("generation_config.json", "[]"), r"generation_config\.json: holds a JSON array"),
    "pickle text": (
        "bert",
        as_pickle(lambda stored, path: path.write_text("words")),
        rf"\.bin: cannot be read .*\. {COPY}$",
    ),
    "pickle half": (
        "bert",
        as_pickle(lambda stored, path: (torch.save(stored, path), truncate_to_half(path))),
        r"\.bin: cannot be read",
    ),
    "pickle list": (
        "bert",
        as_pickle(lambda stored, path: torch.save([1, 2], path)),
        r"must hold only tensors by name",
    ),
    "pickle nested": (
        "bert",
        as_pickle(lambda stored, path: torch.save({"state_dict": stored}, path)),
        r"must hold only tensors by name\. Save the model again: save_pretrained\.$",
    ),
    "pickle code": (
        "bert",
        as_pickle(lambda stored, path: path.write_bytes(pickle.dumps(CodeInPickle()))),
        r"\.bin: cannot be read",
    ),
}


@pytest.fixture(scope="module")
def values():
    few = ["backbone.dtype=float32", "trainer.device=cpu", "prompt.length=2"]
    return compose(["backbone=local", "backbone.name=broken", "backbone.path=DIR", "task=cb", *few])


def checked(values, path):
    given = copy.deepcopy(values)
    given["backbone"]["path"] = str(path)
    return check(given)


def assert_one_line(message):
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("case", CHECKED)
def test_a_broken_folder_is_refused_by_the_check(case, folder, values):
    name, damage, message = CHECKED[case]
    path = folder(name)
    if damage is None:
        path = path / "config.json"
    else:
        checked(values, path)  # the undamaged folder is accepted
        damage(path)
    with pytest.raises(ConfigError, match=message) as caught:
        checked(values, path)
    assert str(caught.value).startswith(f"backbone.path = {path}: ")
    assert str(path) in str(caught.value).partition(": ")[2]
    assert_one_line(str(caught.value))


@pytest.mark.parametrize("case", LOADED)
def test_a_broken_folder_is_refused_when_it_is_loaded(case, folder, capfd):
    name, damage, message = LOADED[case]
    path = folder(name)
    damage(path)
    family = family_of(path)
    with pytest.raises(WeightsError, match=message) as caught:
        load_backbone(path, family=family, dtype=torch.float32, attention="eager", expected_sha256=None)
    assert str(caught.value).startswith(str(path))
    assert_one_line(str(caught.value))
    assert "this ran" not in capfd.readouterr().out


def test_folders_of_adapters_and_runs_are_refused_as_backbones(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(
        NoSuchBackbone, match=r"holds a PEFT adapter, not a model\. .* init\.path=\S+adapter_model\.saf"
    ):
        locate(None, str(tmp_path), None, None)
    (tmp_path / "adapter_config.json").rename(tmp_path / "run.json")
    with pytest.raises(
        NoSuchBackbone, match=r"is the folder of a run, not a model\. .* init\.path=\S+prompt\.safetensors"
    ):
        locate(None, str(tmp_path), None, None)


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody-of-this-name/model"])
def test_a_path_that_cannot_be_a_folder_is_refused(path):
    with pytest.raises(NoSuchBackbone, match=r"cannot be a folder \(.*\)\. Set backbone\.path=DIR\."):
        locate(None, path, None, None)


def test_heads_poolers_and_buffers_are_not_taken_for_quantised_weights(whole):
    for path in whole.values():
        refuse_unsound(path)  # BERT's position ids are integers


def test_a_broken_link_is_a_missing_file(whole, values, tmp_path):
    config = checked(values, whole["bert"])
    broken = tmp_path / "broken"
    shutil.copytree(whole["bert"], broken)
    (broken / "tokenizer.json").unlink()
    (broken / "tokenizer.json").symlink_to("tokenizer.json")  # a link to itself
    moved = config.model_copy(update={"backbone": config.backbone.model_copy(update={"path": str(broken)})})
    with pytest.raises(WeightsError, match="has no tokenizer"):
        find_backbone(moved)
