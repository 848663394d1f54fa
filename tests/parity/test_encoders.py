"""rpt's encoders are compared with PEFT's encoders of the same weights, and with the equation of the paper."""

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
PEFT_VERSION = f"peft {peft.__version__}"


def make_peft_encoder(kind: PromptEncoderReparameterizationType, **options: object) -> PromptEncoder:
    torch.manual_seed(0)
    config = PromptEncoderConfig(encoder_reparameterization_type=kind, encoder_hidden_size=WIDTH, **SIZES, **options)
    return PromptEncoder(config).eval()


def copy_weights(rpt_encoder: nn.Module, peft_encoder: nn.Module, names: dict[str, str]) -> None:
    """Copy all weights of PEFT's encoder into rpt's encoder; `names` has rpt's module names and those of PEFT."""
    state = {
        f"{rpt_name}.{key}": value
        for rpt_name, peft_name in names.items()
        for key, value in peft_encoder.get_submodule(peft_name).state_dict().items()
    }
    rpt_encoder.load_state_dict(state, strict=True)


def assert_equal_outputs(rpt_encoder: nn.Module, peft_encoder: PromptEncoder) -> None:
    expected = peft_encoder(torch.arange(LENGTH)[None])[0]
    actual = rpt_encoder(peft_encoder.embedding.weight)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6, msg=lambda text: f"{PEFT_VERSION}: {text}")


def test_plain_equals_the_prompt_embedding_of_peft():
    torch.manual_seed(0)
    peft_encoder = PromptEmbedding(PromptTuningConfig(**SIZES), nn.Embedding(3, HIDDEN))
    rpt_encoder = Plain(length=LENGTH, hidden=HIDDEN)
    assert torch.equal(rpt_encoder(peft_encoder.embedding.weight), peft_encoder(torch.arange(LENGTH))), PEFT_VERSION


@pytest.mark.parametrize("num_layers", [1, 2])
def test_lstm_equals_the_prompt_encoder_of_peft(num_layers):
    peft_encoder = make_peft_encoder(
        PromptEncoderReparameterizationType.LSTM,
        encoder_num_layers=num_layers,
        encoder_dropout=0.0,
    )
    rpt_encoder = LSTM(length=LENGTH, hidden=HIDDEN, hidden_dim=WIDTH, num_layers=num_layers, dropout=0.0)
    names = {"lstm": "lstm_head", "head.0": "mlp_head.0", "head.2": "mlp_head.2"}
    copy_weights(rpt_encoder, peft_encoder, names)
    assert_equal_outputs(rpt_encoder, peft_encoder)


def test_mlp_equals_the_prompt_encoder_of_peft_without_norm_and_middle_layer():
    """PEFT's MLP has no norm, and a third linear layer between the two of rpt's MLP.

    The test switches rpt's norm off and sets PEFT's middle layer to the identity, which does not change the output of
    the first ReLU: ReLU(I ReLU(x)) = ReLU(x).
    """
    peft_encoder = make_peft_encoder(PromptEncoderReparameterizationType.MLP)
    nn.init.eye_(peft_encoder.mlp_head[2].weight)
    nn.init.zeros_(peft_encoder.mlp_head[2].bias)
    rpt_encoder = MLP(**options(layer_norm=False))
    copy_weights(rpt_encoder, peft_encoder, {"down": "mlp_head.0", "up": "mlp_head.4"})
    assert_equal_outputs(rpt_encoder, peft_encoder)


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
    """Set all weights to random numbers, including scale and shift of the norm, which start as ones and zeros."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def paper_equation(row: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Compute one virtual token by the equation of the paper, with the skip connection after the norm."""
    inner = weights["down.weight"] @ row + weights["down.bias"]
    update = weights["up.weight"] @ inner.clamp(min=0) + weights["up.bias"]
    centred = update - update.mean()
    normal = centred / (centred.square().mean() + 1e-5).sqrt()
    return row + weights["norm.weight"] * normal + weights["norm.bias"]


def test_residual_equals_the_equation_of_the_paper():
    encoder = randomised(Residual(**options()))
    table = torch.randn(LENGTH, HIDDEN)
    weights = encoder.get_submodule("phi").state_dict()
    expected = torch.stack([paper_equation(row, weights) for row in table])
    torch.testing.assert_close(encoder(table), expected, rtol=0, atol=1e-5)


def test_residual_per_token_equals_the_equation_of_the_paper_with_the_weights_of_each_token():
    encoder = randomised(Residual(**options(shared=False)))
    table = torch.randn(LENGTH, HIDDEN)
    stacked = encoder.get_submodule("phi").state_dict()
    # A per-token matrix is stored as [inputs, outputs]; the equation uses [outputs, inputs].
    own = [{name: value[i].T if value.ndim == 3 else value[i] for name, value in stacked.items()}
           for i in range(LENGTH)]  # fmt: skip
    expected = torch.stack([paper_equation(row, own[i]) for i, row in enumerate(table)])
    torch.testing.assert_close(encoder(table), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_residual_with_a_last_layer_of_zeros_equals_plain(shared):
    encoder = Residual(**options(shared=shared))
    nn.init.zeros_(encoder.phi.up.weight)
    nn.init.zeros_(encoder.phi.up.bias)
    table = torch.randn(LENGTH, HIDDEN)
    assert torch.equal(encoder(table), Plain(length=LENGTH, hidden=HIDDEN)(table))


@pytest.mark.parametrize("shared", [True, False])
def test_mlp_equals_residual_without_the_skip_connection(shared):
    residual = randomised(Residual(**options(shared=shared)))
    mlp = MLP(**options(shared=shared))
    mlp.load_state_dict(residual.get_submodule("phi").state_dict(), strict=True)
    table = torch.randn(LENGTH, HIDDEN)
    assert torch.equal(residual(table), table + mlp(table))


def test_per_token_weights_start_like_those_of_a_linear_layer():
    torch.manual_seed(0)
    own = MLP(**options(length=200, shared=False)).down
    linear = nn.Linear(HIDDEN, WIDTH)
    bound = HIDDEN**-0.5  # the documentation of nn.Linear gives the bound 1 / sqrt(inputs)
    for name, parameter in own.named_parameters():
        assert linear.get_parameter(name).abs().max() <= bound
        assert 0.99 * bound < parameter.abs().max() <= bound
        # Uniform numbers within the bound have the standard deviation bound / sqrt(3).
        assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_dropout_is_applied_before_the_norm():
    """A row with dropout is therefore normalised, too."""
    torch.manual_seed(0)
    update = MLP(**options(dropout=0.5))(torch.randn(LENGTH, HIDDEN))
    torch.testing.assert_close(update.mean(dim=1), torch.zeros(LENGTH), rtol=0, atol=1e-6)
    torch.testing.assert_close(update.square().mean(dim=1), torch.ones(LENGTH), rtol=0, atol=1e-2)
