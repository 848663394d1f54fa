"""Stored prompts as `init=file`: folders of runs and of PEFT, published arrays, and round trips of an export."""

import json

import numpy as np
import pytest
import torch
from peft import PeftModel, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

import rpt
from rpt.errors import ConfigError
from rpt.export.__main__ import export
from rpt.prompt import stored
from rpt.prompt.stored import read_prompt
from tests.support.composed import checked

FEW = ["task=cb", "data.max_rows=8", "trainer.epochs=1", "trainer.progress=false", "prompt.length=4", "lr=0.1"]
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def path_of(overrides):
    return next(text.partition("=")[2] for text in overrides if text.startswith("backbone.path="))


@pytest.fixture
def run(tiny_t5, tmp_path):
    """Folder of a finished run on the tiny T5."""
    config = checked([*tiny_t5, *FEW, f"output_dir={tmp_path / 'runs'}"])
    [outcome] = rpt.train([config])
    return outcome.check().folder


@pytest.mark.parametrize("form", ["peft", "npy", "safetensors"])
def test_a_prompt_is_equal_bit_for_bit_after_a_round_trip(form, run, tiny_t5, tmp_path):
    prompt = load_file(run / "prompt.safetensors")["prompt"]
    export(run, form, tmp_path / "out")
    stored_at = tmp_path / "out"
    if form == "peft":  # PEFT loads the exported adapter and saves it again
        model = AutoModelForSeq2SeqLM.from_pretrained(path_of(tiny_t5))
        stored_at = tmp_path / "saved"
        PeftModel.from_pretrained(model, tmp_path / "out").save_pretrained(stored_at)
    options = ["init=file", f"init.path={stored_at}", "encoder=plain", "prompt.unit=raw"]
    config = checked([*tiny_t5, *FEW, *options, f"output_dir={tmp_path / 'back'}"])
    module = rpt.PromptTuner.from_config(config, rpt.TaskData(config))
    back = module.runs[0].trainable.fold().numpy()
    assert back.dtype == prompt.dtype
    assert back.tobytes() == prompt.tobytes()


def test_the_folder_of_a_run_and_its_prompt_file_start_the_same_run(run, tiny_t5, tmp_path):
    names = set()
    for path in (run, run / "prompt.safetensors"):
        config = checked([*tiny_t5, *FEW, "init=file", f"init.path={path}", f"output_dir={tmp_path / 'next'}"])
        [outcome] = rpt.train([config])
        names.add(outcome.check().folder.name)
    assert len(names) == 1
    assert rpt.load(tmp_path / "next" / names.pop()).prompt.shape == (4, 32)


@pytest.mark.parametrize("submodules", [1, None])
@pytest.mark.parametrize("method", [PromptTuningConfig, PromptEncoderConfig])
@pytest.mark.parametrize("family", ["tiny_t5", "tiny_llama"])
def test_the_vectors_that_peft_inserts_are_read_from_its_folder(family, method, submodules, request, tmp_path, capsys):
    auto, task = {
        "tiny_t5": (AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM"),
        "tiny_llama": (AutoModelForCausalLM, "CAUSAL_LM"),
    }[family]
    more = {"encoder_hidden_size": 32} if method is PromptEncoderConfig else {}
    model = auto.from_pretrained(path_of(request.getfixturevalue(family)))
    settings = method(task_type=task, num_virtual_tokens=4, num_transformer_submodules=submodules, **more)
    peft = get_peft_model(model, settings).eval()
    peft.save_pretrained(tmp_path / "adapter")
    expected = peft.get_prompt(1)[0, :4].detach()
    stored._say_half.cache_clear()
    found = [read_prompt(str(path)) for path in (tmp_path / "adapter", tmp_path / "adapter/adapter_model.safetensors")]
    assert all(torch.equal(prompt, expected) for prompt in found)
    is_halved = family == "tiny_t5" and submodules is None
    message = "has 4 virtual tokens for the encoder and 4 for the decoder; rpt uses the encoder's\n"
    assert capsys.readouterr().err.count(message) == int(is_halved)


@pytest.mark.shared
@pytest.mark.parametrize("task", ["mrpc", "rte", "sst2"])
def test_the_published_prompts_of_google_are_read_without_a_change(task, shared_dir):
    path = shared_dir / "google-prompts" / f"t5_1_1_lm100k_base.{task}.npy"
    if not path.is_file():
        pytest.skip(f"no published prompt at {path}")
    found = read_prompt(str(path))
    assert found.shape == (100, 768)
    assert found.numpy().tobytes() == np.load(path, allow_pickle=False).tobytes()


def test_an_adapter_of_another_method_is_refused(tmp_path):
    save_file({"prompt_embeddings": np.zeros((4, 8), dtype="float32")}, tmp_path / "adapter_model.safetensors")
    for settings, message in (
        (
            {"peft_type": "PREFIX_TUNING"},
            r"is an adapter of PEFT's PREFIX_TUNING\. Choose an .* PROMPT_TUNING or P_TUNING, or set encoder=prefix\.",
        ),
        ({"peft_type": "LORA"}, r"is an adapter of PEFT's LORA\. Choose an adapter of PROMPT_TUNING or P_TUNING\."),
        ([], "holds a JSON array, where an object is expected"),
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        with pytest.raises(ConfigError, match=message):
            read_prompt(str(tmp_path))


def test_a_folder_without_a_prompt_and_a_pickle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"is a folder without a prompt: it has none of prompt\.safetensors"):
        read_prompt(str(tmp_path))
    torch.save({"prompt_embeddings": torch.zeros(4, 8)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_prompt(str(tmp_path))
    torch.save(torch.zeros(4, 8), tmp_path / "adapter_model.bin")
    with pytest.raises(ConfigError, match=r"must end in \.safetensors or \.npy"):
        read_prompt(str(tmp_path / "adapter_model.bin"))
