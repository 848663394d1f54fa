"""Equations, initial prompts and parameter counts of the encoders that are not in the paper."""

import pytest
import torch

from rpt.errors import ConfigError
from rpt.prompt.encoders import Residual
from rpt.prompt.factorised import ULPT, LoPT, LowRank, RankOne
from rpt.prompt.needs import table_rows
from rpt.prompt.residuals import Gated, Inception, Stacked
from rpt.prompt.soft_prompt import SoftPrompt, count_params, trained_parameters
from rpt.prompt.subspaces import ACCEPT, SuperPos

NETWORK = {"bottleneck_dim": 4, "activation": "relu", "layer_norm": True, "dropout": 0.0, "shared": True}


def table(rows=6, width=12, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def low_rank(rank, length=6, hidden=12, start="init"):
    return LowRank(length=length, hidden=hidden, rank=rank, start=start)


@pytest.mark.parametrize(
    ("encoder", "length", "hidden", "count"),
    [
        pytest.param(low_rank(10, 100, 768), 100, 768, 8_680, id="DPT, t5-base"),
        pytest.param(low_rank(10, 100, 1024), 100, 1024, 11_240, id="DPT, t5-large: the abstract's 11.2K"),
        pytest.param(low_rank(4, 20, 768), 20, 768, 3_152, id="LoPT-1"),
        pytest.param(
            LoPT(length=20, hidden=768, rank=4, activation="gelu", start="init"), 20, 768, 2 * 4 * 768, id="LoPT-2"
        ),
        *(
            pytest.param(ULPT(length=100, hidden=768, rank=rank, start="source"), 100, 768, count, id=f"ULPT r={rank}")
            for rank, count in {2: 1_736, 16: 3_136, 64: 7_936, 256: 27_136}.items()
        ),
        pytest.param(RankOne(length=100, hidden=768, around_one=False), 100, 768, 77_668, id="MPT's gate"),
        pytest.param(
            SuperPos(length=10, hidden=768, basis=128, shared=False, basis_weight_decay=0.0),
            10, 768, 984_320, id="SuperPos-Prompt",
        ),
        pytest.param(
            SuperPos(length=10, hidden=768, basis=128, shared=True, basis_weight_decay=0.0),
            10, 768, 99_584, id="SuperPos-Prompt, one basis",
        ),
        pytest.param(
            ACCEPT(length=60, hidden=768, subspace_dim=32, codewords=20, start="source"), 60, 768, 44_160, id="ACCEPT"
        ),
    ],
)  # fmt: skip
def test_an_encoder_has_the_parameter_count_of_its_publication(encoder, length, hidden, count):
    prompt = SoftPrompt(table(table_rows(encoder, length), hidden), encoder)
    assert count_params(prompt, trained_parameters(prompt)).held == count
    assert prompt.fold().shape == (length, hidden)


@pytest.mark.parametrize(
    ("encoder", "count"),
    [
        # Residual Prompt Tuning, appendix A.6, gives 2 d m + 2 d + d n for one block without biases.
        (Gated(length=10, hidden=768, gate=0.1, **(NETWORK | {"bottleneck_dim": 128})), 205_824 + 768),
        (Stacked(length=10, hidden=768, num_blocks=2, **(NETWORK | {"bottleneck_dim": 128})), 2 * 198_144 + 7_680),
        (
            Inception(length=10, hidden=768, bottleneck_dims=(32, 64, 128), activation="relu", layer_norm=True,
                      dropout=0.0),
            2 * 768 * 224 + 2 * 768 + 7_680,
        ),
    ],
    ids=["gated", "depth", "inception"],
)  # fmt: skip
def test_variants_of_the_residual_encoder_have_the_parameter_counts_of_its_formula(encoder, count):
    assert count_params(SoftPrompt(table(10, 768), encoder)).paper == count


def test_low_rank_at_full_rank_starts_at_the_table():
    prompt = SoftPrompt(table(), low_rank(6))
    torch.testing.assert_close(prompt(), table(), rtol=0, atol=1e-5)
    wide = SoftPrompt(table(12, 6), low_rank(6, 12, 6))
    torch.testing.assert_close(wide(), table(12, 6), rtol=0, atol=1e-5)


def test_low_rank_starts_at_the_best_approximation_of_its_rank():
    left, scales, right = torch.linalg.svd(table())
    scales[2:] = 0
    expected = left @ torch.diag(scales) @ right[:6]
    torch.testing.assert_close(SoftPrompt(table(), low_rank(2))(), expected, rtol=0, atol=1e-5)


def test_the_initial_factors_of_dpt_are_uniform_in_minus_a_half_to_a_half():
    torch.manual_seed(0)
    prompt = SoftPrompt(table(100, 768), low_rank(10, 100, 768, start="source"))
    for factor in prompt.state_dict().values():
        assert float(factor.abs().max()) <= 0.5
        assert float(factor.std(correction=0)) == pytest.approx(12**-0.5, rel=0.05)


def test_lopt_starts_near_the_table_and_does_not_train_the_table():
    errors = []
    for rank in (1, 3, 6):
        prompt = SoftPrompt(table(), LoPT(length=6, hidden=12, rank=rank, activation="gelu", start="init"))
        errors.append(float((prompt.fold() - table()).norm() / table().norm()))
        inner = prompt.encoder.down(table())
        torch.testing.assert_close(inner.square().mean(dim=0), torch.ones(rank), rtol=0, atol=1e-4)
        torch.testing.assert_close(prompt(), torch.nn.functional.gelu(inner) @ prompt.encoder.up.weight.T)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 1 > 1e-3 > errors[-1]
    assert "encoder.fixed" not in trained_parameters(prompt)


def test_lopt_starts_from_a_table_with_equal_rows():
    prompt = SoftPrompt(torch.ones(6, 12), LoPT(length=6, hidden=12, rank=3, activation="gelu", start="init"))
    torch.testing.assert_close(prompt(), torch.ones(6, 12), rtol=0, atol=1e-5)


def test_the_frozen_map_of_ulpt_is_determined_by_the_seed():
    def encoder(seed):
        torch.manual_seed(seed)
        return ULPT(length=6, hidden=12, rank=3, start="source")

    assert torch.equal(encoder(1).map, encoder(1).map)
    assert not torch.equal(encoder(1).map, encoder(2).map)
    assert float(encoder(1).map.abs().max()) <= (6 / 15) ** 0.5
    ulpt = encoder(1)
    assert not ulpt.map.requires_grad
    with torch.no_grad():
        ulpt.scale.copy_(torch.linspace(0, 1, 12))
        ulpt.shift.fill_(0.5)
    expected = torch.stack([ulpt.scale * (row @ ulpt.map) + 0.5 for row in ulpt.codes])
    torch.testing.assert_close(ulpt(), expected)


def test_ulpt_at_full_rank_starts_at_the_table():
    prompt = SoftPrompt(table(), ULPT(length=6, hidden=12, rank=12, start="init"))
    torch.testing.assert_close(prompt(), table(), rtol=0, atol=1e-4)


def test_rank_one_multiplies_the_table_by_an_outer_product():
    encoder = RankOne(length=6, hidden=12, around_one=True)
    gate = 1 + encoder.rows.flatten()[:, None] * encoder.columns.flatten()[None]
    torch.testing.assert_close(encoder(table()), table() * gate)


def test_a_gate_of_one_and_a_single_block_equal_the_residual_encoder():
    residual = Residual(length=6, hidden=12, **NETWORK)
    gated, block = (
        Gated(length=6, hidden=12, gate=1.0, **NETWORK),
        Stacked(length=6, hidden=12, num_blocks=1, **NETWORK),
    )
    gated.phi.load_state_dict(residual.phi.state_dict())
    block.blocks[0].load_state_dict(residual.phi.state_dict())
    assert torch.equal(gated(table()), residual(table()))
    assert torch.equal(block(table()), residual(table()))


def test_the_second_block_reads_the_output_of_the_first_block():
    two = Stacked(length=6, hidden=12, num_blocks=2, **NETWORK)
    first = table() + two.blocks[0](table())
    assert torch.equal(two(table()), first + two.blocks[1](first))


def test_superpos_mixes_each_token_from_its_own_basis():
    encoder = SuperPos(length=6, hidden=12, basis=4, shared=False, basis_weight_decay=0.0)
    prompt = SoftPrompt(table(4), encoder)
    assert torch.equal(prompt(), table(4)[[0, 1, 2, 3, 0, 1]])
    with torch.no_grad():
        encoder.weights.copy_(torch.randn(6, 4))
        encoder.basis.copy_(torch.randn(6, 4, 12))
    expected = torch.stack([weight @ basis for weight, basis in zip(encoder.weights, encoder.basis, strict=True)])
    torch.testing.assert_close(prompt(), expected)


def test_accept_mixes_each_part_of_a_token_from_a_codebook():
    encoder = ACCEPT(length=6, hidden=12, subspace_dim=4, codewords=2, start="source")
    rows = [
        torch.cat([sum(encoder.weights[i, k, j] * encoder.codebooks[k, j] for j in range(2)) for k in range(3)])
        for i in range(6)
    ]
    torch.testing.assert_close(encoder(), torch.stack(rows))


def test_accept_with_as_many_codewords_as_dimensions_of_a_sub_space_starts_at_the_table():
    prompt = SoftPrompt(table(), ACCEPT(length=6, hidden=12, subspace_dim=4, codewords=4, start="init"))
    torch.testing.assert_close(prompt(), table(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: low_rank(7),
            r"^encoder\.rank = 7: must be at most 6, the prompt length\. Set encoder\.rank=6 or less\.$",
        ),
        (lambda: low_rank(7, 12, 6), r"must be at most 6, the width of the backbone\. Set encoder\.rank=6"),
        (lambda: LoPT(length=6, hidden=12, rank=9, activation="gelu", start="init"), r"must be at most 6"),
        (lambda: ULPT(length=6, hidden=12, rank=13, start="init"), r"at most 12, the width of the backbone"),
        (
            lambda: ACCEPT(length=6, hidden=12, subspace_dim=5, codewords=2, start="init"),
            r"^encoder\.subspace_dim = 5: must divide the backbone's width 12\. Set it to one of 4, 6, 12\.$",
        ),
        (
            lambda: ACCEPT(length=6, hidden=12, subspace_dim=4, codewords=5, start="init"),
            r"^encoder\.codewords = 5: must be at most 4, the width of a sub space\. Set encoder\.codewords=4",
        ),
    ],
)  # fmt: skip
def test_a_size_that_is_not_possible_is_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
