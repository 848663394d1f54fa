"""With `prompt.unit=vocab`, a training does not depend on the scale of the backbone's embedding table."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import rpt
from rpt.backbones.frozen import root_mean_square
from rpt.errors import ConfigError
from rpt.prompt.unit import T5_RMS, prompt_scale
from rpt.runs import train
from tests.support.composed import checked
from tests.support.packs import curve

T5_OUTPUTS = re.compile(r"SelfAttention\.o\.|EncDecAttention\.o\.|\.wo\.")
"""Names of T5's layers that write into the residual stream, which starts with the embeddings.

If these layers and the embeddings are multiplied by a scale, T5's layer norms remove the scale.
"""

RUN = [
    "task=cb",
    "encoder=residual",
    "backbone.dtype=float64",
    "lr=0.3",
    "encoder_lr=0.03",
    "head_lr=0.1",
    "trainer.epochs=2",
]
SCALES = (0.01, 1.0, 100.0)


def option(overrides, key):
    return next(text.partition("=")[2] for text in overrides if text.startswith(f"{key}="))


def rescaled(overrides, scale, folder, is_scaled, **config):
    """Write a float64 copy of a tiny backbone in which the weights chosen by `is_scaled` are multiplied by a scale."""
    source = Path(option(overrides, "backbone.path"))
    shutil.copytree(source, folder)
    tensors = {name: value.double() for name, value in load_file(source / "model.safetensors").items()}
    if "shared.weight" in tensors:  # T5 gets a separate output layer, because the scale must not change it
        tensors["lm_head.weight"] = tensors["shared.weight"].clone()
    changed = {name: value * scale if is_scaled(name) else value for name, value in tensors.items()}
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dtype": "float64", **config}))
    kept = [text for text in overrides if not text.startswith(("backbone.path=", "backbone.sha256="))]
    return [*kept, f"backbone.path={folder}", "backbone.sha256=null"]


@pytest.fixture
def bert(tiny_bert, tmp_path):
    def make(scale):  # BERT's layer norm after the embeddings removes the scale
        name = tmp_path / f"bert{scale}"
        return rescaled(tiny_bert, scale, name, lambda weight: "embeddings.weight" in weight, layer_norm_eps=1e-30)

    return make


@pytest.fixture
def t5(tiny_gated_t5, tmp_path):
    def make(scale):
        options = {"layer_norm_epsilon": 1e-30, "tie_word_embeddings": False, "scale_decoder_outputs": False}
        name = tmp_path / f"t5{scale}"

        def is_scaled(weight):
            return "shared" in weight or "embed_tokens" in weight or T5_OUTPUTS.search(weight) is not None

        return rescaled(tiny_gated_t5, scale, name, is_scaled, **options)

    return make


def losses(make, scale, tiny_cb, folder, *more):
    config = checked([*make(scale), *tiny_cb, *RUN, f"output_dir={folder / str(scale)}", *more])
    return curve(train([config])[0])["train/loss"]


@pytest.mark.parametrize("family", ["bert", pytest.param("t5", marks=pytest.mark.slow)])
def test_in_the_vocab_unit_a_rescaled_vocabulary_gives_the_same_losses(family, tiny_cb, tmp_path, request):
    make = request.getfixturevalue(family)
    curves = [losses(make, scale, tiny_cb, tmp_path, "prompt.unit=vocab") for scale in SCALES]
    assert max(curves[1]) > 1.05 * min(curves[1]), "the loss does not change, so that the comparison shows nothing"
    for other in (curves[0], curves[2]):
        assert other == pytest.approx(curves[1], rel=1e-5)  # the prompt's table is in float32


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "t5"])
def test_in_the_raw_unit_a_rescaled_vocabulary_gives_different_losses(family, tiny_cb, tmp_path, request):
    make = request.getfixturevalue(family)
    curves = [losses(make, scale, tiny_cb, tmp_path, "prompt.unit=raw") for scale in SCALES]
    for other in (curves[0], curves[2]):
        assert other != pytest.approx(curves[1], rel=1e-2)


@pytest.mark.slow
def test_the_prompt_scale_of_a_backbone_replaces_the_computed_scale(tiny_bert, tiny_cb, tmp_path):
    """The paper's models set `prompt_scale: 1`, so that their prompts train exactly as in the raw unit."""
    options = [*tiny_bert, *tiny_cb, "encoder=residual", "trainer.epochs=1", f"output_dir={tmp_path}"]
    stated = train([checked([*options, "prompt.unit=vocab", "backbone.prompt_scale=1.0"])])[0]
    raw = train([checked([*options, "prompt.unit=raw"])])[0]
    assert curve(stated) == curve(raw)
    assert stated.record.prompt.scale == 1.0
    assert stated.record.identity_hash != raw.record.identity_hash


