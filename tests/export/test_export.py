"""Other programs load exported prompts with all their bits, and folders of hostile content are refused."""

import json

import numpy as np
import pytest
import torch
from peft import PeftConfig, PeftModel
from safetensors.numpy import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM

import rpt
from rpt.data.loaders import make_rows
from rpt.export.__main__ import main
from rpt.training.placement import place_prompts
from tests.support.composed import checked
from tests.support.trained_runs import trained_folder

FEW = ["data.max_rows=8", "trainer.epochs=1", "encoder=plain", "trainer.progress=false", "trainer.device=cpu"]
BASES = {
    "tiny_bert": (AutoModel, ["backbone.prompt_at=front"]),
    "tiny_t5": (AutoModelForSeq2SeqLM, []),
    "tiny_llama": (AutoModelForCausalLM, []),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Position ids are not supported for parameter efficient tuning:UserWarning"),
]


def trained(tmp_path, *overrides):
    return trained_folder(tmp_path / "runs", *FEW, "task=rte", "prompt.length=4", *overrides)


def exported(folder, form, output):
    assert main([str(folder), "--format", form, "--output", str(output)]) == 0
    return output


@pytest.mark.parametrize("family", BASES)
def test_peft_loads_the_folder_and_computes_the_same_logits(family, request, tmp_path):
    auto, overrides = BASES[family]
    compare_with_peft(trained(tmp_path, *request.getfixturevalue(family), *overrides), auto, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "auto"), [("minilm", AutoModel), ("smollm2", AutoModelForCausalLM)])
def test_peft_computes_the_same_logits_with_real_weights(backbone, auto, tmp_path):
    overrides = ["backbone.prompt_at=front"] if backbone == "minilm" else []
    folder = trained(tmp_path, f"backbone={backbone}", "backbone.dtype=float32", *overrides)
    compare_with_peft(folder, auto, tmp_path)


def compare_with_peft(folder, auto, tmp_path):
    output = exported(folder, "peft", tmp_path / "adapter")
    run = rpt.load(folder)
    backbone = run.module.backbone
    prompt = run.prompt
    model = auto.from_pretrained(backbone.model.config._name_or_path, dtype=torch.float32).eval()
    peft = PeftModel.from_pretrained(model, output).eval()
    assert torch.equal(peft.get_prompt(1)[0], prompt)
    split = run.data.reported
    for row in range(4):
        rows = make_rows(split, [(0, row)], run.data.pad_id, [1])
        with torch.no_grad():
            inserted = place_prompts(backbone, rows, [prompt], 0)
            read = {"input_ids": rows.ids, "attention_mask": rows.mask}
            if auto is AutoModel:
                expected = backbone(inserted.embeds, inserted.mask, inserted.segments)
                found = peft(**read, token_type_ids=rows.segments).last_hidden_state
            elif auto is AutoModelForCausalLM:
                expected = model(inputs_embeds=inserted.embeds, attention_mask=inserted.mask).logits
                found = peft(**read).logits
            else:
                expected = model(
                    inputs_embeds=inserted.embeds, attention_mask=inserted.mask, decoder_input_ids=rows.written
                ).logits
                found = peft(**read, decoder_input_ids=rows.written).logits
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


WRITTEN = 12
"""Tokens of a generated text."""


@pytest.mark.parametrize("family", ["tiny_t5", "tiny_llama"])
def test_peft_generates_the_same_texts(family, request, tmp_path):
    auto, overrides = BASES[family]
    folder = trained(tmp_path, *request.getfixturevalue(family), "scorer=generate", "lr=1", *overrides)
    compare_generations(folder, auto, tmp_path)


@pytest.mark.slow
def test_peft_generates_the_same_texts_with_real_weights(tmp_path):
    folder = trained(tmp_path, "backbone=smollm2", "backbone.dtype=float32", "scorer=generate")
    compare_generations(folder, AutoModelForCausalLM, tmp_path)


def compare_generations(folder, auto, tmp_path):
    output = exported(folder, "peft", tmp_path / "adapter")
    run = rpt.load(folder)
    backbone = run.module.backbone
    path = backbone.model.config._name_or_path
    peft = PeftModel.from_pretrained(auto.from_pretrained(path, dtype=torch.float32).eval(), output).eval()
    bare = auto.from_pretrained(path, dtype=torch.float32).eval()
    greedy = {"max_new_tokens": WRITTEN, "do_sample": False, "pad_token_id": run.data.pad_id}
    texts, without = [], []
    for row in range(4):
        rows = make_rows(run.data.reported, [(0, row)], run.data.pad_id, [1])
        with torch.no_grad():
            placed = place_prompts(backbone, rows, [run.prompt], 0)
            [ours] = backbone.generate(placed.embeds, placed.mask, WRITTEN)
        read = {"input_ids": rows.ids, "attention_mask": rows.mask, **greedy}
        start = rows.ids.shape[1] if auto is AutoModelForCausalLM else 0
        [theirs] = backbone.tokenizer.batch_decode(peft.generate(**read)[:, start:], skip_special_tokens=True)
        [plain] = backbone.tokenizer.batch_decode(bare.generate(**read)[:, start:], skip_special_tokens=True)
        assert theirs.removeprefix(" ") == ours
        texts.append(ours)
        without.append(plain)
    assert any(texts)
    assert texts != [text.removeprefix(" ") for text in without]  # the prompt has changed the texts


