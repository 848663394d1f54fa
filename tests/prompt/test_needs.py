"""Needs that an encoder may state: the inputs that rpt passes to it, and the training of its parameters."""

import pytest
import torch
from torch import nn

from rpt.config.check import check
from rpt.config.paths import search_path
from rpt.errors import ConfigError
from rpt.prompt.needs import ParameterGroup, groups_of
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.runs import train
from rpt.sweep.memory import COPIES, UNKNOWN_MATRICES, bytes_of_run
from rpt.training.trainable import Trainable, parameter_groups
from tests.support.composed import compose

SOURCE = '''
import torch
from torch import nn


class Basis(nn.Module):
    """Encoder whose table has `basis` rows."""

    def __init__(self, *, length: int, hidden: int, basis: int) -> None:
        super().__init__()
        self.table_rows = basis
        self.mix = nn.Parameter(torch.randn(length, basis))

    def forward(self, prompt):
        return self.mix @ prompt


class Words(nn.Module):
    """Encoder that mixes the first `count` embeddings of the vocabulary."""

    def __init__(self, *, length: int, hidden: int, vocabulary, count: int) -> None:
        super().__init__()
        self.register_buffer("words", vocabulary.rows(torch.arange(count)))
        self.mix = nn.Parameter(torch.zeros(length, count))

    def start_from(self, table) -> None:
        self.seen = table.clone()

    def forward(self):
        return self.mix @ self.words
'''


@pytest.fixture
def configure(tiny_bert, tiny_cb, tmp_path, monkeypatch):
    """Make a configuration with an encoder of a user."""
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "needy_encoders.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name, option, *overrides):
        yaml = f"_target_: needy_encoders.{name}\n_partial_: true\n{option}\n"
        (tmp_path / "conf" / "encoder" / "mine.yaml").write_text(yaml)
        small = ["trainer.epochs=1", "encoder=mine", "prompt.unit=vocab", f"output_dir={tmp_path / 'runs'}"]
        own = search_path([str(tmp_path / "conf")])
        return check(compose([*tiny_bert, *tiny_cb, *small, *overrides, *own]))

    return make


def test_a_table_with_another_number_of_rows_is_drawn_trained_and_counted(configure, assemble):
    config = configure("Basis", "basis: 23")
    [run] = assemble(config)[0].runs
    assert run.trainable.prompt.table.shape == (23, 32)
    assert run.start.shape == (10, 32)
    trained = 23 * 32 + 10 * 23
    assert bytes_of_run(config) == (trained + 3 * 32) * 4 * COPIES
    [outcome] = train([config])
    assert (outcome.record.parameters.held, outcome.record.parameters.kept) == (trained, 10 * 32)


def test_the_error_of_an_init_that_cannot_fill_the_table_has_the_number_of_rows(configure, assemble):
    with pytest.raises(ConfigError, match=r"^init = labels: cannot fill the 2 rows of this encoder's table \("):
        assemble(configure("Basis", "basis: 2", "init=labels"))


def test_an_encoder_gets_the_vocabulary_in_the_unit_of_the_prompt(configure, assemble):
    config = configure("Words", "count: 6")
    tuner, _ = assemble(config)
    prompt = tuner.runs[0].trainable.prompt
    assert 0 < prompt.scale != 1
    torch.testing.assert_close(prompt.encoder.words * prompt.scale, tuner.backbone.embedding[:6])
    assert prompt.encoder.seen.shape == (10, 32)
    assert list(dict(prompt.named_parameters())) == ["encoder.mix"]
    # The estimate cannot build the encoder, because it reads values of the vocabulary. A large encoder is assumed.
    assert bytes_of_run(config) == (10 * 32 + UNKNOWN_MATRICES * 32**2 + 3 * 32) * 4 * COPIES
    assert train([config])[0].record.parameters.held == 10 * 6


def test_an_argument_that_rpt_passes_is_no_option(configure):
    with pytest.raises(ConfigError, match=r"encoder\.vocabulary = 3: no such key"):
        configure("Words", "count: 6\nvocabulary: 3")


class TwoParameters(nn.Module):
    """Encoder with two parameters, the second of which is in named groups.

    Args:
        groups: Keyword arguments of each group.
        own: Whether the encoder has `start_from`, so that its parameters replace the table.
    """

    def __init__(self, *groups, own):
        super().__init__()
        self.first, self.second = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(4))
        self.groups = [ParameterGroup("mine", [self.second], **group) for group in groups]
        if own:
            self.start_from = lambda table: None

    def parameter_groups(self):
        return self.groups


RATES = {"table": 0.3, "encoder": 0.1, "head": 0.01, "body": 0.0}
DECAYS = {"table": 0.5, "encoder": 0.25, "head": 0.125, "body": 0.0}


@pytest.mark.parametrize(
    ("own", "group", "expected"),
    [
        (False, {}, [(24, 0.3, 0.5), (3, 0.1, 0.25), (4, 0.1, 0.25)]),
        (False, {"lr": 2.0}, [(24, 0.3, 0.5), (3, 0.1, 0.25), (4, 2.0, 0.25)]),
        (False, {"weight_decay": 0.0}, [(24, 0.3, 0.5), (3, 0.1, 0.25), (4, 0.1, 0.0)]),
        (True, {"lr": 2.0, "weight_decay": 0.0}, [(3, 0.3, 0.5), (4, 2.0, 0.0)]),
    ],
)
def test_a_named_group_has_its_rate_and_decay_and_an_encoder_without_a_table_those_of_the_table(own, group, expected):
    trainable = Trainable(SoftPrompt(torch.zeros(3, 8), TwoParameters(group, own=own)), None, None, 8)
    groups = parameter_groups(trainable, RATES, DECAYS)
    sizes = [sum(parameter.numel() for parameter in group["params"]) for group in groups]
    found = [(size, group["lr"], group["weight_decay"]) for size, group in zip(sizes, groups, strict=True)]
    assert found == expected


def test_a_parameter_in_two_groups_and_a_parameter_of_another_module_are_refused():
    message = r"^encoder\._target_ = TwoParameters: its parameter_groups\(\) names a tensor of 'mine'"
    with pytest.raises(ConfigError, match=message):
        groups_of(TwoParameters({}, {}, own=False))
    stray = TwoParameters(own=False)
    stray.groups = [ParameterGroup("stray", [nn.Parameter(torch.zeros(2))])]
    with pytest.raises(ConfigError, match="names a tensor of 'stray'"):
        groups_of(stray)