def test_the_record_has_the_norm_of_the_prompt_at_the_start_and_at_the_end(tiny_bert, tiny_cb, tmp_path):
    options = [*tiny_bert, *tiny_cb, "encoder=residual", "trainer.epochs=1", f"output_dir={tmp_path}"]
    record = train([checked([*options, "prompt.unit=vocab"])])[0].record
    facts = record.prompt
    embedding = load_file(Path(option(tiny_bert, "backbone.path")) / "model.safetensors")
    rms = root_mean_square(embedding["embeddings.word_embeddings.weight"].bfloat16().float())
    assert facts.vocabulary_rms == pytest.approx(rms, rel=1e-2)  # the tolerance allows for bfloat16
    assert facts.scale == pytest.approx(facts.vocabulary_rms / T5_RMS)
    assert 0.5 < facts.start_norm_ratio < 2
    assert 0 < facts.start_update_ratio < 0.2  # the encoder's update has an rms of 1, the table has T5's rms
    assert 0 < facts.first_step < 0.2
    assert facts.end_norm_ratio != facts.start_norm_ratio
    assert facts.end_update_ratio != facts.start_update_ratio
    assert not [warning for warning in record.warnings if "vocabulary" in warning]


def test_the_recorded_first_step_is_the_first_step_with_a_gradient_at_the_prompt(tiny_bert, tiny_cb, tmp_path):
    # The head starts at zero, so that the prompt has no gradient before the second step. In this step Adam changes each
    # number by 0.744 lr: 0.1 / (1 - 0.9^2) divided by the root of 0.001 / (1 - 0.999^2). The change is smaller if a
    # gradient is near Adam's epsilon.
    options = [*tiny_bert, *tiny_cb, "encoder=plain", "trainer.epochs=1", f"output_dir={tmp_path}"]
    facts = train([checked([*options, "prompt.unit=vocab", "lr=0.3", "weight_decay=0"])])[0].record.prompt
    assert facts.first_step == pytest.approx(0.744 * 0.3 / (facts.start_norm_ratio * T5_RMS), rel=0.05)


def test_a_prompt_far_from_the_vocabulary_gives_a_warning(tiny_bert, tiny_cb, tmp_path):
    options = [*tiny_bert, *tiny_cb, "encoder=plain", "init=uniform", "init.high=90", "init.low=-90", "lr=1e-4"]
    record = train([checked([*options, "prompt.unit=raw", "trainer.epochs=1", f"output_dir={tmp_path}"])])[0].record
    warnings = [warning for warning in record.warnings if "vocabulary" in warning]
    assert len(warnings) == 1
    assert re.match(r"prompt far .*: it starts at \d+ times and ends at \d+ times the vocabulary's rms;", warnings[0])
    assert record.prompt.start_update_ratio is None  # the encoder has no skip connection


@pytest.mark.parametrize(("fill", "state"), [(0.0, "all zero"), (float("inf"), "not all finite")])
def test_a_vocabulary_without_a_scale_is_refused(fill, state, tiny_bert, tiny_cb, tmp_path):
    def is_word(name):
        return "word_embeddings" in name

    overrides = rescaled(tiny_bert, 0.0 if fill == 0 else fill, tmp_path / "model", is_word)
    config = checked([*overrides, *tiny_cb, "prompt.unit=vocab", f"output_dir={tmp_path / 'runs'}"])
    with pytest.raises(rpt.errors.RptError, match=state):
        train([config])


def test_the_scale_of_t5_equals_that_of_its_published_weights():
    """The test is skipped unless the real weights are in the cache."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache("google/t5-v1_1-small", "model.safetensors")
    if not isinstance(path, str):
        pytest.skip("the weights of google/t5-v1_1-small are not in the hub's cache")
    assert root_mean_square(load_file(path)["shared.weight"]) == pytest.approx(T5_RMS, rel=0.01)


def test_the_rms_of_a_vocabulary_is_exact():
    table = torch.randn(9000, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert root_mean_square(table) == pytest.approx(float(table.square().mean().sqrt()), rel=1e-12)


def test_states_without_a_scale_are_named():
    message = r"prompt\.unit = vocab: .* the backbone's states before layer 2 are all zero\. Set prompt\.unit=raw"
    with pytest.raises(ConfigError, match=message):
        prompt_scale("vocab", 0.0, layer=2)