@pytest.mark.parametrize("family", BASES)
@pytest.mark.parametrize("form", ["peft", "npy"])
def test_a_round_trip_keeps_every_bit_in_each_family(form, family, request, tmp_path):
    _, overrides = BASES[family]
    tiny = [*request.getfixturevalue(family), *overrides]
    output = exported(trained(tmp_path, *tiny), form, tmp_path / "out")
    back = [*tiny, "init=file", f"init.path={output}", "prompt.unit=raw", f"output_dir={tmp_path / 'back'}"]
    config = checked([*FEW, "task=rte", "prompt.length=4", *back])
    prompt = rpt.PromptTuner.from_config(config, rpt.TaskData(config)).runs[0].trainable.fold().numpy()
    [source] = (tmp_path / "runs").glob("*/prompt.safetensors")
    assert prompt.tobytes() == load_file(source)["prompt"].tobytes()


def test_every_format_contains_the_exported_prompt_and_the_head(tiny_bert, tmp_path):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front")
    prompt = load_file(folder / "prompt.safetensors")["prompt"]
    peft = load_file(exported(folder, "peft", tmp_path / "peft") / "adapter_model.safetensors")["prompt_embeddings"]
    plain = load_file(exported(folder, "safetensors", tmp_path / "safe") / "prompt.safetensors")["prompt"]
    array = np.load(exported(folder, "npy", tmp_path / "numpy") / "prompt.npy", allow_pickle=False)
    for found in (peft, plain, array):
        assert np.array_equal(found, prompt)
    for output in ("peft", "safe", "numpy"):
        assert (tmp_path / output / "head.safetensors").read_bytes() == (folder / "head.safetensors").read_bytes()
    assert PeftConfig.from_pretrained(tmp_path / "peft").num_virtual_tokens == 4


def test_the_card_has_task_rows_protocol_score_license_and_lines_that_load_the_prompt(tiny_bert, tmp_path):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front")
    card = (exported(folder, "peft", tmp_path / "out") / "README.md").read_text()
    record = rpt.load(folder).record
    right = [json.loads(line)["right"] for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert f"| accuracy | {sum(right) / len(right):.3f} (95 % interval over rows: " in card
    for part in (
        "rte (version 3)",
        "SAMPLE rows",
        "official: the checkpoint is selected on the held-out rows",
        record.name,
        "license: other",
    ):
        assert part in card
    assert "PeftModel.from_pretrained(AutoModel.from_pretrained(" in card
    assert "`head.safetensors` holds" in card


def test_a_prompt_that_peft_cannot_represent_is_refused_with_the_reason(tiny_bert, tmp_path, capsys):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=after_cls")
    assert main([str(folder), "--format", "peft", "--output", str(tmp_path / "out")]) == 2
    assert "PEFT puts a prompt in front of [CLS], and this prompt is behind it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    exported(folder, "npy", tmp_path / "out")


def test_a_prompt_before_a_later_layer_is_exported_without_peft_and_the_card_names_the_layer(
    tiny_bert, tmp_path, capsys
):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front", "backbone.prompt_layer=1")
    assert main([str(folder), "--format", "peft", "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "PEFT puts a prompt among the input embeddings, and this prompt enters before layer 1" in message
    assert "train with backbone.prompt_layer=0 for an adapter" in message
    assert not (folder / "adapter").exists()
    card = (exported(folder, "safetensors", tmp_path / "out") / "README.md").read_text()
    assert "among the hidden states before layer 1 (counted from 0)" in card


def test_a_run_without_a_prompt_an_existing_folder_and_a_link_are_refused(tiny_bert, tmp_path, capsys):
    bare = trained(tmp_path, *tiny_bert, "encoder=none")
    assert main([str(bare), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
    assert "has no prompt" in capsys.readouterr().err
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front")
    assert main([str(folder), "--format", "npy", "--output", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    (folder / "prompt.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (folder / "prompt.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    assert main([str(folder), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
    assert "is a link that leaves the folder" in capsys.readouterr().err


@pytest.mark.slow
def test_of_several_runs_the_run_with_the_best_selection_score_is_exported(tiny_bert, tmp_path):
    folders = [trained(tmp_path, *tiny_bert, f"seed={seed}", "lr=1", "head_lr=1") for seed in range(3)]
    best = max(folders, key=lambda folder: rpt.load(folder).record.best.held_out["score"])
    card = (exported(tmp_path / "runs", "npy", tmp_path / "out") / "README.md").read_text()
    assert rpt.load(best).record.name in card


@pytest.mark.parametrize(
    ("section", "key", "value"), [("config", "backbone", {"name": True}), ("protocol", "select_on", "chance")]
)
def test_a_record_with_a_value_that_rpt_does_not_write_is_refused(section, key, value, tiny_bert, tmp_path, capsys):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front")
    record = json.loads((folder / "run.json").read_text())
    record[section][key] = value
    (folder / "run.json").write_text(json.dumps(record))
    assert main([str(folder), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
    assert "run.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["prompt.safetensors", "adapter/adapter_model.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04cos\nsystem\n(S'id'\ntR.", b'{"a": 1}'], ids=["empty", "pickle", "json"]
)
def test_a_prompt_file_with_other_content_is_refused(name, content, tiny_bert, tmp_path, capsys):
    folder = trained(tmp_path, *tiny_bert, "backbone.prompt_at=front")
    (folder / name).write_bytes(content)
    assert main([str(folder), "--format", "peft", "--output", str(tmp_path / "out")]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
