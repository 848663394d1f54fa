"""Every served model type is loaded from files in the hub's layout, tied and untied, and gives its own numbers."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from rpt.backbones.files import FAMILIES, family_of
from rpt.backbones.load import load_backbone
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.errors import WeightsError
from rpt.runs import train
from tests.support.models import MAKERS, VOCAB, edit_config, edit_weights, make_model, save_as_published


def load(folder, attention="eager", dtype=torch.float32):
    kind = family_of(folder)
    return load_backbone(folder, family=kind, dtype=dtype, attention=attention, expected_sha256=None)


def numbers_of(model, family):
    """Logits of a language model, last states of an encoder, on fixed input embeddings."""
    width = model.get_input_embeddings().weight.shape[1]
    embeds = torch.randn(2, 5, width, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        if family == "encoder":
            return model.base_model(inputs_embeds=embeds).last_hidden_state
        if family == "seq2seq":
            return model(inputs_embeds=embeds, decoder_input_ids=torch.tensor([[0, 7, 9], [0, 3, 4]])).logits
        return model(inputs_embeds=embeds).logits


def test_every_served_type_is_here():
    served = {kind for kinds in FAMILIES.values() for kind in kinds}
    assert {MAKERS[name][1]().model_type for name in MAKERS} == served


@pytest.mark.parametrize("name", MAKERS)
def test_a_published_folder_gives_the_numbers_of_its_model(name, tmp_path):
    model = make_model(name)
    model.set_attn_implementation("eager")
    save_as_published(name, model, tmp_path)
    backbone = load(tmp_path)
    family = family_of(tmp_path)
    expected = numbers_of(model, family)
    assert expected.std() > 0.01
    torch.testing.assert_close(numbers_of(backbone.model, family), expected, rtol=1e-6, atol=1e-6)
    assert backbone.fingerprint() == backbone.checkpoint_fingerprint
    stored = load_file(tmp_path / "model.safetensors")
    assert ("embed_out.weight" in stored) == (name == "gpt_neox")


def test_a_narrow_embedding_has_a_prompt_of_its_width_and_a_head_of_the_states(tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path)
    backbone = load(tmp_path)
    assert (backbone.hidden_size, backbone.state_size) == (16, 32)
    states = backbone(torch.zeros(1, 3, 16), torch.ones(1, 3, dtype=torch.int64))
    assert states.shape == (1, 3, 32)


@pytest.mark.parametrize("place", ["front", "after_cls"])
def test_a_prompt_and_a_head_are_trained_on_a_narrow_embedding(place, tiny_cb, tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path / "model")
    few = ["trainer=debug", "data.max_rows=8", "prompt.length=2", "data.max_cut_share=1", f"output_dir={tmp_path}"]
    named = ["backbone=local", "backbone.name=narrow", f"backbone.path={tmp_path / 'model'}", "trainer.device=cpu"]
    [outcome] = train([check(compose([*tiny_cb, *named, *few, f"backbone.prompt_at={place}", "encoder=residual"]))])
    assert outcome.record.status == "finished"
    assert load_file(outcome.folder / "prompt.safetensors")["prompt"].shape == (2, 16)
    assert load_file(outcome.folder / "head.safetensors")["linear.weight"].shape == (3, 32)


@pytest.mark.parametrize("name", ["gpt2, tied", "bert"])
@pytest.mark.parametrize("is_zip", [True, False], ids=["torch 1.6", "older torch"])
def test_weights_of_every_torch_are_read(name, is_zip, tmp_path):
    model = make_model(name)
    model.set_attn_implementation("eager")
    save_as_published(name, model, tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(stored, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=is_zip)
    family = family_of(tmp_path)
    torch.testing.assert_close(
        numbers_of(load(tmp_path).model, family), numbers_of(model, family), rtol=1e-6, atol=1e-6
    )


# The output layer


def test_an_output_layer_of_its_own_is_loaded_where_the_config_says_tied(tmp_path):
    model = make_model("llama")
    save_as_published("llama", model, tmp_path)
    edit_config(tmp_path, lambda config: {**config, "tie_word_embeddings": True})
    loaded = load(tmp_path).model.get_output_embeddings().weight
    assert torch.equal(loaded, load_file(tmp_path / "model.safetensors")["lm_head.weight"])
    assert not torch.equal(loaded, model.get_input_embeddings().weight)


def test_a_missing_output_layer_is_refused_where_the_config_says_untied(tmp_path):
    for name in ("llama, tied", "t5"):
        folder = tmp_path / name
        save_as_published(name, make_model(name), folder)
        edit_config(folder, lambda config: {**config, "tie_word_embeddings": False})
        with pytest.raises(WeightsError, match=r"lm_head\.weight"):
            load(folder)


def test_a_t5_that_hides_its_output_layer_is_refused(tmp_path):
    """A T5 whose config.json says that it is tied scales its last states, which is wrong for an output layer."""
    save_as_published("t5 1.1", make_model("t5 1.1"), tmp_path)
    left_out = ("tie_word_embeddings", "scale_decoder_outputs")
    edit_config(tmp_path, lambda config: {key: config[key] for key in config if key not in left_out})
    with pytest.raises(WeightsError, match=r"Set tie_word_embeddings to false in config\.json, as T5 1\.1 has it"):
        load(tmp_path)


def test_a_copy_of_a_shared_table_must_be_a_copy(tmp_path):
    save_as_published("t5", make_model("t5"), tmp_path)
    other = {"encoder.embed_tokens.weight": torch.zeros(VOCAB, 32)}
    edit_weights(tmp_path, lambda tensors: tensors | other)
    with pytest.raises(WeightsError, match="hold an embedding of the encoder alone"):
        load(tmp_path)


# Tensors without a use


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bert", "bert.encoder.layer.2.output.dense.weight"),
        ("bert", "bert.embeddings.extra.weight"),
        ("llama", "model.layers.0.self_attn.q_proj.bias"),
        ("llama", "adapter.weight"),
        ("t5", "decoder.block.1.layer.1.EncDecAttention.q.scale"),
    ],
)
def test_a_tensor_without_a_use_is_refused(name, key, tmp_path):
    save_as_published(name, make_model(name), tmp_path)
    edit_weights(tmp_path, lambda tensors: tensors | {key: torch.zeros(2)})
    with pytest.raises(WeightsError, match=r"no use for: .*Copy the whole model again|the weight files hold 3 layers"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["bert", "distilbert", "t5", "gpt2", "llama"])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_config_of_fewer_or_more_layers_is_refused(name, layers, tmp_path):
    save_as_published(name, make_model(name), tmp_path)
    key = {"distilbert": "n_layers", "t5": "num_layers", "gpt2": "n_layer"}.get(name, "num_hidden_layers")
    edit_config(tmp_path, lambda config: {**config, key: layers})
    with pytest.raises(WeightsError, match=rf"config\.json: says {key} = {layers}, the weight files hold 2 "):
        load(tmp_path)


def test_shards_are_read_as_one_file(tmp_path):
    model = make_model("llama")
    save_as_published("llama", model, tmp_path / "whole")
    AutoModelForCausalLM.from_pretrained(tmp_path / "whole").save_pretrained(tmp_path / "parts", max_shard_size="40KB")
    for file in (tmp_path / "whole").glob("tokenizer*"):
        shutil.copy(file, tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 2
    assert load(tmp_path / "parts").fingerprint() == load(tmp_path / "whole").fingerprint()


def test_a_shard_that_is_cut_off_is_refused(tmp_path):
    save_as_published("llama", make_model("llama"), tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    names = sorted(stored)
    parts = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
    for file, keys in parts.items():
        save_file({key: stored[key] for key in keys}, tmp_path / file, metadata={"format": "pt"})
    weight_map = {key: file for file, keys in parts.items() for key in keys}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    load(tmp_path)
    path = tmp_path / "b.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"b\.safetensors: is cut off"):
        load(tmp_path)
