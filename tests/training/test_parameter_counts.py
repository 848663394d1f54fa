"""A record counts the parameters that receive a gradient and those of the exported prompt, for any encoder."""

import copy

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from rpt.config.check import check
from rpt.config.paths import search_path
from rpt.prompt.encoders import LSTM, MLP, Plain
from rpt.prompt.soft_prompt import SoftPrompt, count_params, trained_parameters
from rpt.runs import train
from tests.support.composed import compose

SOURCE = '''
import torch
from torch import nn

from rpt.config.options import PositiveInt


class Factorised(nn.Module):
    """Product of two factors, which replaces the table."""

    def __init__(self, *, length: int, hidden: int, rank: PositiveInt) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.randn(length, rank))
        self.right = nn.Linear(rank, hidden)

    def forward(self, prompt):
        return self.right(self.left)


class Broken(Factorised):
    def __init__(self, *, length: int, hidden: int, rank: PositiveInt) -> None:
        super().__init__(length=length, hidden=hidden, rank=rank)

    def forward(self, prompt):
        raise ValueError("no prompt today")
'''
LENGTH, HIDDEN = 10, 32


class Factorised(nn.Module):
    def __init__(self, rank):
        super().__init__()
        self.left = nn.Parameter(torch.randn(LENGTH, rank))
        self.right = nn.Linear(rank, HIDDEN)
        self.frozen = nn.Linear(rank, 3).requires_grad_(False)

    def forward(self, prompt):
        return self.right(self.left)


class Halved(nn.Module):
    """Encoder whose table has twice the length of the prompt."""

    def forward(self, prompt):
        return prompt[::2] + prompt[1::2]


class Normalised(nn.Module):
    """Encoder with batch normalisation, that is, with running statistics of its input."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(HIDDEN)

    def forward(self, prompt):
        return nn.functional.dropout(self.norm(prompt), 0.5, self.training)


def soft_prompt(encoder, height=LENGTH):
    return SoftPrompt(torch.randn(height, HIDDEN), encoder)


def test_a_table_without_a_gradient_is_not_counted():
    prompt = soft_prompt(Factorised(4))
    assert trained_parameters(prompt) == {"encoder.left", "encoder.right.weight", "encoder.right.bias"}
    count = count_params(prompt, trained_parameters(prompt))
    assert (count.paper, count.held) == (LENGTH * 4 + 4 * HIDDEN, LENGTH * 4 + 4 * HIDDEN + HIDDEN)


@pytest.mark.parametrize(
    "encoder",
    [
        Plain(length=LENGTH, hidden=HIDDEN),
        MLP(
            length=LENGTH, hidden=HIDDEN, bottleneck_dim=4, activation="relu", layer_norm=True, dropout=0.5, shared=True
        ),
        LSTM(length=LENGTH, hidden=HIDDEN, hidden_dim=4, num_layers=1, dropout=0.0),
        Halved(),
        Normalised(),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_all_parameters_of_an_encoder_that_uses_the_table_are_counted(encoder):
    prompt = soft_prompt(encoder, 2 * LENGTH)
    assert trained_parameters(prompt) == {name for name, _ in prompt.named_parameters()}
    assert count_params(prompt, trained_parameters(prompt)) == count_params(prompt)


def test_a_layer_that_is_used_twice_is_counted_once():
    shared = nn.Linear(HIDDEN, HIDDEN)
    count = count_params(soft_prompt(nn.Sequential(shared, shared)))
    assert (count.paper, count.held) == (
        LENGTH * HIDDEN + HIDDEN * HIDDEN,
        LENGTH * HIDDEN + HIDDEN * HIDDEN + HIDDEN,
    )


def test_counting_changes_neither_the_prompt_nor_the_next_random_number():
    prompt = soft_prompt(Normalised()).eval()
    before, state = copy.deepcopy(prompt.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        trained_parameters(prompt)
    assert all(torch.equal(value, before[name]) for name, value in prompt.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in prompt.parameters())
    assert not prompt.encoder.training


def test_a_prompt_without_trained_parameters_has_a_count_of_zero():
    prompt = soft_prompt(Plain(length=LENGTH, hidden=HIDDEN)).requires_grad_(False)
    assert trained_parameters(prompt) == set()


@pytest.fixture
def record_of(tiny_bert, tiny_cb, tmp_path, monkeypatch):
    """Train with a user's encoder, and return the run folder and the record."""
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "counted_encoders.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name):
        option = f"_target_: counted_encoders.{name}\n_partial_: true\nrank: 4\n"
        (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(option)
        small = [*tiny_bert, *tiny_cb, "trainer.epochs=1", f"output_dir={tmp_path / 'runs'}", "encoder=mine"]
        [outcome] = train([check(compose([*small, *search_path([str(tmp_path / "conf")])]))])
        return outcome.folder, outcome.record

    return make


def test_the_record_of_a_factorised_encoder_counts_its_factors_and_the_exported_prompt(record_of):
    folder, record = record_of("Factorised")
    assert record.parameters.held == LENGTH * 4 + 4 * HIDDEN + HIDDEN
    assert record.parameters.paper == LENGTH * 4 + 4 * HIDDEN
    assert record.parameters.kept == load_file(folder / "prompt.safetensors")["prompt"].numel()


def test_an_encoder_that_raises_fails_its_run_and_not_the_count(record_of):
    assert record_of("Broken")[1].status == "failed"
