"""The rows of a run are distributed over its devices, and wrong numbers of devices are refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rpt.config.check import check
from rpt.data.batches import deal, forwards
from rpt.errors import ConfigError
from rpt.training.ranks import ALONE, Ranks
from tests.support.composed import compose


@given(costs=st.lists(st.integers(1, 100), max_size=40), shares=st.integers(1, 5))
def test_every_row_is_in_one_share_and_shares_differ_by_at_most_the_cost_of_a_row(costs, shares):
    dealt = deal(costs, shares)
    assert sorted(position for share in dealt for position in share) == list(range(len(costs)))
    assert all(share == sorted(share) for share in dealt)
    sums = [sum(costs[position] for position in share) for share in dealt]
    assert max(sums) - min(sums) <= max(costs, default=0)


def test_a_single_share_has_all_rows_in_their_order():
    assert deal([3, 1, 2], 1) == [[0, 1, 2]]


def test_the_shares_of_a_step_cover_its_rows_and_divide_by_the_number_of_all_rows(configure, tiny_cb, assemble):
    _, data = assemble(configure(*tiny_cb))
    step = next(iter(data.train_dataloader()))
    passes = [rows for rank in range(3) for rows in forwards(step, [10], 300, rank=rank, num_ranks=3)]
    assert sorted(torch.cat([rows.row for rows in passes]).tolist()) == sorted(step.row.tolist())
    assert {float(terms) for rows in passes for terms in rows.terms_of_run} == {8.0}
    assert sum(rows.num_tokens(0, 10) for rows in passes) == step.num_tokens(0, 10)


def test_ranks_share_the_forward_passes_of_an_evaluation_without_changing_them(configure, tiny_cb, assemble):
    _, data = assemble(configure(*tiny_cb, "trainer.eval_token_budget=400"))

    def forwards(ranks):
        data.rank, data.num_ranks = ranks.rank, ranks.size
        return [rows.row.tolist() for rows in data.evaluation(data.reported, lambda: [True])]

    alone = forwards(ALONE)
    assert len(alone) > 2
    dealt = [forwards(Ranks(rank, 2)) for rank in range(2)]
    assert sorted(dealt[0] + dealt[1]) == sorted(alone)
    assert min(map(len, dealt)) > 0


def test_a_single_rank_exchanges_no_values():
    values = torch.tensor([1.0, 2.0])
    assert ALONE.sum(values) is values
    assert ALONE.gather("a") == ["a"]
    assert ALONE.from_first([1]) == [1]
    ALONE.check_same("numbers", "x")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "all", "true"])
def test_devices_are_a_count_or_auto(value):
    with pytest.raises(ConfigError, match=rf"trainer.devices = {value}: must be a whole number of at least 1, or auto"):
        check(compose([f"trainer.devices={value}"]))


def test_devices_without_a_row_are_refused():
    advice = r"^trainer\.devices = 9: must be at most 8, .* Set trainer\.devices=8 or less, or trainer\.batch_size=9"
    with pytest.raises(ConfigError, match=advice):
        check(compose(["trainer.devices=9"]))


def test_auto_on_a_cpu_is_one_device():
    from rpt.config.hardware import count_devices

    config = check(compose(["trainer=ddp", "trainer.device=cpu"]))
    assert config.trainer.devices == "auto"
    assert count_devices(config, torch.device("cpu")) == 1
