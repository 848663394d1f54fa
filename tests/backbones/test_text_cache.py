"""With a prompt after the text, cached texts give the log-likelihoods of transformers for the whole sequence."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from rpt.backbones.load import load_backbone
from rpt.backbones.text_cache import TextCache
from rpt.prompt.insert import insert
from tests.support.models import LABELS, make_model, save_as_published, tokenizer

KINDS = ["llama, tied", "qwen3", "gpt2", "gpt_neox", "phi3"]
ROUNDING = 1e-5
"""Largest difference in nats. transformers computes softmax and rotary positions in float32, even in float64 models."""

TEXTS = ["word1 word2 word3 word4 word5", "word7", "word8 word9 word10"]


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    save_as_published(request.param, make_model(request.param), tmp_path)
    return tmp_path


@pytest.fixture
def backbone(folder):
    return load_backbone(folder, family="causal", dtype=torch.float64, attention="eager", expected_sha256=None)


def ids_of(text):
    return tokenizer()(text, add_special_tokens=False, return_tensors="pt")["input_ids"][0]


def batch():
    texts = [ids_of(text) for text in TEXTS]
    ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(text) for text in texts], batch_first=True)
    return texts, ids, mask


def choices():
    """Return three choices of one token for each of three rows: token ids, mask, and the row of each choice."""
    ids = torch.cat([ids_of(label) for label in LABELS[:3]] * 3)[:, None]
    return ids, torch.ones_like(ids), torch.arange(3).repeat_interleave(3)


def after_text(backbone, ids, mask, prompts, run):
    """Return the embeddings of the last text token and the prompt, and the cached context of the text before them."""
    last = ids.gather(1, mask.sum(dim=1, keepdim=True) - 1)
    inserted = insert(prompts, run, backbone.embed(last), torch.ones_like(last), 1)
    return inserted, backbone.read(ids, mask)


def test_cached_texts_give_the_likelihoods_and_gradients_of_the_whole_sequence(folder, backbone):
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    texts, ids, mask = batch()
    generator = torch.Generator().manual_seed(0)
    shape = (4, backbone.hidden_size)
    prompt = (0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
    inserted, context = after_text(backbone, ids, mask, [prompt], torch.zeros(3, dtype=torch.int64))
    written, written_mask, row_of = choices()
    values = backbone.log_likelihoods(inserted.embeds, inserted.mask, written, written_mask, row_of, context)[:, 0]
    [gradient] = torch.autograd.grad(values.sum(), prompt)

    embed = plain.get_input_embeddings()
    expected = []
    for text in texts:  # each text is one sequence with the prompt, without padding, cache or a mask
        logits = plain(inputs_embeds=torch.cat([embed(text), prompt])[None]).logits[0, -1]
        expected += [logits.log_softmax(dim=0)[label] for label in written[:3, 0]]
    expected = torch.stack(expected)
    [expected_gradient] = torch.autograd.grad(expected.sum(), prompt)
    assert float((values - expected).detach().abs().max()) < ROUNDING
    assert float((gradient - expected_gradient).abs().max()) < ROUNDING
    assert gradient.abs().max() > 1e-3


def test_a_prompt_of_length_zero_gives_the_likelihoods_of_the_text(backbone):
    _, ids, mask = batch()
    empty = [torch.zeros(0, backbone.hidden_size, dtype=torch.float64)]
    run = torch.zeros(3, dtype=torch.int64)
    inserted, context = after_text(backbone, ids, mask, empty, run)
    front = insert(empty, run, backbone.embed(ids), mask, 0)
    cached = backbone.log_likelihoods(inserted.embeds, inserted.mask, *choices(), context)
    whole = backbone.log_likelihoods(front.embeds, front.mask, *choices())
    assert float((cached - whole).abs().max()) < ROUNDING


def test_a_text_is_computed_once_and_its_bits_do_not_depend_on_other_texts(backbone):
    _, ids, mask = batch()
    batched = backbone.read(ids, mask)
    assert backbone.texts.num_computed == 2  # the text of one token has no token before its last token
    alone = backbone.read(ids[2:], mask[2:])
    assert backbone.texts.num_computed == 2
    assert torch.equal(batched.states[2, ..., : alone.states.shape[4], :], alone.states[0])
    assert batched.mask.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]]
    assert backbone.read(ids[1:2], mask[1:2]) is None


def test_the_cache_stays_within_its_size_and_returns_the_right_states():
    def states(ids):
        return ids.double().expand(1, 2, 1, -1)[..., None]

    texts = [torch.tensor([number, number]) for number in (3, 4, 5)]
    small = TextCache(states, max_bytes=2 * 2 * 2 * 8)  # room for two texts of two tokens
    for _ in range(2):
        context = small.context(texts)
        assert context.states[:, 0, 0, 0, :, 0].tolist() == [[3, 3], [4, 4], [5, 5]]
    assert small.num_bytes == 64
    assert small.num_computed == 4  # the third text is computed each time
