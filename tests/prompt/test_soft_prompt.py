"""Behaviour of `SoftPrompt`. `tests/conformance/` tests requirements on every encoder."""

import copy

import pytest
import torch

from rpt.errors import ConfigError
from rpt.prompt.encoders import LSTM, Plain, Residual
from rpt.prompt.factorised import LowRank
from rpt.prompt.soft_prompt import ParamCount, SoftPrompt, count_params
from rpt.training.trainable import Trainable, parameter_groups


def residual(length: int, hidden: int, bottleneck_dim: int, *, shared: bool = True) -> Residual:
    return Residual(
        length=length,
        hidden=hidden,
        bottleneck_dim=bottleneck_dim,
        activation="relu",
        layer_norm=True,
        dropout=0.0,
        shared=shared,
    )


@pytest.mark.parametrize(
    ("hidden", "bottleneck_dim", "length", "paper", "held"),
    [
        # Residual Prompt Tuning, appendix A.6, gives 2 d m + 2 d + d n. Biases add m + d.
        pytest.param(768, 250, 100, 462_336, 463_354, id="t5-base, the paper's 462K"),
        pytest.param(768, 800, 10, 1_238_016, 1_239_584, id="t5-base, the published code's width"),
        pytest.param(768, 128, 10, 205_824, 206_720, id="t5-base, our default width"),
        pytest.param(1024, 400, 100, 923_648, 925_072, id="t5-large, reported elsewhere as 925K"),
        pytest.param(512, 400, 100, 461_824, 462_736, id="t5-small"),
    ],
)
def test_a_residual_prompt_has_the_parameter_count_of_the_paper(hidden, bottleneck_dim, length, paper, held):
    prompt = SoftPrompt(torch.zeros(length, hidden), residual(length, hidden, bottleneck_dim))
    assert count_params(prompt) == ParamCount(paper=paper, held=held)


def test_a_per_token_encoder_is_counted_once_per_virtual_token():
    shared = count_params(residual(10, 16, 4))
    own = count_params(residual(10, 16, 4, shared=False))
    assert own == ParamCount(paper=10 * shared.paper, held=10 * shared.held)


def test_the_count_of_a_plain_prompt_is_the_size_of_its_table():
    prompt = SoftPrompt(torch.zeros(100, 768), Plain(length=100, hidden=768))
    assert count_params(prompt) == ParamCount(paper=76_800, held=76_800)


def test_the_count_of_an_lstm_has_four_gates_in_two_directions_and_the_output_layers():
    encoder = LSTM(length=10, hidden=16, hidden_dim=3, num_layers=1, dropout=0.0)
    weights = 2 * 4 * 3 * (16 + 3) + 6 * 6 + 6 * 16
    biases = 2 * 4 * 3 * 2 + 6 + 16  # torch has two biases per gate
    assert count_params(encoder) == ParamCount(paper=weights, held=weights + biases)


def test_a_frozen_parameter_is_not_counted():
    prompt = SoftPrompt(torch.zeros(10, 16), residual(10, 16, 4))
    prompt.encoder.requires_grad_(False)
    assert count_params(prompt) == ParamCount(paper=160, held=160)


def test_the_table_is_a_float32_copy_of_the_init():
    init = torch.ones(2, 3, dtype=torch.float64)
    prompt = SoftPrompt(init, Plain(length=2, hidden=3))
    init.zero_()
    assert prompt.table.dtype == torch.float32
    assert prompt.table.requires_grad
    assert torch.equal(prompt.table.detach(), torch.ones(2, 3))


def test_an_encoder_that_raises_in_fold_stays_in_train_mode():
    class Broken(torch.nn.Module):
        def forward(self, prompt):
            raise RuntimeError("broken")

    prompt = SoftPrompt(torch.zeros(2, 3), Broken())
    with pytest.raises(RuntimeError, match="broken"):
        prompt.fold()
    assert prompt.training
    assert prompt.encoder.training


def test_dropout_without_effect_is_refused():
    with pytest.raises(ConfigError) as error:
        LSTM(length=2, hidden=4, hidden_dim=3, num_layers=1, dropout=0.05)
    assert str(error.value) == (
        "encoder.dropout = 0.05: has no effect with one layer, because it acts between layers. "
        "Set encoder.dropout=0.0 or encoder.num_layers=2."
    )


@pytest.mark.parametrize(("part", "moves"), [("table", "encoder"), ("encoder", "table")])
def test_a_frozen_part_keeps_its_values_and_the_other_part_is_trained(part, moves):
    prompt = SoftPrompt(torch.ones(10, 16), residual(10, 16, 4))
    prompt.freeze(part)
    before = copy.deepcopy(prompt.state_dict())
    trainable = Trainable(prompt, None, None, 16)
    rates = dict.fromkeys(("table", "encoder", "head", "body"), 0.1)
    groups = parameter_groups(trainable, rates, rates)
    assert sum(len(group["params"]) for group in groups) == sum(name.startswith(moves) for name in before)
    optimizer = torch.optim.AdamW(groups)
    prompt().square().sum().backward()
    optimizer.step()
    changed = {name for name, value in prompt.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith(moves)}
    assert count_params(prompt).held == sum(before[name].numel() for name in changed)


@pytest.mark.parametrize(
    ("encoder", "part", "reason"),
    [
        (Plain(length=4, hidden=8), "encoder", "Plain has no trained numbers"),
        (
            LowRank(length=4, hidden=8, rank=2, start="init"),
            "table",
            "LowRank trains its own numbers in place of a table",
        ),
    ],
)
def test_freezing_a_part_that_the_prompt_lacks_is_refused(encoder, part, reason):
    with pytest.raises(ConfigError, match=reason):
        SoftPrompt(torch.randn(4, 8), encoder).freeze(part)
