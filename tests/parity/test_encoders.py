"""Our encoders against PEFT's with the same weights, and against the paper's equation."""

import peft
import pytest
import torch
from peft import (
    PromptEmbedding,
    PromptEncoder,
    PromptEncoderConfig,
    PromptEncoderReparameterizationType,
    PromptTuningConfig,
    TaskType,
)
from torch import Tensor, nn

from rpt.prompt.encoders import LSTM, MLP, Plain, Residual

LENGTH, HIDDEN, WIDTH = 7, 16, 10
SIZES = {
    "task_type": TaskType.SEQ_2_SEQ_LM,
    "num_virtual_tokens": LENGTH,
    "token_dim": HIDDEN,
    "num_transformer_submodules": 1,
    "num_attention_heads": 2,
    "num_layers": 2,
}
PEER = f"peft {peft.__version__}"


def peft_encoder(kind: PromptEncoderReparameterizationType, **options: object) -> PromptEncoder:
    torch.manual_seed(0)
    config = PromptEncoderConfig(encoder_reparameterization_type=kind, encoder_hidden_size=WIDTH, **SIZES, **options)
    return PromptEncoder(config).eval()


def copy_weights(ours: nn.Module, theirs: nn.Module, names: dict[str, str]) -> None:
    """Give our modules the weights of theirs, by a table of module names; every weight is set."""
    state = {
        f"{our_name}.{key}": value
        for our_name, their_name in names.items()
        for key, value in theirs.get_submodule(their_name).state_dict().items()
    }
    ours.load_state_dict(state, strict=True)


def assert_same(ours: nn.Module, theirs: PromptEncoder) -> None:
    expected = theirs(torch.arange(LENGTH)[None])[0]
    actual = ours(theirs.embedding.weight)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6, msg=lambda text: f"{PEER}: {text}")


def test_plain_is_pefts_prompt_embedding():
    torch.manual_seed(0)
    theirs = PromptEmbedding(PromptTuningConfig(**SIZES), nn.Embedding(3, HIDDEN))
    ours = Plain(length=LENGTH, hidden=HIDDEN)
    assert torch.equal(ours(theirs.embedding.weight), theirs(torch.arange(LENGTH))), PEER


@pytest.mark.parametrize("num_layers", [1, 2])
def test_lstm_is_pefts_prompt_encoder(num_layers):
    theirs = peft_encoder(
        PromptEncoderReparameterizationType.LSTM,
        encoder_num_layers=num_layers,
        encoder_dropout=0.0,
    )
    ours = LSTM(length=LENGTH, hidden=HIDDEN, hidden_dim=WIDTH, num_layers=num_layers, dropout=0.0)
    names = {"lstm": "lstm_head", "head.0": "mlp_head.0", "head.2": "mlp_head.2"}
    copy_weights(ours, theirs, names)
    assert_same(ours, theirs)


def test_mlp_is_pefts_prompt_encoder_where_the_two_definitions_meet():
    """PEFT has no norm and a third linear layer between the two.

    So ours goes without its norm, and their middle layer becomes the identity, which the second
    ReLU leaves alone: ReLU(I ReLU(x)) = ReLU(x).
    """
    theirs = peft_encoder(PromptEncoderReparameterizationType.MLP)
    nn.init.eye_(theirs.mlp_head[2].weight)
    nn.init.zeros_(theirs.mlp_head[2].bias)
    ours = MLP(**options(layer_norm=False))
    copy_weights(ours, theirs, {"down": "mlp_head.0", "up": "mlp_head.4"})
    assert_same(ours, theirs)


def options(**changes: object) -> dict[str, object]:
    return {
        "length": LENGTH,
        "hidden": HIDDEN,
        "bottleneck_dim": WIDTH,
        "activation": "relu",
        "layer_norm": True,
        "dropout": 0.0,
        "shared": True,
    } | changes


def randomised(module: nn.Module) -> nn.Module:
    """Every weight random, the norm's scale and shift included, which start as ones and zeros."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def papers_row(row: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The paper's equation for one virtual token: its skip, behind the norm."""
    inner = weights["down.weight"] @ row + weights["down.bias"]
    update = weights["up.weight"] @ inner.clamp(min=0) + weights["up.bias"]
    centred = update - update.mean()
    normal = centred / (centred.square().mean() + 1e-5).sqrt()
    return row + weights["norm.weight"] * normal + weights["norm.bias"]


def test_residual_is_the_papers_equation():
    encoder = randomised(Residual(**options()))
    table = torch.randn(LENGTH, HIDDEN)
    weights = encoder.get_submodule("phi").state_dict()
    expected = torch.stack([papers_row(row, weights) for row in table])
    torch.testing.assert_close(encoder(table), expected, rtol=0, atol=1e-5)


def test_residual_per_token_is_the_papers_equation_with_own_weights():
    encoder = randomised(Residual(**options(shared=False)))
    table = torch.randn(LENGTH, HIDDEN)
    stacked = encoder.get_submodule("phi").state_dict()
    # A per-token matrix is stored [inputs, outputs], the equation's are [outputs, inputs].
    own = [{name: value[i].T if value.ndim == 3 else value[i] for name, value in stacked.items()}
           for i in range(LENGTH)]  # fmt: skip
    expected = torch.stack([papers_row(row, own[i]) for i, row in enumerate(table)])
    torch.testing.assert_close(encoder(table), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_a_zeroed_last_layer_makes_residual_plain(shared):
    encoder = Residual(**options(shared=shared))
    nn.init.zeros_(encoder.phi.up.weight)
    nn.init.zeros_(encoder.phi.up.bias)
    table = torch.randn(LENGTH, HIDDEN)
    assert torch.equal(encoder(table), Plain(length=LENGTH, hidden=HIDDEN)(table))


@pytest.mark.parametrize("shared", [True, False])
def test_mlp_is_residual_without_the_skip(shared):
    residual = randomised(Residual(**options(shared=shared)))
    mlp = MLP(**options(shared=shared))
    mlp.load_state_dict(residual.get_submodule("phi").state_dict(), strict=True)
    table = torch.randn(LENGTH, HIDDEN)
    assert torch.equal(residual(table), table + mlp(table))


def test_per_token_weights_start_like_a_linear_layers():
    torch.manual_seed(0)
    own = MLP(**options(length=200, shared=False)).down
    linear = nn.Linear(HIDDEN, WIDTH)
    bound = HIDDEN**-0.5  # nn.Linear's documented bound, 1 / sqrt(inputs)
    for name, parameter in own.named_parameters():
        assert linear.get_parameter(name).abs().max() <= bound
        assert 0.99 * bound < parameter.abs().max() <= bound
        # A uniform draw within the bound has the standard deviation bound / sqrt(3).
        assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_dropout_comes_before_the_norm():
    """So a row is normalised in training too, whatever was dropped."""
    torch.manual_seed(0)
    update = MLP(**options(dropout=0.5))(torch.randn(LENGTH, HIDDEN))
    torch.testing.assert_close(update.mean(dim=1), torch.zeros(LENGTH), rtol=0, atol=1e-6)
    torch.testing.assert_close(update.square().mean(dim=1), torch.ones(LENGTH), rtol=0, atol=1e-2)
