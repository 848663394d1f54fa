"""PEFT loads the exported `adapter/` of a language model, and gives the same logits and the same generated text."""

import json

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from rpt import build
from rpt.config.check import check
from rpt.data.encode import pad
from rpt.data.inputs import build_source
from rpt.data.prepare import build_encoded, build_task
from rpt.prompt.insert import insert
from rpt.runs import train
from tests.support.composed import compose

FAMILIES = {"tiny_t5": (AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM"), "tiny_llama": (AutoModelForCausalLM, "CAUSAL_LM")}
TASKS = {"tiny_t5": "wsc", "tiny_llama": "copa"}
"""Tasks whose answers have several words."""
pytestmark = pytest.mark.filterwarnings(
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning",  # PEFT 0.21 uses it
    "ignore:Position ids are not supported for parameter efficient tuning:UserWarning",  # transformers passes them
)
each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory):
    """Train each family once; return the configuration, the outcome, and PEFT's model with the exported adapter."""
    known = {}

    def once(family):
        if family not in known:
            output_dir = tmp_path_factory.mktemp(family)
            few = [
                f"task={TASKS[family]}",
                "data.max_rows=12",
                "trainer=debug",
                "prompt.length=6",
                "lr=0.1",
                f"output_dir={output_dir}",
            ]
            config = check(compose([*request.getfixturevalue(family), *few, "scorer=generate"]))
            outcome = train([config])[0]
            model = FAMILIES[family][0].from_pretrained(config.backbone.path).eval()
            known[family] = config, outcome, PeftModel.from_pretrained(model, outcome.folder / "adapter").eval()
        return known[family]

    return once


def reported(config):
    """Return the backbone, and the reported rows encoded for it."""
    backbone = build.build_backbone(config, torch.device("cpu"))
    task = build_task(config)
    examples = list(task.examples(build_source(config).splits["val"]))
    return backbone, build_encoded(config, backbone.tokenizer, task, examples)


@each_family
def test_the_adapter_config_has_method_task_type_and_sizes(family, trained):
    _, outcome, peft_model = trained(family)
    written = json.loads((outcome.folder / "adapter" / "adapter_config.json").read_text())
    assert (written["peft_type"], written["task_type"]) == ("PROMPT_TUNING", FAMILIES[family][1])
    assert (written["num_transformer_submodules"], written["num_virtual_tokens"], written["token_dim"]) == (1, 6, 32)
    assert outcome.record.adapter is None
    assert (
        type(peft_model).__name__ == {"tiny_t5": "PeftModelForSeq2SeqLM", "tiny_llama": "PeftModelForCausalLM"}[family]
    )


@each_family
def test_peft_gives_the_same_logits(family, trained):
    config, _, peft_model = trained(family)
    backbone, split = reported(config)
    prompt = peft_model.get_prompt(batch_size=1)[0].detach()
    all_logits = []
    backbone.model.get_output_embeddings().register_forward_hook(lambda layer, _, logits: all_logits.append(logits))
    for [source], output in zip(split.inputs, split.outputs, strict=True):
        ids, written = torch.tensor([source]), torch.tensor([output])
        inserted = insert([prompt], torch.tensor([0]), backbone.embed(ids), torch.ones_like(ids), 0)
        row_of = torch.tensor([0])
        with torch.no_grad():
            found = backbone.log_likelihoods(inserted.embeds, inserted.mask, written, torch.ones_like(written), row_of)
            if family == "tiny_t5":
                expected = peft_model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=written).logits[0]
            else:
                whole = torch.cat([ids, written], dim=1)
                expected = peft_model(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[0]
                expected = expected[len(prompt) + len(source) - 1 : -1]
        difference = float((all_logits[-1].reshape(expected.shape) - expected).abs().max())
        assert difference == 0.0
        assert expected.std() > 0.1
        likelihoods = expected.log_softmax(dim=1).gather(1, written.T)[:, 0]
        torch.testing.assert_close(found[0], likelihoods, rtol=0, atol=1e-5)


@each_family
def test_peft_generates_the_same_tokens(family, trained, monkeypatch):
    config, outcome, peft_model = trained(family)
    backbone, split = reported(config)
    generate, batches = backbone.model.generate, []
    monkeypatch.setattr(
        backbone.model, "generate", lambda **options: batches.append(generate(**options)) or batches[-1]
    )
    ids, mask = pad([source for [source] in split.inputs], backbone.pad_id)
    prompt = peft_model.get_prompt(batch_size=1)[0].detach()
    inserted = insert([prompt], torch.zeros(len(split), dtype=torch.long), backbone.embed(ids), mask, 0)
    assert not bool(mask.all())  # rpt generates for all rows in one padded batch, PEFT for each row alone
    texts = backbone.generate(inserted.embeds, inserted.mask, split.longest_output)
    options = {"max_new_tokens": split.longest_output, "do_sample": False, "num_beams": 1}
    options |= {"eos_token_id": backbone.tokenizer.eos_token_id, "pad_token_id": backbone.pad_id}
    for [source], tokens in zip(split.inputs, batches[0], strict=True):
        alone = torch.tensor([source])
        [expected] = peft_model.generate(input_ids=alone, attention_mask=torch.ones_like(alone), **options)
        if family == "tiny_llama":  # PEFT returns the source, too
            expected = expected[len(source) :]
        assert torch.equal(tokens[: len(expected)], expected)
        assert bool((tokens[len(expected) :] == backbone.pad_id).all())
    lines = (outcome.folder / "predictions.jsonl").read_text().splitlines()
    assert texts == [json.loads(line)["predicted"] for line in lines]
    assert len(set(texts)) > 1
    assert max(len(backbone.tokenizer(text)["input_ids"]) for text in texts) > 3
