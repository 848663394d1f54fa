"""PEFT loads the exported `adapter/`, and computes the same hidden states as rpt."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file

from rpt.config.schema import BackboneConfig
from rpt.data.loaders import make_rows
from rpt.prompt.insert import insert
from rpt.runs import train
from rpt.tracking.adapter import base_model
from tests.support.composed import compose


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT 0.21 uses it
def test_an_adapter_gives_peft_the_same_hidden_states(configure, tiny_cb, assemble):
    config = configure(*tiny_cb, "backbone.prompt_at=front", "prompt.length=6", "lr=0.1")
    outcome = train([config])[0]
    assert outcome.record.adapter is None
    prompt = load_file(outcome.folder / "prompt.safetensors")["prompt"]
    tuner, data = assemble(config)
    rows = make_rows(data.reported, [(0, row) for row in range(8)], data.pad_id, [1] * 8)
    inserted = insert([prompt], rows.run, tuner.backbone.embed(rows.ids), rows.mask, 0, rows.segments)
    with torch.no_grad():
        rpt_states = tuner.backbone(inserted.embeds, inserted.mask, inserted.segments)
        peft_model = PeftModel.from_pretrained(tuner.backbone.model, outcome.folder / "adapter").eval()
        # PEFT embeds padding as [PAD] and rpt as zeros. The mask hides both.
        inputs = {"input_ids": rows.ids, "attention_mask": rows.mask, "token_type_ids": rows.segments}
        peft_states = peft_model(**inputs).last_hidden_state
    is_token = inserted.mask.bool()
    assert peft_model.peft_config["default"].num_virtual_tokens == 6
    assert peft_states.shape == rpt_states.shape
    assert not bool(is_token.all())  # some rows are padded
    assert float((peft_states - rpt_states)[is_token].abs().max()) == 0.0


def test_the_adapter_has_the_files_that_peft_writes(configure, tiny_cb, tmp_path):
    outcome = train([configure(*tiny_cb, "backbone.prompt_at=front", "encoder=plain")])[0]
    folder = outcome.folder / "adapter"
    assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    tensors = load_file(folder / "adapter_model.safetensors")
    assert set(tensors) == {"prompt_embeddings"}
    assert torch.equal(tensors["prompt_embeddings"], load_file(outcome.folder / "prompt.safetensors")["prompt"])
    written = json.loads((folder / "adapter_config.json").read_text())
    assert (written["peft_type"], written["task_type"]) == ("PROMPT_TUNING", "SEQ_CLS")
    section = outcome.record.config["backbone"]
    assert written["base_model_name_or_path"] == str(Path(section["path"]).resolve())
    assert transformers.AutoConfig.from_pretrained(written["base_model_name_or_path"]).model_type == "bert"


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("overrides", "path", "base"),
    [
        (["backbone=minilm"], "/x/gt/model", ("sentence-transformers/all-MiniLM-L6-v2", None)),
        (["backbone=smollm2"], "/x/llm", ("HuggingFaceTB/SmolLM2-135M-Instruct", None)),
        (["backbone=t5_base"], f"/c/models--t5/snapshots/{COMMIT}", ("google-t5/t5-base", COMMIT)),
        (["backbone=t5_base", "backbone.revision=v1"], "/mirror/t5", ("google-t5/t5-base", "v1")),
        (["backbone=local", "backbone.path=/models/mine"], "/models/mine", ("/models/mine", None)),
        (["backbone=minilm", "backbone.package=null", "backbone.path=/m"], "/m", ("/m", None)),  # other weights
    ],
)
def test_the_adapter_names_the_model_that_the_prompt_was_trained_for(overrides, path, base):
    section = compose(overrides)["backbone"]
    assert base_model(BackboneConfig.model_validate(section), Path(path)) == base


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["backbone.prompt_at=after_cls"], "PEFT puts a prompt in front of [CLS]"),
        (["backbone.prompt_at=front", "encoder=none"], "there is no prompt"),
    ],
)
def test_if_peft_cannot_represent_the_prompt_the_record_has_the_reason(overrides, reason, configure, tiny_cb):
    outcome = train([configure(*tiny_cb, "trainer.epochs=1", *overrides)])[0]
    assert outcome.record.adapter.startswith(reason)
    assert not (outcome.folder / "adapter").exists()
