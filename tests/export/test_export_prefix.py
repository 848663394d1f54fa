"""PEFT loads the exported folder of a prefix, and a folder that differs from the run's prompt is refused."""

import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM

import rpt
from rpt.data.loaders import make_rows
from rpt.errors import ConfigError
from rpt.export.__main__ import export, main
from rpt.training.placement import place_prompts
from tests.support.composed import checked

BASES = {"tiny_bert": AutoModel, "tiny_t5": AutoModelForSeq2SeqLM, "tiny_llama": AutoModelForCausalLM}
pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Position ids are not supported for parameter efficient tuning:UserWarning"),
]


def trained(tmp_path, *overrides):
    few = ["data.max_rows=8", "trainer.epochs=1", "trainer.progress=false", "trainer.device=cpu", "lr=3"]
    output = f"output_dir={tmp_path / 'runs'}"
    [outcome] = rpt.train([checked([*few, "task=rte", "encoder=prefix", "prompt.length=4", output, *overrides])])
    return outcome.check().folder


@pytest.mark.parametrize("family", BASES)
def test_peft_loads_the_folder_and_computes_the_same_logits(family, request, tmp_path):
    folder = trained(tmp_path, *request.getfixturevalue(family), "encoder.mlp_width=6")
    output = tmp_path / "adapter"
    assert main([str(folder), "--format", "peft", "--output", str(output)]) == 0
    assert json.loads((output / "adapter_config.json").read_text())["peft_type"] == "PREFIX_TUNING"
    assert (
        "4 virtual tokens, keys and values in front of those of the text in every layer"
        in (output / "README.md").read_text()
    )
    run = rpt.load(folder)
    backbone, pad_id = run.module.backbone, run.data.pad_id
    auto, path = BASES[family], backbone.model.config._name_or_path
    peft = PeftModel.from_pretrained(auto.from_pretrained(path, dtype=torch.float32).eval(), output).eval()
    for row in range(3):
        rows = make_rows(run.data.reported, [(0, row)], pad_id, [1])
        read = {"input_ids": rows.ids, "attention_mask": rows.mask}
        with torch.no_grad():
            placed = place_prompts(backbone, rows, [run.prompt], 0, prefixed={0})
            if auto is AutoModel:
                expected = backbone(placed.embeds, placed.mask, placed.segments, placed.context)
                found = peft(**read, token_type_ids=rows.segments).last_hidden_state
            else:
                written = rows.written, rows.written_mask, rows.row_of_written
                expected = backbone.log_likelihoods(placed.embeds, placed.mask, *written, placed.context)[0]
                if auto is AutoModelForSeq2SeqLM:
                    logits = peft(**read, labels=rows.written).logits[0]
                else:
                    whole = torch.cat([rows.ids, rows.written], dim=1)
                    logits = peft(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[0]
                    logits = logits[rows.ids.shape[1] - 1 : -1]
                found = logits.log_softmax(dim=1).gather(1, rows.written.T)[:, 0]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_an_adapter_of_another_prefix_or_with_damaged_settings_is_refused(tiny_t5, tmp_path):
    folder = trained(tmp_path, *tiny_t5)
    settings, weights = (folder / "adapter" / name for name in ("adapter_config.json", "adapter_model.safetensors"))
    whole, [(name, tensor)] = settings.read_text(), load_file(weights).items()
    for damaged in ("[", "[]", json.dumps({**json.loads(whole), "num_layers": 3})):
        settings.write_text(damaged)
        with pytest.raises(ConfigError, match=r"differs from the prompt in prompt\.safetensors"):
            export(folder, "peft", tmp_path / "out")
    settings.write_text(whole)
    tensor[0, 0] += 1
    save_file({name: tensor}, weights)
    with pytest.raises(ConfigError, match=r"differs from the prompt in prompt\.safetensors"):
        export(folder, "peft", tmp_path / "out")
