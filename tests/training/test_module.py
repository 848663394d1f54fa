"""The module `PromptTuner`: changes by a step, independence of rows in a batch, and gradients equal to autograd's."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from rpt.config.check import check
from rpt.data.batches import forwards
from rpt.data.evaluation import EvalPasses
from rpt.data.loaders import make_rows
from rpt.training.run import Run
from tests.support.composed import compose

ENCODERS = ["plain", "mlp", "residual", "lstm", "none"]
CLOSE = {"rtol": 0, "atol": 1e-5}


def randomize_heads(tuner):
    """Set heads to random weights, because no gradient reaches the prompt through a head of zeros."""
    torch.manual_seed(1)
    for run in tuner.runs:
        for parameter in run.trainable.head.parameters():
            torch.nn.init.normal_(parameter, std=0.5)


@pytest.fixture(scope="module")
def pair(tiny_bert, tiny_cb, assemble, loop):
    """Two runs of different prompt lengths over one backbone, and their data."""
    shared = [*tiny_bert, *tiny_cb]
    configs = [check(compose([*shared, *own])) for own in (["prompt.length=3"], ["prompt.length=7", "seed=1"])]
    tuner, data = assemble(*configs)
    randomize_heads(loop(tuner))
    return tuner, data


@pytest.fixture
def gradients(monkeypatch):
    """List of the gradients of each run and step by parameter name. The optimizer takes no step."""
    recorded: list[dict[str, torch.Tensor]] = []

    def step(run):
        named = run.trainable.named_parameters()
        recorded.append({name: value.grad.clone() for name, value in named if value.grad is not None})
        run.optimizer.zero_grad(set_to_none=True)
        return {}

    monkeypatch.setattr(Run, "step", step)
    return recorded


def scores(tuner, split, pairs, pad_id, extra=0):
    """Return the scores of `(run, row)` pairs from one forward pass, which has `extra` more padding tokens."""
    rows = make_rows(split, pairs, pad_id, [1] * len(pairs))
    wider = {name: F.pad(getattr(rows, name), (0, extra)) for name in ("mask", "segments")}
    rows = replace(rows, ids=F.pad(rows.ids, (0, extra), value=pad_id), **wider)
    with torch.no_grad():
        return tuner.score(rows, [run.trainable.fold() for run in tuner.runs]).scores


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_epoch_changes_every_trainable_parameter_and_no_weight_of_the_backbone(
    encoder, configure, tiny_cb, assemble, loop
):
    tuner, data = assemble(configure(*tiny_cb, f"encoder={encoder}"))
    loop(tuner).train()
    frozen = {name: value.clone() for name, value in tuner.backbone.state_dict().items()}
    fingerprint = tuner.backbone.fingerprint()
    before = {name: value.detach().clone() for name, value in tuner.trainables.named_parameters()}

    for index, step in enumerate(data.train_dataloader()):
        tuner.training_step(step, index)

    unchanged = [name for name, value in tuner.trainables.named_parameters() if torch.equal(value, before[name])]
    assert unchanged == []
    assert {name for name, value in tuner.named_parameters() if value.requires_grad} == {
        f"trainables.{name}" for name in before
    }
    assert tuner.backbone.fingerprint() == fingerprint
    assert all(torch.equal(value, frozen[name]) for name, value in tuner.backbone.state_dict().items())
    assert all(value.grad is None for value in tuner.backbone.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_the_loaded_weights_equal_those_of_the_file(dtype, configure, tiny_cb, assemble):
    config = configure(*tiny_cb, f"backbone.dtype={dtype}")
    backbone = assemble(config)[0].backbone
    stored = load_file(f"{config.backbone.path}/model.safetensors")
    loaded = dict(backbone.model.named_parameters())
    assert set(stored) == set(loaded)
    assert all(torch.equal(value, stored[name].to(getattr(torch, dtype))) for name, value in loaded.items())
    assert backbone.fingerprint() == backbone.checkpoint_fingerprint


def test_a_single_changed_bit_changes_the_fingerprint(configure, tiny_cb, assemble):
    backbone = assemble(configure(*tiny_cb))[0].backbone
    before = backbone.fingerprint()
    with torch.no_grad():
        weight = next(p for name, p in backbone.named_parameters() if name.endswith("layer.1.output.dense.bias"))
        weight[-1] = torch.nextafter(weight[-1], torch.tensor(torch.inf))
    assert backbone.fingerprint() != before


def test_the_backbone_stays_in_eval_mode_when_the_module_is_set_to_train_mode(pair):
    tuner, data = pair
    assert tuner.backbone.model.config.hidden_dropout_prob > 0  # in train mode, the backbone would apply dropout
    tuner.eval().train()
    assert tuner.trainables.training
    assert not any(module.training for module in tuner.backbone.modules())
    pairs = [(0, 0), (1, 1)]
    first, second = (scores(tuner, data.train, pairs, data.pad_id) for _ in range(2))
    assert torch.equal(first, second)


@pytest.fixture(scope="module")
def alone(pair):
    """Scores of every training row from both runs by `(run, row)`, each from a forward pass of its own."""
    tuner, data = pair
    return {(run, row): scores(tuner, data.train, [(run, row)], data.pad_id) for run in (0, 1) for row in range(32)}


@settings(max_examples=20)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 31)), min_size=1, max_size=9),
    extra=st.integers(0, 12),
)
def test_a_score_depends_neither_on_padding_nor_on_the_other_rows(pair, alone, pairs, extra):
    tuner, data = pair
    together = scores(tuner, data.train, pairs, data.pad_id, extra)
    torch.testing.assert_close(together, torch.cat([alone[pair] for pair in pairs]), **CLOSE)


def test_different_rows_have_different_scores(alone):
    # If all scores were equal, test_a_score_depends_neither_on_padding_nor_on_the_other_rows could not fail.
    assert torch.cat(list(alone.values())).std(dim=0).min() > 1e-3


@pytest.mark.parametrize("budget", [1, 150, 100_000])
def test_the_token_budget_of_the_evaluation_changes_no_score(pair, budget):
    tuner, data = pair
    data.eval_passes = EvalPasses(budget)
    actual = torch.zeros(len(data.reported), 3)
    for rows in data.evaluation(data.reported, lambda: [True, False]):
        with torch.no_grad():
            actual[rows.row] = tuner.score(rows, [run.trainable.fold() for run in tuner.runs]).scores
    alone = [scores(tuner, data.reported, [(0, row)], data.pad_id) for row in range(len(data.reported))]
    torch.testing.assert_close(actual, torch.cat(alone), **CLOSE)


@pytest.mark.parametrize(("backbone", "task"), [("tiny_bert", "cb"), ("tiny_bert", "copa"), ("tiny_llama", "cb")])
def test_halves_of_a_batch_equal_batches_of_half_the_rows(backbone, task, request, assemble):
    overrides = [*request.getfixturevalue(backbone), f"task={task}", "data.max_rows=40"]
    _, data = assemble(check(compose(overrides)))
    pairs = [(0, row) for row in (3, 1, 4, 1, 5)]

    def batch(pairs):
        terms = [7] * len(pairs)
        return make_rows(data.train, pairs, data.pad_id, terms, with_choices=data.with_choices)

    whole = batch(pairs)
    for half, expected in zip(whole.halves(), (batch(pairs[:2]), batch(pairs[2:])), strict=True):
        for name, wanted in vars(expected).items():
            actual = getattr(half, name)
            is_equal = (
                actual == wanted if name in ("examples", "width", "index_in_run") else torch.equal(actual, wanted)
            )
            assert is_equal, name


@pytest.mark.parametrize("budget", [1, 150, 400])
def test_a_step_in_several_forward_passes_has_the_loss_and_gradient_of_one_pass(pair, gradients, budget):
    tuner, data = pair
    step = next(iter(data.train_dataloader()))
    lengths = [len(run.trainable()) for run in tuner.runs]
    assert len(list(forwards(step, lengths, 100_000))) == 1
    assert len(list(forwards(step, lengths, budget))) > 1
    losses = []
    for tuner.token_budget in (100_000, budget):
        tuner.training_step(step, 0)
        losses.append([values["loss"] for values in tuner.last_step])
    assert losses[1] == pytest.approx(losses[0], abs=1e-6)
    for whole, cut in zip(gradients[:2], gradients[2:], strict=True):
        assert whole.keys() == cut.keys()
        for name in whole:
            torch.testing.assert_close(cut[name], whole[name], **CLOSE)


def reference(tuner, data, rows, prompt_at, pooling, scale):
    """Compute the loss of one run in plain PyTorch: one row at a time, without padding, packs or a detached prompt."""
    [run], model = tuner.runs, tuner.backbone.model
    losses = []
    for row in rows:
        text = model.get_input_embeddings()(torch.tensor(data.train.inputs[row][0]))  # [tokens, hidden]
        prompt = scale * run.trainable.prompt.encoder(run.trainable.prompt.table)
        embeds = torch.cat([text[:prompt_at], prompt, text[prompt_at:]])[None]
        ids = data.train.inputs[row][0]
        second = len(ids) - 1 - ids.index(ids[-1])  # number of tokens after the first [SEP]
        segments = torch.tensor([[0] * (len(ids) + len(prompt) - second) + [1] * second])
        hidden = model(inputs_embeds=embeds, token_type_ids=segments).last_hidden_state[0]
        texts = torch.cat([hidden[:prompt_at], hidden[prompt_at + len(prompt) :]])
        pooled = texts.mean(dim=0) if pooling == "mean" else texts[0]
        logits = run.trainable.head.linear(pooled)
        losses.append(F.cross_entropy(logits[None], torch.tensor([data.train.examples[row].target])))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("encoder", ["plain", "mlp", "residual", "lstm"])
@pytest.mark.parametrize(("prompt_at", "pooling", "unit"), [("after_cls", "mean", "vocab"), ("front", "cls", "raw")])
def test_loss_and_gradient_equal_those_of_plain_autograd(
    encoder, prompt_at, pooling, unit, configure, tiny_cb, assemble, loop, gradients
):
    position = [f"backbone.prompt_at={prompt_at}", f"backbone.pooling={pooling}"]
    chosen = [f"encoder={encoder}", *position, f"prompt.unit={unit}"]
    tuner, data = assemble(configure(*tiny_cb, *chosen))
    randomize_heads(loop(tuner))
    step = next(iter(data.train_dataloader()))
    tuner.training_step(step, 0)

    vocabulary = tuner.backbone.model.get_input_embeddings().weight
    scale = float(vocabulary.square().mean().sqrt()) / 11.64 if unit == "vocab" else 1.0
    loss = reference(tuner, data, step.row.tolist(), 1 if prompt_at == "after_cls" else 0, pooling, scale)
    loss.backward()

    assert tuner.last_step[0]["loss"] == pytest.approx(float(loss.detach()), abs=1e-5)
    expected = {name: value.grad for name, value in tuner.runs[0].trainable.named_parameters()}
    assert gradients[0].keys() == expected.keys()
    for name, gradient in expected.items():
        assert gradient.abs().max() > 1e-6 * scale, name
        torch.testing.assert_close(gradients[0][name], gradient, **CLOSE)
