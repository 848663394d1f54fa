"""Equations, initial values and parameter counts of the encoders that read or change the text."""

import pytest
import torch

from rpt.errors import ConfigError
from rpt.prompt.needs import groups_of, table_rows
from rpt.prompt.soft_prompt import SoftPrompt, count_params, trained_parameters
from rpt.prompt.text_encoders import ADePT, DePT, SMoP
from rpt.prompt.text_prompt import Texts
from rpt.prompt.text_updates import add_updates


def table(rows=6, width=12, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smop(length=2, hidden=12, prompts=3, noise=0.0, dropout=0.0):
    return SMoP(length=length, hidden=hidden, prompts=prompts, noise=noise, dropout=dropout).double()


def adept(length=60, hidden=768, rank=19):
    return ADePT(length=length, hidden=hidden, rank=rank, update_lr=1e-4)


def dept(length=60, hidden=768, rank=30, positions=256):
    return DePT(length=length, hidden=hidden, rank=rank, positions=positions, alpha=8.0, update_lr=5e-4)


@pytest.mark.parametrize(
    ("encoder", "rows", "count"),
    [
        pytest.param(smop(5, 768, 4).float(), 20, 18_432, id="SMoP, t5-base: 0.0083 % of its weights"),
        pytest.param(adept(60), 60, 76_051, id="ADePT, t5-base"),
        pytest.param(dept(40, rank=45), 40, 76_800, id="DePT, t5-base, 40 tokens"),
        pytest.param(dept(60, rank=30), 60, 76_800, id="DePT, t5-base, 60 tokens"),
    ],
)
def test_an_encoder_trains_as_many_numbers_as_its_source_says(encoder, rows, count):
    prompt = SoftPrompt(torch.randn(table_rows(encoder, rows), 768), encoder)
    assert prompt.table.shape[0] == rows
    assert count_params(prompt, trained_parameters(prompt)).held == count


def test_smop_gives_each_text_its_most_likely_prompt_times_its_probability():
    encoder, texts = smop().eval(), table(40, seed=1)
    prompts = encoder(table(), texts)
    chosen = set()
    for text, prompt in zip(texts, prompts, strict=True):
        gates = torch.softmax(encoder.router.weight @ text, dim=0)
        best = int(gates.argmax())
        chosen.add(best)
        torch.testing.assert_close(prompt, gates[best] * table()[2 * best : 2 * best + 2])
    assert chosen == {0, 1, 2}


def test_smops_router_starts_orthogonal_and_its_noise_is_relative_and_only_in_training():
    torch.manual_seed(0)
    encoder, texts = smop(noise=1.0), table(2000, seed=1)
    weight = encoder.router.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-6)
    quiet = encoder.eval()(table(), texts)
    assert torch.equal(quiet, encoder(table(), texts))
    first, second = (encoder.train()(table(), texts) for _ in range(2))
    assert not torch.equal(first, second)
    zero = torch.zeros(5, 12, dtype=torch.float64)  # noise relative to logits of zero is zero
    assert torch.equal(encoder(table(), zero), encoder.eval()(table(), zero))


def test_no_gradient_passes_through_smops_noise():
    torch.manual_seed(0)
    encoder, text = smop(noise=1.0), table(1, seed=1)
    text.requires_grad_(True)
    state = torch.get_rng_state()
    encoder(table(), text).sum().backward()
    torch.set_rng_state(state)
    other = text.detach().clone().requires_grad_(True)
    logits = encoder.router(other)
    noisy = logits + (torch.randn_like(logits) * logits).detach()
    gates = noisy.softmax(dim=1)[0]
    best = int(gates.argmax())
    (gates[best] * table()[2 * best : 2 * best + 2]).sum().backward()
    torch.testing.assert_close(text.grad, other.grad)


def test_adept_adds_its_network_to_each_token_and_starts_with_no_update():
    torch.manual_seed(0)
    encoder = adept(4, 12, 3).double()
    assert not encoder.token_update(table()).any()
    assert float(encoder.down.weight.detach().abs().max()) <= 3**-0.5
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(torch.randn_like(parameter))
    down, up = encoder.down, encoder.up
    expected = torch.stack([up.weight @ torch.relu(down.weight @ row + down.bias) + up.bias for row in table()])
    torch.testing.assert_close(encoder.token_update(table()), expected)


def test_dept_adds_its_product_by_position_and_starts_with_no_update():
    torch.manual_seed(0)
    encoder = dept(4, 12, 3, positions=7).double()
    assert not encoder.position_update().any()
    assert float(encoder.left.detach().abs().max()) <= 3**-0.5
    with torch.no_grad():
        encoder.right.copy_(torch.randn_like(encoder.right))
    expected = torch.stack([8 / 3**0.5 * row @ encoder.right for row in encoder.left])
    torch.testing.assert_close(encoder.position_update(), expected)


@pytest.mark.parametrize(("encoder", "rate"), [(adept(4, 12, 3), 1e-4), (dept(4, 12, 3, 7), 5e-4)])
def test_the_update_of_the_text_has_its_own_learning_rate(encoder, rate):
    rest, update = groups_of(encoder)
    assert not rest.parameters
    assert update.lr == rate
    assert {id(one) for one in update.parameters} == {id(one) for one in encoder.parameters()}


def test_updates_are_added_to_the_texts_of_their_own_run_in_the_prompts_unit():
    torch.manual_seed(0)
    vocabulary, scale = table(20, seed=1), 0.5
    by_token, by_position = adept(4, 12, 3).double(), dept(4, 12, 3, positions=3).double()
    for parameter in (*by_token.parameters(), *by_position.parameters()):
        parameter.data.copy_(torch.randn_like(parameter))
    ids = torch.randint(20, (5, 4))
    run = torch.tensor([1, 0, 2, 1, 0])
    prompts = []
    for number, encoder in enumerate((by_token, by_position)):
        own = ids[run == number]
        texts = Texts(own, torch.ones_like(own), vocabulary.__getitem__)
        prompts.append(SoftPrompt(table(4), encoder, scale).double().encode(texts))
    plain = SoftPrompt(table(4), torch.nn.Identity()).double()
    prompts.append(plain.encode(Texts(ids, torch.ones_like(ids), vocabulary.__getitem__)))

    found = add_updates(prompts, run, ids, vocabulary[ids])
    for row, number in enumerate(run.tolist()):
        embeds = vocabulary[ids[row]]
        if number == 0:
            embeds = embeds + scale * by_token.token_update(embeds / scale)
        elif number == 1:
            embeds = embeds + torch.cat([scale * by_position.position_update(), torch.zeros(1, 12)])
        torch.testing.assert_close(found[row], embeds)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: smop(prompts=13), r"^encoder\.prompts = 13: must be at most 12, the width of the backbone\."),
        (lambda: adept(4, 12, 13), r"^encoder\.rank = 13: must be at most 12, the width of the backbone\."),
        (lambda: dept(4, 12, 8, 7), r"^encoder\.rank = 8: must be at most 7, the number of positions\."),
    ],
)  # fmt: skip
def test_an_impossible_size_is_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
