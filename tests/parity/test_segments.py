"""Segment ids of pairs equal those of `model(**tokenizer(first, second))` in transformers and PEFT."""

from pathlib import Path

import pytest
import torch
from peft import PromptTuningConfig, get_peft_model
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    RobertaConfig,
)

from rpt.backbones.load import load_backbone
from rpt.data.encode import encode_pairs
from rpt.data.loaders import make_rows
from rpt.prompt.insert import insert
from rpt.tasks.example import Example

VOCAB = 30_522  # size of the tokenizer's vocabulary
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": VOCAB,
    "initializer_range": 0.2,
}
DISTIL = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": VOCAB, "initializer_range": 0.2}
CONFIGS = {
    "bert": BertConfig(**SIZES),
    "electra": ElectraConfig(**SIZES, embedding_size=32),
    "electra small": ElectraConfig(**SIZES, embedding_size=16),
    "deberta-v2 with segments": DebertaV2Config(**SIZES, type_vocab_size=2),
    "bert without segments": BertConfig(**SIZES, type_vocab_size=1),
    "roberta": RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=0),
    "deberta-v2": DebertaV2Config(**SIZES),
    "distilbert": DistilBertConfig(**DISTIL),
}
WITH_SEGMENTS = ("bert", "electra", "electra small", "deberta-v2 with segments")
PAIRS = [("It rained all day.", "The ground was wet."), ("Ann sings", "Ann, who lives far away, does not sing at all")]
PROMPT_LENGTH = 4
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def rows_of(tokenizer):
    examples = [
        Example(idx=idx, fields=dict(zip("ab", pair, strict=True)), choices=("no", "yes"), target=0)
        for idx, pair in enumerate(PAIRS)
    ]
    split = encode_pairs(tokenizer, examples, "{a}", "{b}", 60)
    return make_rows(split, [(0, 0), (0, 1)], tokenizer.pad_token_id, [1, 1])


@pytest.fixture
def both(request, minilm_tokenizer, tmp_path):
    """Name of a model type, rpt's backbone of it, and a folder that transformers and PEFT load with a classifier."""
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(CONFIGS[request.param]).save_pretrained(tmp_path)
    minilm_tokenizer.save_pretrained(tmp_path)
    options = {"family": "encoder", "dtype": torch.float32, "attention": "eager", "expected_sha256": None}
    AutoModel.from_pretrained(tmp_path).save_pretrained(tmp_path / "bare")
    minilm_tokenizer.save_pretrained(tmp_path / "bare")
    return request.param, load_backbone(Path(tmp_path / "bare"), **options), tmp_path


def states_of_library(model, tokenizer, name):
    """Call a model with the output of its tokenizer; return the inputs and the last hidden states."""
    batch = dict(tokenizer(*map(list, zip(*PAIRS, strict=True)), padding=True, return_tensors="pt"))
    if name not in WITH_SEGMENTS:  # the tokenizers of these types make no segment ids
        del batch["token_type_ids"]
    with torch.no_grad():
        return batch, model(**batch, output_hidden_states=True).hidden_states[-1]


def states_of_rpt(backbone, prompt, rows, segments):
    """Return rpt's last hidden states, and which positions are tokens."""
    inserted = insert([prompt], rows.run, backbone.embed(rows.ids), rows.mask, 0, segments)
    with torch.no_grad():
        return backbone(inserted.embeds, inserted.mask, inserted.segments), inserted.mask.bool()


@pytest.mark.parametrize("both", CONFIGS, indirect=True)
def test_a_pair_has_the_hidden_states_of_transformers(both, minilm_tokenizer):
    name, backbone, folder = both
    rows = rows_of(minilm_tokenizer)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    batch, expected = states_of_library(model, minilm_tokenizer, name)
    assert torch.equal(batch["input_ids"], rows.ids)
    no_prompt = torch.zeros(0, backbone.embedding.shape[1])
    found, mask = states_of_rpt(backbone, no_prompt, rows, rows.segments)
    assert float((found - expected)[mask].abs().max()) < 1e-5
    assert backbone.has_segments == (name in WITH_SEGMENTS)
    flat, _ = states_of_rpt(backbone, no_prompt, rows, torch.zeros_like(rows.segments))
    assert (float((found - flat)[mask].abs().max()) > 0.1) == (name in WITH_SEGMENTS)


@pytest.mark.parametrize("both", WITH_SEGMENTS[:2], indirect=True)
def test_a_pair_with_a_prompt_has_the_hidden_states_of_peft(both, minilm_tokenizer):
    name, backbone, folder = both
    rows = rows_of(minilm_tokenizer)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    config = PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=PROMPT_LENGTH, token_dim=32)
    model = get_peft_model(model, config).eval()
    prompt = model.get_prompt(batch_size=1)[0].detach()
    _, expected = states_of_library(model, minilm_tokenizer, name)
    found, mask = states_of_rpt(backbone, prompt, rows, rows.segments)
    assert float((found - expected)[mask].abs().max()) < 1e-5
