"""`backbone.dropout=true`: the frozen model applies dropout only in training, from the random stream of each run."""

import pytest
import torch

from rpt.config.check import check
from rpt.errors import ConfigError
from rpt.runs import train
from tests.support.composed import compose
from tests.support.packs import RUNS, configs_of, curve, files

DROPOUT = "backbone.dropout=true"


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tiny_bert", "tiny_t5"])
def test_runs_of_a_pack_with_dropout_have_the_same_bytes_as_alone(backbone, pack):
    packed = train(pack("packed", backbone, DROPOUT))
    alone = [train([config])[0] for config in pack("alone", backbone, DROPOUT)]
    for outcome, expected in zip(packed, alone, strict=True):
        assert files(outcome) == files(expected)
    assert len({files(outcome)["metrics.csv"] for outcome in packed}) == len(RUNS)
    assert {outcome.record.pack.exact for outcome in packed} == {True}
    assert {outcome.record.environment.bits["forwards"] for outcome in packed} == {"own"}


@pytest.mark.slow
def test_dropout_is_drawn_from_the_seed_and_changes_the_first_step(configure, tiny_cb, tmp_path):
    def first_gradient(folder, *overrides):
        [outcome] = train([configure(*tiny_cb, "encoder=plain", f"output_dir={tmp_path / folder}", *overrides)])
        return curve(outcome)["train/grad_norm"][0]

    assert first_gradient("on", DROPOUT) == first_gradient("again", DROPOUT)
    assert first_gradient("on", DROPOUT) != first_gradient("off")
    shared = ["encoder=none", "data.order_seed=0"]
    off = [first_gradient(f"off{seed}", *shared, f"seed={seed}") for seed in (0, 1)]
    assert off[0] == off[1]  # without dropout, the first gradient does not depend on the seed
    on = [first_gradient(f"on{seed}", DROPOUT, *shared, f"seed={seed}") for seed in (0, 1)]
    assert on[0] != on[1]


def test_dropout_is_off_in_evaluations(configure, tiny_cb, assemble, loop):
    packs = [assemble(configure(*tiny_cb, override)) for override in (DROPOUT, "backbone.dropout=false")]
    scores = []
    for tuner, data in packs:
        loop(tuner).train()
        assert not any(module.training for module in tuner.backbone.modules())
        rows = next(iter(data.val_dataloader()))
        tuner.on_validation_epoch_start()
        scores.append(tuner.score(rows, tuner.folded).scores)
    assert torch.equal(*scores)
    tuner, data = packs[0]
    seen = []
    tuner.backbone.register_forward_pre_hook(lambda module, _: seen.append(module.model.training))
    tuner.training_step(next(iter(data.train_dataloader())), 0)
    assert seen
    assert all(seen)
    assert not any(module.training for module in tuner.backbone.modules())


def test_a_model_without_dropout_is_refused(tiny_llama, tiny_cb, tmp_path):
    config = check(compose([*tiny_llama, *tiny_cb, DROPOUT, f"output_dir={tmp_path / 'runs'}"]))
    with pytest.raises(ConfigError, match=r"^backbone\.dropout = true: this model has no dropout\. Set backbone\.d"):
        train([config])


@pytest.mark.parametrize("devices", ["2", "auto"])
def test_dropout_with_several_devices_is_refused(devices):
    with pytest.raises(
        ConfigError, match=rf"^backbone\.dropout = true: does not go with trainer\.devices={devices}\. "
    ):
        check(compose(["trainer=ddp", f"trainer.devices={devices}", DROPOUT]))


def test_experiments_of_the_paper_have_dropout_like_the_published_code():
    assert check(compose(["experiment=paper/t5_base/residual_n10", "data=hub"])).backbone.dropout
    assert configs_of("backbone.dropout=false")[0].backbone.dropout is False
