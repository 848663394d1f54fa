"""`backbone.dropout=true`: the frozen model's dropout acts in training only, and draws from each run's stream."""

import pytest
import torch

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.errors import ConfigError
from rpt.runs import train
from tests.support.packs import RUNS, configs_of, curve, files

ON = "backbone.dropout=true"


@pytest.mark.parametrize("backbone", ["tiny_bert", pytest.param("tiny_t5", marks=pytest.mark.slow)])
def test_a_pack_gives_every_run_the_bytes_that_it_has_alone(backbone, pack):
    together = train(pack("packed", backbone, ON))
    alone = [train([config])[0] for config in pack("alone", backbone, ON)]
    for ours, theirs in zip(together, alone, strict=True):
        assert files(ours) == files(theirs)
    assert len({files(outcome)["metrics.csv"] for outcome in together}) == len(RUNS)
    assert {outcome.record.pack.exact for outcome in together} == {True}
    assert {outcome.record.environment.bits["forwards"] for outcome in together} == {"own"}


def test_it_is_drawn_from_the_seed_and_changes_the_first_step(configure, tiny_cb, tmp_path):
    def first_gradient(folder, *overrides):
        [outcome] = train([configure(*tiny_cb, "encoder=plain", f"output_dir={tmp_path / folder}", *overrides)])
        return curve(outcome)["train/grad_norm"][0]

    assert first_gradient("on", ON) == first_gradient("again", ON)
    assert first_gradient("on", ON) != first_gradient("off")
    shared = ["encoder=none", "data.order_seed=0"]
    off = [first_gradient(f"off{seed}", *shared, f"seed={seed}") for seed in (0, 1)]
    assert off[0] == off[1]  # nothing else is drawn that the first gradient would feel
    on = [first_gradient(f"on{seed}", ON, *shared, f"seed={seed}") for seed in (0, 1)]
    assert on[0] != on[1]


def test_it_is_off_wherever_nothing_is_trained(configure, tiny_cb, assemble, loop):
    packs = [assemble(configure(*tiny_cb, one)) for one in (ON, "backbone.dropout=false")]
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


def test_a_model_that_has_none_is_refused(tiny_llama, tiny_cb, tmp_path):
    config = check(compose([*tiny_llama, *tiny_cb, ON, f"output_dir={tmp_path / 'runs'}"]))
    with pytest.raises(ConfigError, match=r"^backbone\.dropout = true: this model has no dropout\. Set backbone\.d"):
        train([config])


@pytest.mark.parametrize("devices", ["2", "auto"])
def test_devices_that_share_rows_are_refused(devices):
    with pytest.raises(
        ConfigError, match=rf"^backbone\.dropout = true: does not go with trainer\.devices={devices}\. "
    ):
        check(compose(["trainer=ddp", f"trainer.devices={devices}", ON]))


def test_the_paper_s_rows_have_it_on_as_the_published_code():
    assert check(compose(["experiment=paper/t5_base/residual_n10", "data=hub"])).backbone.dropout
    assert configs_of("backbone.dropout=false")[0].backbone.dropout is False
