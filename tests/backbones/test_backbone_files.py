"""Every supported model type is loaded from its published files, tied and untied, and gives the model's outputs."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from rpt.backbones.files import FAMILIES, family_of
from rpt.backbones.load import load_backbone
from rpt.config.check import check
from rpt.errors import WeightsError
from rpt.runs import train
from tests.support.composed import compose
from tests.support.models import MAKERS, VOCAB, edit_config, edit_weights, make_model, save_as_published


def load(folder, attention="eager", dtype=torch.float32):
    kind = family_of(folder)
    return load_backbone(folder, family=kind, dtype=dtype, attention=attention, expected_sha256=None)


def outputs_of(model, family):
    """Return the logits of a language model or the last states of an encoder, for fixed input embeddings."""
    width = model.get_input_embeddings().weight.shape[1]
    embeds = torch.randn(2, 5, width, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        if family == "encoder":
            return model.base_model(inputs_embeds=embeds).last_hidden_state
        if family == "seq2seq":
            return model(inputs_embeds=embeds, decoder_input_ids=torch.tensor([[0, 7, 9], [0, 3, 4]])).logits
        return model(inputs_embeds=embeds).logits


def test_every_supported_type_is_tested():
    supported = {model_type for model_types in FAMILIES.values() for model_type in model_types}
    assert {MAKERS[name][1]().model_type for name in MAKERS} == supported


@pytest.mark.parametrize("name", MAKERS)
def test_a_loaded_backbone_has_the_outputs_of_the_saved_model(name, tmp_path):
    model = make_model(name)
    model.set_attn_implementation("eager")
    save_as_published(name, model, tmp_path)
    backbone = load(tmp_path)
    family = family_of(tmp_path)
    expected = outputs_of(model, family)
    assert expected.std() > 0.01
    torch.testing.assert_close(outputs_of(backbone.model, family), expected, rtol=1e-6, atol=1e-6)
    assert backbone.fingerprint() == backbone.checkpoint_fingerprint
    stored = load_file(tmp_path / "model.safetensors")
    assert ("embed_out.weight" in stored) == (name == "gpt_neox")


def test_the_prompt_has_the_width_of_a_narrow_embedding_and_the_head_the_width_of_the_states(tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path)
    backbone = load(tmp_path)
    assert (backbone.hidden_size, backbone.state_size) == (16, 32)
    states = backbone(torch.zeros(1, 3, 16), torch.ones(1, 3, dtype=torch.int64))
    assert states.shape == (1, 3, 32)


@pytest.mark.parametrize("prompt_at", ["front", "after_cls"])
def test_a_prompt_and_a_head_are_trained_on_a_narrow_embedding(prompt_at, tiny_cb, tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path / "model")
    few = ["trainer=debug", "data.max_rows=8", "prompt.length=2", "data.max_cut_share=1", f"output_dir={tmp_path}"]
    named = ["backbone=local", "backbone.name=narrow", f"backbone.path={tmp_path / 'model'}", "trainer.device=cpu"]
    [outcome] = train([check(compose([*tiny_cb, *named, *few, f"backbone.prompt_at={prompt_at}", "encoder=residual"]))])
    assert outcome.record.status == "finished"
    assert load_file(outcome.folder / "prompt.safetensors")["prompt"].shape == (2, 16)
    assert load_file(outcome.folder / "head.safetensors")["linear.weight"].shape == (3, 32)


@pytest.mark.parametrize("name", ["gpt2, tied", "bert"])
@pytest.mark.parametrize("is_zip", [True, False], ids=["torch 1.6", "older torch"])
def test_weight_files_of_old_and_new_versions_of_torch_are_read(name, is_zip, tmp_path):
    model = make_model(name)
    model.set_attn_implementation("eager")
    save_as_published(name, model, tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(stored, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=is_zip)
    family = family_of(tmp_path)
    torch.testing.assert_close(
        outputs_of(load(tmp_path).model, family), outputs_of(model, family), rtol=1e-6, atol=1e-6
    )


# Tests of the output layer


def test_a_stored_output_layer_is_loaded_even_if_the_config_says_tied(tmp_path):
    model = make_model("llama")
    save_as_published("llama", model, tmp_path)
    edit_config(tmp_path, lambda config: {**config, "tie_word_embeddings": True})
    loaded = load(tmp_path).model.get_output_embeddings().weight
    assert torch.equal(loaded, load_file(tmp_path / "model.safetensors")["lm_head.weight"])
    assert not torch.equal(loaded, model.get_input_embeddings().weight)


def test_a_missing_output_layer_is_refused_if_the_config_says_untied(tmp_path):
    for name in ("llama, tied", "t5"):
        folder = tmp_path / name
        save_as_published(name, make_model(name), folder)
        edit_config(folder, lambda config: {**config, "tie_word_embeddings": False})
        with pytest.raises(WeightsError, match=r"lm_head\.weight"):
            load(folder)


def test_a_t5_with_an_output_layer_whose_config_does_not_say_untied_is_refused(tmp_path):
    """transformers scales the last states of a tied T5, which is wrong for a T5 with a separate output layer."""
    save_as_published("t5 1.1", make_model("t5 1.1"), tmp_path)
    left_out = ("tie_word_embeddings", "scale_decoder_outputs")
    edit_config(tmp_path, lambda config: {key: config[key] for key in config if key not in left_out})
    with pytest.raises(WeightsError, match=r"Set tie_word_embeddings to false in config\.json, as T5 1\.1 has it"):
        load(tmp_path)


def test_an_embedding_of_the_encoder_that_differs_from_the_shared_embedding_is_refused(tmp_path):
    save_as_published("t5", make_model("t5"), tmp_path)
    other = {"encoder.embed_tokens.weight": torch.zeros(VOCAB, 32)}
    edit_weights(tmp_path, lambda tensors: tensors | other)
    with pytest.raises(WeightsError, match="hold an embedding of the encoder alone"):
        load(tmp_path)


# Tests of tensors that the model does not use


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
def test_a_tensor_that_the_model_does_not_use_is_refused(name, key, tmp_path):
    save_as_published(name, make_model(name), tmp_path)
    edit_weights(tmp_path, lambda tensors: tensors | {key: torch.zeros(2)})
    with pytest.raises(WeightsError, match=r"json lacks: .*Copy the whole model again|the weight files hold 3 layers"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["bert", "distilbert", "t5", "gpt2", "llama"])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_config_of_fewer_or_more_layers_is_refused(name, layers, tmp_path):
    save_as_published(name, make_model(name), tmp_path)
    key = {"distilbert": "n_layers", "t5": "num_layers", "gpt2": "n_layer"}.get(name, "num_hidden_layers")
    edit_config(tmp_path, lambda config: {**config, key: layers})
    with pytest.raises(WeightsError, match=rf"config\.json: says {key} = {layers}, but the weight files hold 2 "):
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
