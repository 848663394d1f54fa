"""The study of methods gives every encoder the same number of trained parameters."""

import pytest
import torch

from rpt.config.check import check
from rpt.config.construct import construct_with_known
from rpt.config.paths import config_dir
from rpt.prompt.needs import table_rows
from rpt.prompt.soft_prompt import SoftPrompt, count_params, trained_parameters
from rpt.training.build_checks import is_prefix
from tests.support.composed import compose
from tests.support.options import ENCODERS

BUDGETS = sorted(file.stem for file in (config_dir() / "experiment" / "budget").glob("*.yaml"))
WIDTH, LAYERS, TOKENS = 384, 6, 100
"""Width and number of layers of the default backbone, and number of tokens of the table."""


def test_every_encoder_has_a_budget():
    assert [*BUDGETS, "none"] == sorted(ENCODERS, key=lambda name: (name == "none", name))


@pytest.mark.parametrize("name", BUDGETS)
def test_an_encoder_has_as_many_parameters_as_a_table_of_a_hundred_tokens(name):
    config = check(compose([f"experiment=budget/{name}", "backbone=minilm"]))
    assert config.chosen["encoder"] == name
    length = config.prompt.length
    width = 2 * LAYERS * WIDTH if is_prefix(config) else WIDTH
    encoder = construct_with_known("encoder", config.encoder, {"backbone_layers": LAYERS}, length=length, hidden=width)
    prompt = SoftPrompt(torch.randn(table_rows(encoder, length), width), encoder)
    count = count_params(prompt, trained_parameters(prompt)).paper
    assert count == pytest.approx(TOKENS * WIDTH, rel=0.03)
